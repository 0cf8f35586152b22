// `daybook serve` as an operator meets it: first start, later starts, reload, a second server,
// stale sockets, bad configurations, taken ports.
import Base
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct CommandLineServeTests {
  @Test func `a first start prints one key and one address, later starts keep what was recorded`()
    async throws
  {
    let bed = try CommandLineBed()
    var server = try await bed.serve("--listen", "127.0.0.1:0").process
    #expect(server.output.components(separatedBy: "listening on").count == 2)
    #expect(server.output.contains("/v1/messages") && server.output.contains("sk-"))
    #expect(try await bed.json("balance", "demo")["balance_usd"] == .string("10"))
    let mode = try FileManager.default.attributesOfItem(atPath: bed.data)[.posixPermissions]
    #expect(mode as? Int == 0o700)
    #expect(try await server.terminate() == .exited(0))

    server = try await bed.serve("--listen", "127.0.0.1:0").process
    #expect(!server.output.contains("sk-"))
    #expect(try await bed.json("user", "list").array?.count == 1)
    #expect(try await server.terminate() == .exited(0))
  }

  @Test func `a second server on one directory is refused and named`() async throws {
    let bed = try CommandLineBed()
    let server = try await bed.serveConfigured()
    let second = try await bed.run("serve", "--config", bed.configurationPath)
    let pid = try #require(server.pid)
    #expect(second.end == .exited(1) && second.errors.contains("(pid \(pid))"))
    #expect(try await server.terminate() == .exited(0))
  }

  @Test func `a socket that a killed server left is replaced`() async throws {
    let bed = try CommandLineBed()
    var server = try await bed.serveConfigured()
    server.kill(SIGKILL)
    _ = try await server.ended()
    #expect(FileManager.default.fileExists(atPath: bed.data + "/daybook.sock"))
    _ = try await bed.json("user", "add", "ann")
    server = try await bed.serveConfigured()
    #expect(try await bed.json("user", "list").array?.count == 1)
    #expect(try await server.terminate() == .exited(0))
  }

  @Test func `a bad configuration is refused with file and line and makes no ledger`() async throws
  {
    let bed = try CommandLineBed()
    try bed.configure("{\n \"gruops\": []}")
    let result = try await bed.run("serve", "--config", bed.configurationPath)
    #expect(result.end == .exited(1))
    #expect(result.errors.contains("daybook.json:2: gruops: unknown key"))
    #expect(!FileManager.default.fileExists(atPath: bed.data))
  }

  @Test func `a missing credential is refused before the ledger is made`() async throws {
    let bed = try CommandLineBed()
    try bed.configure()
    let result = try await ServerProcess.run(
      ["--data", bed.data, "serve", "--config", bed.configurationPath],
      environment: ["DAYBOOK_TEST_KEY": nil])
    #expect(result.end == .exited(1) && result.errors.contains("DAYBOOK_TEST_KEY"))
    #expect(!FileManager.default.fileExists(atPath: bed.data))
  }

  @Test func `reload takes a new configuration, and keeps the old one when the new one is bad`()
    async throws
  {
    let bed = try CommandLineBed()
    let server = try await bed.serveConfigured()
    #expect(try await bed.json("reload")["events"] == .number("0"))
    try bed.configure(
      CommandLineBed.configuration.replacing(
        #""type": "balance"}"#, with: #""type": "balance", "rate_multiplier": 2}"#))
    #expect(try await bed.json("reload")["events"] == .number("1"))
    func multiplier() async throws -> JSONValue? {
      try await bed.json("group", "list").array?.first?["rate_multiplier"]
    }
    #expect(try await multiplier() == .number("2"))
    try bed.configure("{")
    let refused = try await bed.run("reload")
    #expect(refused.end == .exited(1) && refused.errors.contains("the old one stays"))
    server.kill(SIGHUP)
    try await server.complained("the old one stays")
    #expect(try await multiplier() == .number("2"))
    try bed.configure()
    server.kill(SIGHUP)
    try await server.complained("is in force")
    #expect(try await multiplier() == .number("1"))
    #expect(try await server.terminate() == .exited(0))
  }

  @Test func `damage in the ledger ends with 3 and points at repair`() async throws {
    let bed = try CommandLineBed()
    for name in ["ann", "bob", "cat"] { _ = try await bed.json("user", "add", name) }
    let segment = bed.data + "/segments/00000000000000000001.lz4"
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: segment))
    try file.seek(toOffset: 4096 - 30)
    try file.write(contentsOf: Data(repeating: 0xA5, count: 8))
    try file.close()
    for command in [["verify"], ["cat"], ["serve", "--listen", "127.0.0.1:0"]] {
      let result = try await ServerProcess.run(["--data", bed.data] + command)
      #expect(result.end == .exited(3), "\(command): \(result.errors)")
      #expect(result.errors.contains("repair"), "\(command): \(result.errors)")
    }
  }

  @Test func `a metrics port that was stated and is taken ends the start with 1`() async throws {
    let bed = try CommandLineBed()
    try bed.configure()
    let (server, port) = try await bed.serve("--config", bed.configurationPath)
    let other = try CommandLineBed()
    try other.configure(
      CommandLineBed.configuration.replacing(
        #""metrics_listen": null"#, with: "\"metrics_listen\": \"127.0.0.1:\(port)\""))
    let result = try await other.run("serve", "--config", other.configurationPath)
    #expect(result.end == .exited(1) && result.errors.contains("127.0.0.1:\(port)"))
    #expect(try await server.terminate() == .exited(0))
  }
}
