// From the text of a configuration file to a checked `Configuration` (spec: cli.md). The first
// thing wrong is reported with its line; nothing is half read.
import Base
import Ledger

extension Configuration {
  /// Reads a configuration file.
  /// - Parameters:
  ///   - file: its name, for errors.
  ///   - folder: absolute path of the folder that relative paths are taken from.
  /// - Throws: `ConfigurationError` with line and reason.
  public init(
    parsing bytes: [UInt8], file: String? = nil, folder: String
  ) throws(ConfigurationError) {
    let document = try ConfigurationDocument(bytes, file: file)
    do {
      self.init()
      try read(document.root, folder: folder)
      try check()
    } catch {
      throw ConfigurationError(file: file, line: document.line(of: error.path), reason: error.text)
    }
  }

  static let keys = [
    "listen", "timezone", "logs", "ledger", "publish", "http", "prices", "admin_token_sha256",
    "groups", "accounts", "gateway",
  ]

  mutating func read(_ root: JSONValue, folder: String) throws(ConfigurationProblem) {
    let top = try ConfigurationObject(root, at: [], known: Self.keys)
    if let address = try top.address("listen") { listen = address }
    if let zone = try top.string("timezone") {
      do { _ = try LocalZone(named: zone) } catch { throw top.problem("timezone", "\(error)") }
      timeZone = zone
    }
    try readLogs(top)
    try readPublish(top, folder: folder)
    try readHTTP(top)
    if let ledger = try top.object("ledger", known: ["segment_bytes"]) {
      try ledger.integer("segment_bytes", in: 1 << 20...1 << 36, into: &segmentBytes)
    }
    if let path = try top.string("prices") {
      guard !path.isEmpty else { throw top.problem("prices", "must not be empty") }
      pricesPath = Self.absolute(path, folder: folder)
    }
    if let text = try top.string("admin_token_sha256") {
      guard let hash = Hex.decode(text), hash.count == 32 else {
        throw top.problem(
          "admin_token_sha256",
          "must be the SHA-256 of the token, 64 hex digits (printf %s TOKEN | sha256sum)")
      }
      adminTokenHash = hash
    }
    for element in try top.elements("groups") {
      groups.append(try GroupSettings(element.value, at: element.path))
    }
    for element in try top.elements("accounts") {
      accounts.append(try AccountSettings(element.value, at: element.path, folder: folder))
    }
    try gateway.read(top)
  }

  private mutating func readLogs(_ top: ConfigurationObject) throws(ConfigurationProblem) {
    guard let object = try top.object("logs", known: ["format", "level", "levels"]) else { return }
    try object.choice("format", into: &logs.format)
    try object.logLevel("level", into: &logs.level)
    let areas = LogArea.all.map(\.name)
    guard let levels = try object.object("levels", known: areas) else { return }
    for area in levels.keys {
      var level = logs.level
      try levels.logLevel(area, into: &level)
      logs.levels[area] = level
    }
  }

  private mutating func readPublish(
    _ top: ConfigurationObject, folder: String
  ) throws(ConfigurationProblem) {
    guard let object = try top.object("publish", known: ["file", "webhook", "every_seconds"])
    else { return }
    publish.file = try object.string("file").map { Self.absolute($0, folder: folder) }
    if let url = try object.string("webhook") {
      if let reason = UpstreamURL.problem(url, schemes: ["http", "https"], allowsQuery: true) {
        throw object.problem("webhook", reason)
      }
      publish.webhook = url
    }
    try object.duration("every_seconds", least: 1000, into: &publish.every)
  }

  private mutating func readHTTP(_ top: ConfigurationObject) throws(ConfigurationProblem) {
    let known = ["head_seconds", "body_min_bytes_per_second", "idle_seconds", "max_connections"]
    guard let object = try top.object("http", known: known) else { return }
    try object.duration("head_seconds", into: &http.head)
    try object.integer(
      "body_min_bytes_per_second", in: 0...1 << 30, into: &http.bodyMinBytesPerSecond)
    try object.duration("idle_seconds", into: &http.idle)
    try object.integer("max_connections", in: 1...1_000_000, into: &http.maxConnections)
  }

  /// A path as it is when absolute, else below `folder`.
  static func absolute(_ path: String, folder: String) -> String {
    if path.hasPrefix("/") { return path }
    return folder.hasSuffix("/") ? folder + path : "\(folder)/\(path)"
  }
}

extension ConfigurationObject {
  func address(_ key: String) throws(ConfigurationProblem) -> HostPort? {
    guard let text = try string(key) else { return nil }
    guard let address = HostPort(text) else {
      throw problem(key, "must be HOST:PORT, for example \"127.0.0.1:8080\", not \"\(text)\"")
    }
    return address
  }

  /// A level of the log; `warning` is another word for `warn`.
  func logLevel(_ key: String, into level: inout LogLevel) throws(ConfigurationProblem) {
    if try string(key) == "warning" {
      level = .warn
    } else {
      try choice(key, into: &level)
    }
  }

  func platform(_ key: String) throws(ConfigurationProblem) -> Platform {
    let text = try requiredString(key)
    let known = Platform.allCases.filter { $0 != .unrecognized }
    guard let platform = known.first(where: { $0.name == text }) else {
      throw wrongChoice(key, text, known.map(\.name))
    }
    return platform
  }

  /// A name that people type and the ledger keeps: 1 ... 128 bytes, no control characters, not like
  /// an identifier.
  func name(_ key: String) throws(ConfigurationProblem) -> String {
    let text = try requiredString(key)
    if let reason = NameRule.problem(text) { throw problem(key, reason) }
    return text
  }
}
