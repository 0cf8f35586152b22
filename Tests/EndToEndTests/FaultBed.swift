// A real server with a ledger of its own in front of upstreams that misbehave, for the tests of
// faults. The ledger is a copy of one that is made once: user `rich` has ten dollars, user `poor`
// has none, each has a key.

import Base
import Foundation
import TestSupport
import Testing

final class FaultBed: Sendable {
  let folder: String
  let upstream: FaultyUpstream
  let keys: FaultKeys
  var data: String { folder + "/data" }
  var configurationPath: String { folder + "/daybook.json" }

  /// - Parameters:
  ///   - gateway: more members of the configuration's `gateway` object, as JSON.
  ///   - dataFolder: where the ledger lies; it is made. nil = beside everything else.
  init(
    _ upstream: FaultyUpstream, gateway: String = "", more: String = "", dataFolder: String? = nil
  ) async throws {
    self.upstream = upstream
    folder = dataFolder ?? NSTemporaryDirectory() + "daybook-fault-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let template = try await FaultTemplate.shared.value
    keys = template.keys
    try FileManager.default.copyItem(atPath: template.folder + "/data", toPath: folder + "/data")
    try configure(Self.configuration(of: upstream, gateway: gateway, more: more))
  }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func configure(_ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: configurationPath))
  }

  /// One account for each way to misbehave: the model's name in a request chooses.
  static func configuration(
    of upstream: FaultyUpstream, gateway: String = "", more: String = ""
  ) -> String {
    let accounts = upstream.names.map { name in
      """
      {"name": "\(name)", "platform": "anthropic", "groups": ["default"], "concurrency": 100,
       "base_url": "\(upstream.url(name))", "credential": "env:FAULT_TEST_KEY",
       "models": {"\(name)": "claude-sonnet-5-5"}}
      """
    }
    return """
      {"listen": "127.0.0.1:0", \(more.isEmpty ? "" : more + ",")
       "groups": [{"name": "default", "platform": "anthropic", "type": "balance"}],
       "accounts": [\(accounts.joined(separator: ",\n"))],
       "gateway": {"metrics_listen": "127.0.0.1:0"\(gateway.isEmpty ? "" : ", " + gateway)}}
      """
  }

  // MARK: The server

  static let environment: [String: String?] = [
    "FAULT_TEST_KEY": "sk-ant-secret-of-the-upstream", "ANTHROPIC_API_KEY": nil,
  ]

  func serve() async throws -> FaultServer {
    let (process, port) = try await ServerProcess.listening(
      ["--data", data, "serve", "--config", configurationPath], environment: Self.environment)
    return FaultServer(process: process, port: port, key: keys.rich)
  }

  /// A command on the ledger, with a server or without.
  func run(_ words: String...) async throws -> (end: ProcessEnd, output: String, errors: String) {
    try await ServerProcess.run(["--data", data] + words, environment: Self.environment)
  }
  /// The JSON of a command that must succeed.
  func json(_ words: String...) async throws -> JSONValue {
    let (end, output, errors) = try await ServerProcess.run(
      ["--data", data, "--json"] + words, environment: Self.environment)
    try #require(end == .exited(0), "\(words): \(end) \(errors)")
    return try JSONParser().parse(output)
  }
  /// The events of a type, or all.
  func events(_ type: String? = nil) async throws -> [JSONValue] {
    let words = ["--data", data, "cat"] + (type.map { ["--type", $0] } ?? [])
    let (end, output, errors) = try await ServerProcess.run(words, environment: Self.environment)
    try #require(end == .exited(0), "\(errors)")
    return try output.split(separator: "\n").map { try JSONParser().parse(String($0)) }
  }

  /// Checks that each admission is closed once, that the balance is credits minus charges to the
  /// nano-dollar, and that the state folded anew equals the live one.
  func expectSoundBooks(open: Int = 0) async throws {
    let events = try await events()
    var credits: Int64 = 0, charges: Int64 = 0, admitted: Set<Int64> = [], closed: [Int64] = []
    for event in events {
      let type = event["type"]?.string
      if type == "billing_checked", event["allowed"] == .bool(true) {
        admitted.insert(event["sequence"]?.integer ?? 0)
      }
      if type == "credit_added" { credits += try money(event, "amount_usd") }
      if type == "forward_settled" { charges += try money(event, "charged_usd") }
      if ["forward_settled", "forward_failed", "outcome_unknown"].contains(type) {
        closed.append(event["admission_sequence"]?.integer ?? 0)
      }
    }
    #expect(Set(closed).count == closed.count, "an admission was closed twice")
    #expect(Set(closed).isSubset(of: admitted))
    #expect(admitted.count - closed.count == open, "admissions that are not closed")
    let balance = try #require(try await json("balance", "rich")["balance_usd"]?.string)
    #expect(try nano(balance) == credits - charges)
    #expect(try await json("rebuild")["equal"] == .bool(true))
  }

  private func money(_ event: JSONValue, _ name: String) throws -> Int64 {
    try nano(try #require(event[name]?.string, "\(name) is missing in \(event)"))
  }
  private func nano(_ text: String) throws -> Int64 {
    let scaled = try DecimalText.parse(text, scale: 9)
    try #require(scaled.isExact, "\(text) is finer than a nano-dollar")
    return try #require(Int64(exactly: scaled.value))
  }
}

