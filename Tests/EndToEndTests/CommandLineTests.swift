// The commands as a script uses them: exit codes, JSON, errors; without a server and with one.
import Base
import Foundation
import TestSupport
import Testing

/// A data directory of its own, and commands on it.
struct CommandLineBed: ~Copyable {
  let folder: String
  var data: String { folder + "/data" }

  init() throws {
    folder = NSTemporaryDirectory() + "daybook-cli-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  static let configuration = """
    {"listen": "127.0.0.1:0", "gateway": {"metrics_listen": null},
     "groups": [{"name": "default", "platform": "anthropic", "type": "balance"},
                {"name": "pro", "platform": "anthropic", "type": "subscription"}],
     "accounts": [{"name": "main", "platform": "anthropic", "groups": ["default", "pro"],
                   "base_url": "http://127.0.0.1:9", "credential": "env:DAYBOOK_TEST_KEY"}]}
    """
  var configurationPath: String { folder + "/daybook.json" }
  func configure(_ text: String = configuration) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: configurationPath))
  }

  typealias Result = (end: ProcessEnd, output: String, errors: String)
  func run(_ arguments: String...) async throws -> Result {
    try await ServerProcess.run(
      ["--data", data] + arguments,
      environment: ["DAYBOOK_TEST_KEY": "sk-upstream", "ANTHROPIC_API_KEY": nil])
  }
  /// The JSON of a command that must succeed.
  func json(_ arguments: String...) async throws -> JSONValue {
    let result = try await ServerProcess.run(
      ["--data", data, "--json"] + arguments, environment: ["DAYBOOK_TEST_KEY": "sk-upstream"])
    try #require(result.end == .exited(0), "\(arguments): \(result.errors)")
    return try JSONParser().parse(result.output)
  }
  func serve(_ arguments: String...) async throws -> (process: ServerProcess, port: UInt16) {
    try await ServerProcess.listening(
      ["--data", data, "serve"] + arguments,
      environment: ["DAYBOOK_TEST_KEY": "sk-upstream", "ANTHROPIC_API_KEY": nil])
  }
  func serveConfigured() async throws -> ServerProcess {
    try configure()
    return try await serve("--config", configurationPath).process
  }
}

@Suite(.serialized) struct CommandLineTests {
  @Test(arguments: [
    ["user"], ["user", "ad"], ["user", "add"], ["user", "list", "--nonsense"],
    ["credit", "add", "--user", "x", "--usd", "ten", "--reason", "r"], ["serve", "--listen", "x"],
    ["sandbox", "--fail", "1"], ["cat", "--type", "nonsense"],
  ])
  func `wrong usage ends with 2 and one line on standard error`(arguments: [String]) async throws {
    let bed = try CommandLineBed()
    let server = try await bed.serveConfigured()
    #expect(try await server.terminate() == .exited(0))
    let result = try await ServerProcess.run(["--data", bed.data] + arguments)
    #expect(result.end == .exited(2), "\(result.errors)")
    #expect(result.output.isEmpty && result.errors.hasPrefix("daybook: "))
    #expect(result.errors.filter { $0 == "\n" }.count == 1)
  }

  @Test func `help goes to standard output and ends with 0`() async throws {
    let result = try await ServerProcess.run(["key", "issue", "--help"])
    #expect(result.end == .exited(0) && result.output.contains("--quota"))
  }

  @Test func `reading where no ledger is makes none`() async throws {
    let bed = try CommandLineBed()
    let result = try await bed.run("user", "list")
    #expect(result.end == .exited(1) && result.errors.contains("is not a ledger"))
    #expect(!FileManager.default.fileExists(atPath: bed.data))
  }

  @Test func `the same commands work without a server and with one`() async throws {
    let bed = try CommandLineBed()
    var server = try await bed.serveConfigured()
    let ann = try await bed.json("user", "add", "ann")
    let key = try await bed.json("key", "issue", "--user", "ann", "--group", "default")
    #expect(key["key"]?.string?.hasPrefix("sk-") == true)
    _ = try await bed.json("credit", "add", "--user", "ann", "--usd", "10.25", "--reason", "r")
    #expect(try await server.terminate() == .exited(0))

    #expect(try await bed.json("balance", "ann")["balance_usd"] == .string("10.25"))
    _ = try await bed.json("credit", "add", "--user", "ann", "--usd", "-0.25", "--reason", "r")
    let id = try #require(ann["id"]?.string)
    #expect(try await bed.json("balance", id)["balance_usd"] == .string("10"))
    #expect(try await bed.json("rebuild")["equal"] == .bool(true))
    #expect(try await bed.json("verify")["intact"] == .bool(true))

    server = try await bed.serveConfigured()
    #expect(try await bed.json("balance", "ann")["balance_usd"] == .string("10"))
    #expect(try await bed.json("rebuild")["equal"] == .bool(true))
    #expect(try await bed.json("verify")["intact"] == .bool(true))
    #expect(try await bed.json("credit", "list").array?.count == 2)
    #expect(
      try await bed.json("usage", try #require(key["id"]?.string))["balance"] == .number("10"))
    #expect(try await bed.json("status")["server"] == .string("running"))
    #expect(try await server.terminate() == .exited(0))
  }

  @Test func `an unknown name ends with 1 and names the nearest`() async throws {
    let bed = try CommandLineBed()
    _ = try await bed.run("user", "add", "annabel")
    let result = try await bed.run("balance", "anabel")
    #expect(result.end == .exited(1) && result.errors.contains("did you mean \"annabel\"?"))
  }

  @Test func `cat prints every event, and those asked for`() async throws {
    let bed = try CommandLineBed()
    let server = try await bed.serveConfigured()
    _ = try await bed.json("user", "add", "ann")
    _ = try await bed.json("user", "add", "bob")
    for user in ["ann", "bob", "ann"] {
      _ = try await bed.json("credit", "add", "--user", user, "--usd", "1", "--reason", "r")
    }
    func sequences(_ arguments: String...) async throws -> [Int64] {
      let result = try await ServerProcess.run(["--data", bed.data, "cat"] + arguments)
      return try result.output.split(separator: "\n").map { line in
        try #require(try JSONParser().parse(String(line))["sequence"]?.integer)
      }
    }
    let all = try await sequences()
    #expect(all == Array(1...Int64(all.count)))
    #expect(try await sequences("--from", "3", "--to", "5") == [3, 4, 5])
    #expect(try await sequences("--type", "credit_added").count == 3)
    #expect(try await sequences("--type", "credit_added", "--user", "ann").count == 2)
    #expect(try await sequences("--user", "bob").count == 2)
    #expect(try await server.terminate() == .exited(0))
    #expect(try await sequences() == all)
  }
}
