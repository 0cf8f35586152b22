// The areas of the log, each with a level of its own under `logs.levels`.
public import Base

extension LogArea {
  /// One line per request, at its end.
  public static let request = LogArea(0, "request")
  /// Attempts at upstreams that failed.
  public static let upstream = LogArea(1, "upstream")
  /// Accounts that rest, fail, are enabled or disabled.
  public static let account = LogArea(2, "account")
  /// Trouble with the ledger, its recovery, the disk.
  public static let ledger = LogArea(3, "ledger")
  /// Commands of the administration.
  public static let admin = LogArea(4, "admin")
  /// Start, end, configuration.
  public static let server = LogArea(5, "server")
  /// What the HTTP layer refuses before it is a request.
  public static let http = LogArea(6, "http")
  /// The log itself.
  public static let log = LogArea(7, "log")

  public static let all: [LogArea] = [
    .request, .upstream, .account, .ledger, .admin, .server, .http, .log,
  ]
}

extension LogLine {
  /// An error or another text of ours: longer than what comes from outside may be.
  public mutating func field(_ name: StaticString, ours text: String) {
    field(name, text, limit: 2048)
  }
}
