// A PostgreSQL cluster of the run's own: made by initdb in the scratch folder, reached by a Unix
// socket there, as safe as it comes (fsync and synchronous_commit on), stopped at the end. Runs as
// the user `postgres` where this program is root, because PostgreSQL refuses to run as root.
import Glibc

final class PostgresCluster {
  private let programs: String
  private let folder: String
  private let server: ChildProcess
  /// The server's version as it states it.
  private(set) var version = ""

  /// Why there is none on this machine; nil when there is one.
  static var obstacle: String? {
    if findPrograms() == nil { return "PostgreSQL is not installed (package postgresql-15)" }
    if geteuid() == 0 {
      if getpwnam("postgres") == nil { return "root cannot run it, and no user is postgres" }
      if Tools.find("setpriv") == nil { return "root cannot run it, and setpriv is missing" }
    }
    return nil
  }

  /// The folder of initdb, postgres, psql and pgbench: Debian's, the newest version first, or PATH.
  private static func findPrograms() -> String? {
    let root = "/usr/lib/postgresql"
    let versions = ((try? Scratch.names(in: root)) ?? []).compactMap { Int($0) }.sorted(by: >)
    let folders = versions.map { "\(root)/\($0)/bin" }
    let inPath = Tools.find("initdb").map { String($0.dropLast("/initdb".count)) }
    return (folders + [inPath].compactMap { $0 }).first { folder in
      ["initdb", "postgres", "psql", "pgbench"].allSatisfy { access("\(folder)/\($0)", X_OK) == 0 }
    }
  }

  /// - Precondition: `obstacle` is nil.
  init(in scratch: Scratch) throws {
    guard let programs = Self.findPrograms() else { throw BenchmarkError("no PostgreSQL") }
    self.programs = programs
    folder = scratch.file("postgres")
    guard mkdir(folder, 0o700) == 0 else { throw BenchmarkError("mkdir: error \(errno)") }
    if geteuid() == 0, let user = getpwnam("postgres") {
      guard chmod(scratch.path, 0o711) == 0,
        chown(folder, user.pointee.pw_uid, user.pointee.pw_gid) == 0
      else { throw BenchmarkError("the folder cannot be given to postgres: error \(errno)") }
    }
    let data = "\(folder)/data"
    _ = try ChildProcess(
      Self.asServer([
        "\(programs)/initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C",
        "--no-sync", "--no-instructions",
      ])
    ).finish(seconds: 60)
    let settings = [
      "listen_addresses=", "unix_socket_permissions=0777", "fsync=on", "synchronous_commit=on",
      "full_page_writes=on", "shared_buffers=256MB", "max_wal_size=4GB", "log_checkpoints=off",
    ].flatMap { ["-c", $0] }
    server = try ChildProcess(
      Self.asServer(["\(programs)/postgres", "-D", data, "-k", folder] + settings))
    _ = try server.wait(for: "database system is ready to accept connections", seconds: 30)
    guard chmod(folder, 0o711) == 0 else { throw BenchmarkError("chmod: error \(errno)") }
    version = String(try sql("SHOW server_version").split(separator: " ").first ?? "")
  }

  /// A fast shutdown: SIGTERM would wait for clients, of which none are left.
  func stop() { server.stop() }

  private static func asServer(_ command: [String]) -> [String] {
    guard geteuid() == 0, let setpriv = Tools.find("setpriv") else { return command }
    return [
      setpriv, "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig", "KILL", "--",
    ] + command
  }

  /// Runs statements.
  /// - Returns: what they print, without headings.
  func sql(_ text: String) throws -> String {
    try ChildProcess(
      ["\(programs)/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"] + place
        + ["-c", text]
    ).finish()
  }

  private var place: [String] { ["-h", folder, "-U", "bench", "-d", "postgres"] }

  /// Loads a file of COPY's text format.
  /// - Parameter options: what COPY is told behind the file's name.
  /// - Returns: seconds, as psql measured them.
  func copy(_ file: String, into table: String, options: String = "") throws -> Double {
    try timed("\\copy \(table) FROM '\(file)'\(options)").seconds
  }

  /// Runs a statement.
  /// - Returns: what it prints, without headings, and seconds, as psql measured them.
  func timed(_ text: String) throws -> (text: String, seconds: Double) {
    let output = try ChildProcess(
      ["\(programs)/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"] + place
        + ["-c", "\\timing on", "-c", text]
    ).finish()
    let parts = output.split(separator: "Time: ", omittingEmptySubsequences: false)
    guard parts.count == 2, let time = parts[1].split(separator: " ").first,
      let milliseconds = Double(time)
    else { throw BenchmarkError("psql did not tell the time:\n\(output.suffix(2000))") }
    return (String(parts[0]), milliseconds / 1000)
  }

  /// What a run of pgbench showed.
  struct Slice {
    /// Transactions per second.
    let rate: Double
    /// Nanoseconds of each transaction.
    let times: [Double]
  }

  /// Runs a script as one prepared transaction again and again.
  /// - Parameters:
  ///   - seconds: whole seconds; nil = 20 transactions a client.
  ///   - logs: path and first letters of the files that pgbench writes.
  func pgbench(
    _ script: String, _ variables: [(String, String)], clients: Int, seconds: Int?, logs: String
  ) throws -> Slice {
    let length = seconds.map { ["-T", "\($0)"] } ?? ["-t", "20"]
    let output = try ChildProcess(
      ["\(programs)/pgbench", "-n", "-M", "prepared", "-f", script, "-c", "\(clients)"]
        + ["-j", "\(min(clients, 2))", "-l", "--log-prefix=\(logs)", "-h", folder, "-U", "bench"]
        + length + variables.flatMap { ["-D", "\($0)=\($1)"] } + ["postgres"]
    ).finish()
    let mark = "tps = "
    guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix(mark) }),
      let rate = Double(line.dropFirst(mark.count).split(separator: " ").first ?? "")
    else { throw BenchmarkError("pgbench did not tell its rate:\n\(output.suffix(2000))") }
    return Slice(rate: rate, times: try Self.takeTimes(logs))
  }

  /// The third column of pgbench's logs: microseconds of a transaction. The files are removed.
  private static func takeTimes(_ logs: String) throws -> [Double] {
    let parts = logs.split(separator: "/")
    let folder = "/" + parts.dropLast().joined(separator: "/")
    var times: [Double] = []
    for name in try Scratch.names(in: folder) where name.hasPrefix("\(parts.last ?? "").") {
      let path = "\(folder)/\(name)"
      for line in try Scratch.text(of: path).split(separator: "\n") {
        let columns = line.split(separator: " ")
        if columns.count >= 3, let time = Double(columns[2]) { times.append(time * 1000) }
      }
      unlink(path)
    }
    guard !times.isEmpty else { throw BenchmarkError("pgbench wrote no log") }
    return times
  }
}
