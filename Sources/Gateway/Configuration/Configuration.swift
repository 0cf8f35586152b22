// What the operator declares: listen address, accounts, groups, limits, prices (spec: cli.md,
// "Configuration"). A value: read from a file (ConfigurationParser), restored from the ledger's
// last recorded state (ConfigurationRestore), or the default of a first start. Secrets are held
// apart, in `Credentials`: a configuration can be recorded, compared and printed as it is.
public import Base
public import Ledger

/// All that the configuration file says, checked, with defaults filled in.
public struct Configuration: Equatable, Sendable {
  public var listen = HostPort(host: "127.0.0.1", port: 8080)
  /// An IANA name; days begin at its midnight.
  public var timeZone = "UTC"
  public var logs = LogSettings()
  /// Greatest length of one ledger segment in bytes.
  public var segmentBytes: Int64 = 268_435_456
  public var publish = PublishSettings()
  public var http = HTTPSettings()
  /// Absolute path of a price file in LiteLLM's format; nil = the built-in book.
  public var pricesPath: String?
  /// SHA-256 of the administration token, 32 bytes; nil = no /admin over HTTP.
  public var adminTokenHash: [UInt8]?
  public var groups: [GroupSettings] = []
  public var accounts: [AccountSettings] = []
  public var gateway = GatewaySettings()

  public init() {}

  public func group(named name: String) -> GroupSettings? { groups.first { $0.name == name } }
  public func account(named name: String) -> AccountSettings? {
    accounts.first { $0.name == name }
  }
}

/// A host (name, IPv4, or IPv6 without brackets; "" = all addresses) and a TCP port, 0 = any free
/// one.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
  public var host: String
  public var port: UInt16
  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }
  /// Reads `HOST:PORT`, `[V6]:PORT`, `:PORT` (all addresses); nil for anything else.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...]),
      text[text.index(after: colon)...].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 })
    else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      guard host.contains(":") else { return nil }
    } else if host.contains(":") {
      return nil
    }
    let isPlain = host.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "/") }
    guard isPlain else { return nil }
    self.init(host: host, port: port)
  }
  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Where signed tree heads are published outside.
public struct PublishSettings: Equatable, Sendable {
  /// Absolute path of a file that holds the newest head, put in place as a whole.
  public var file: String?
  /// URL that each head is posted to.
  public var webhook: String?
  public var every = Duration.seconds(60)
  public init() {}
}

/// Bounds of the HTTP server.
public struct HTTPSettings: Equatable, Sendable {
  /// For the whole request head.
  public var head = Duration.seconds(10)
  /// A body slower than this after 10 s is refused.
  public var bodyMinBytesPerSecond: Int64 = 1024
  public var idle = Duration.seconds(75)
  public var maxConnections: Int64 = 10_000
  public init() {}
}

/// A group: which platform its callers speak, who pays, at which multiplier.
public struct GroupSettings: Equatable, Sendable {
  public var name: String
  public var platform: Platform
  public var target: PaymentTarget
  public var multiplier = PartsPerMillion.one
  /// Limits of the charged amount per window; nil = none. Subscription groups only.
  public var dailyLimit: NanoUSD?
  public var weeklyLimit: NanoUSD?
  public var monthlyLimit: NanoUSD?
  /// Where a too long prompt goes instead: a balance group of platform anthropic.
  public var fallbackGroup: String?
  public init(name: String, platform: Platform, target: PaymentTarget) {
    self.name = name
    self.platform = platform
    self.target = target
  }
}

/// An upstream account. Its secret is in `Credentials`, never here.
public struct AccountSettings: Equatable, Sendable {
  public var name: String
  public var platform: Platform
  public var groups: [String]
  /// http(s) URL without user info, query, fragment, without a slash at its end.
  /// `AccountSettings.sandboxURL` is the built-in sandbox.
  public var baseURL: String
  public var credential: CredentialSource
  /// Send the credential as `authorization: Bearer` instead of `x-api-key`.
  public var usesBearer = false
  /// Small first.
  public var priority: Int32 = 1
  public var concurrency: Int32 = 10
  /// Model asked for (or `prefix*`) and model sent, in the file's order; empty = all models.
  public var models: [ModelMapping] = []
  public var interceptsWarmup = false
  /// An antigravity account that may serve anthropic and gemini groups.
  public var isMixed = false
  /// Antigravity: the project its requests name.
  public var project: String?
  /// Proxy URL; nil = none (never from the environment).
  public var proxy: String?
  public init(
    name: String, platform: Platform, groups: [String], baseURL: String,
    credential: CredentialSource
  ) {
    self.name = name
    self.platform = platform
    self.groups = groups
    self.baseURL = baseURL
    self.credential = credential
  }

  /// An address nobody else can have (RFC 6761, section 6.3): the sandbox inside this process.
  public static let sandboxURL = "http://sandbox.localhost"
  public var isSandbox: Bool { baseURL == Self.sandboxURL }
}

/// One entry of an account's model map.
public struct ModelMapping: Equatable, Sendable {
  /// A model name, or a prefix followed by `*`.
  public let asked: String
  public let sent: String
  public init(asked: String, sent: String) {
    self.asked = asked
    self.sent = sent
  }
}