/// A running server, and how a caller speaks to it.
struct FaultServer: Sendable {
  let process: ServerProcess
  let port: UInt16
  let key: String

  /// Sends bytes and gives back all that comes until the server closes.
  func exchange(_ text: String) async throws -> Received {
    let port = port
    return try await onThread {
      let socket = try RawSocket.connect(port: port, timeoutSeconds: 60)
      try socket.send(text)
      return Received(try socket.receiveAll())
    }
  }
  func get(_ path: String, port: UInt16? = nil) async throws -> Received {
    try await FaultServer(process: process, port: port ?? self.port, key: key).exchange(
      "GET \(path) HTTP/1.1\r\nhost: x\r\nx-api-key: \(key)\r\nconnection: close\r\n\r\n")
  }
  /// Where the metrics page is.
  func metricsPort() throws -> UInt16 {
    let line = process.output.split(separator: "\n").first { $0.hasPrefix("metrics on ") }
    return try #require(line?.split(separator: ":").last.flatMap { UInt16($0) })
  }
  func post(_ body: String, key: String? = nil, headers: String = "") async throws -> Received {
    try await exchange(Self.text(body, key: key ?? self.key, headers: headers))
  }
  /// Asks the upstream of that name.
  func ask(_ name: String, stream: Bool = false) async throws -> Received {
    try await post(Self.body(name, stream: stream))
  }
  /// The request of `ask`, for those who read the answer themselves.
  func request(_ name: String, stream: Bool = false) -> String {
    Self.text(Self.body(name, stream: stream), key: key)
  }

  static func text(_ body: String, key: String, headers: String = "") -> String {
    "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: \(key)\r\nconnection: close\r\n"
      + "content-type: application/json\r\n\(headers)content-length: \(body.utf8.count)\r\n\r\n"
      + body
  }
  static func body(_ model: String, stream: Bool = false) -> String {
    #"{"model": "\#(model)", "max_tokens": 100, "stream": \#(stream), "#
      + #""messages": [{"role": "user", "content": "Hello"}]}"#
  }
}

extension Received {
  /// `type` and `message` of an error, flat or in the envelope.
  var problem: String {
    guard let json else { return "no JSON: \(head)\n\(text)" }
    let error = json["error"] ?? json
    return "\(error["type"]?.string ?? error["code"]?.string ?? "?"): "
      + (error["message"]?.string ?? "?")
  }
}

struct FaultKeys: Sendable {
  let rich: String
  let poor: String
}

/// A command of the system that a test needs.
enum FaultTool {
  static func run(_ words: String...) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = words
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "failed (is it installed?): \(words)")
  }
}

/// The ledger that all tests copy.
final class FaultTemplate: Sendable {
  let folder: String
  let keys: FaultKeys

  static let shared = Task { try await FaultTemplate() }

  private init() async throws {
    folder = NSTemporaryDirectory() + "daybook-fault-template-\(UUID().uuidString)"
    let folder = folder
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    atExit(remove: folder)
    let path = folder + "/daybook.json"
    let text = FaultBed.configuration(of: try FaultyUpstream([:]))
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    @Sendable func run(_ words: String...) async throws -> JSONValue {
      let (end, output, errors) = try await ServerProcess.run(
        ["--data", folder + "/data", "--json"] + words, environment: FaultBed.environment)
      try #require(end == .exited(0), "\(words): \(errors)")
      return try JSONParser().parse(output)
    }
    let (server, _) = try await ServerProcess.listening(
      ["--data", folder + "/data", "serve", "--config", path], environment: FaultBed.environment)
    for user in ["rich", "poor"] {
      _ = try await run("user", "add", user, "--concurrency", "200")
    }
    _ = try await run(
      "credit", "add", "--user", "rich", "--usd", "10", "--reason", "for the tests")
    @Sendable func issue(_ user: String) async throws -> String {
      let issued = try await run("key", "issue", "--user", user, "--group", "default")
      return try #require(issued["key"]?.string)
    }
    keys = FaultKeys(rich: try await issue("rich"), poor: try await issue("poor"))
    try #require(try await server.terminate() == .exited(0))
  }
}

private nonisolated(unsafe) var leftBehind = ""
private func atExit(remove folder: String) {
  leftBehind = folder
  atexit { try? FileManager.default.removeItem(atPath: leftBehind) }
}
