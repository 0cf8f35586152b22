// `daybook reconcile` against what the sandbox says it answered: everything matches, and whatever
// is changed in the file is found; a request that a killed server lost is settled from a log.
import Base
import Foundation
import TestSupport
import Testing

/// A gateway in front of a sandbox that writes down what it answered.
private final class ReconcileBed {
  let bed: CommandLineBed
  let sandbox: ServerProcess
  let record: String
  let key: String

  init(_ flags: String...) async throws {
    let bed = try CommandLineBed()
    record = bed.folder + "/record.jsonl"
    let (sandbox, port) = try await ServerProcess.listening(
      ["sandbox", "--listen", "127.0.0.1:0", "--record", record] + flags)
    self.sandbox = sandbox
    try bed.configure(
      CommandLineBed.configuration.replacing("127.0.0.1:9\"", with: "127.0.0.1:\(port)\""))
    let (server, _) = try await bed.serve("--config", bed.configurationPath)
    _ = try await bed.json("user", "add", "ann")
    _ = try await bed.json("credit", "add", "--user", "ann", "--usd", "10", "--reason", "test")
    let issued = try await bed.json("key", "issue", "--user", "ann", "--group", "default")
    key = try #require(issued["key"]?.string)
    #expect(try await server.terminate() == .exited(0))
    self.bed = bed
  }

  func serve() async throws -> (process: ServerProcess, port: UInt16) {
    try await bed.serve("--config", bed.configurationPath)
  }

  static func request(key: String, stream: Bool) -> String {
    let body = """
      {"model":"claude-opus-5-5","max_tokens":50,"stream":\(stream),
      "messages":[{"role":"user","content":"hello"}]}
      """
    return "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: \(key)\r\nconnection: close\r\n"
      + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  func ask(_ port: UInt16, stream: Bool) async throws {
    let text = Self.request(key: key, stream: stream)
    let answer = try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(text)
      return CrashAnswer(bytes: try socket.receiveAll())
    }
    try #require(answer.status == 200)
  }

  func reconcile(_ file: String, _ more: String...) async throws -> JSONValue {
    let result = try await ServerProcess.run(
      ["--data", bed.data, "--json", "reconcile", "--invoice", file] + more)
    try #require(result.end == .exited(0), "\(result.errors)")
    return try JSONParser(maxDepth: 64).parse(result.output)
  }

  func write(_ text: String, _ name: String) throws -> String {
    let path = bed.folder + "/" + name
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }
}

@Suite(.serialized) struct ReconcileTests {
  private static func rows(_ report: JSONValue) -> [Int64] {
    ["matched", "differing", "ours_only", "theirs_only"].map { kind in
      max(
        report[kind]?["ours"]?["rows"]?.integer ?? -1,
        report[kind]?["theirs"]?["rows"]?.integer ?? -1)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `the sandbox's record matches to the token, and every change in it is found`() async throws {
    let bed = try await ReconcileBed("--events", "5")
    let (server, port) = try await bed.serve()
    for stream in [true, false, true, false] { try await bed.ask(port, stream: stream) }
    let live = try await bed.reconcile(bed.record)
    #expect(Self.rows(live) == [4, 0, 0, 0], "\(live.text)")
    #expect(
      live["matched"]?["ours"]?["input_tokens"] == live["matched"]?["theirs"]?["input_tokens"])

    var lines = try String(contentsOfFile: bed.record, encoding: .utf8)
      .split(separator: "\n").map(String.init)
    try #require(lines.count == 4)
    lines[0] = lines[0].replacing(#""output_tokens":"#, with: #""output_tokens":9"#)
    lines[1] = lines[1].replacing("msg_", with: "msg_foreign")
    lines.append(lines[2])
    let changed = try bed.write(lines.joined(separator: "\n"), "changed.jsonl")
    #expect(try await server.terminate() == .exited(0))

    let csv = bed.bed.folder + "/findings.csv"
    let found = try await bed.reconcile(changed, "--csv", csv)
    #expect(Self.rows(found) == [2, 1, 1, 1], "\(found.text)")
    #expect(found["rows"]?["duplicates"] == .number("1"))
    let kinds = try String(contentsOfFile: csv, encoding: .utf8).split(separator: "\r\n")
      .dropFirst().map { String($0.prefix { $0 != "," }) }
    #expect(kinds.sorted() == ["differing", "duplicate", "ours_only", "theirs_only"])
    let text = try await bed.bed.run("reconcile", "--invoice", changed)
    #expect(text.output.contains("ours only") && text.output.contains("output_tokens"))
    _ = try await bed.sandbox.terminate()
  }

  @Test(.timeLimit(.minutes(1)))
  func `a request lost in a crash is settled from a log, once`() async throws {
    let bed = try await ReconcileBed("--first-token-ms", "0", "--stall", "1")
    let (server, port) = try await bed.serve()
    let text = ReconcileBed.request(key: bed.key, stream: true)
    let head = try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(text)
      var head: [UInt8] = []
      while !String(decoding: head, as: UTF8.self).contains("\r\n\r\n") {
        let piece = try socket.receive()
        if piece.isEmpty { break }
        head += piece
      }
      server.kill(SIGKILL)
      return String(decoding: head, as: UTF8.self)
    }
    _ = try await server.ended()
    let line = try #require(
      head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("request-id:") })
    let id = line.dropFirst("request-id:".count).trimmingCharacters(in: .whitespaces)
    let log = try bed.write(
      #"{"request_id":"\#(id)","message_id":"msg_1","model":"claude-opus-5-5","usage":"#
        + #"{"input_tokens":1000,"output_tokens":100}}"#, "client.jsonl")

    // The next start finds the request open.
    let (second, _) = try await bed.serve()
    let preview = try await bed.reconcile(log)
    let late = preview["late_settlements"]?["rows"]?.array?.first
    #expect(late?["outcome"]?.string == "can_be_settled", "\(preview.text)")
    #expect(try await bed.bed.json("balance", "ann")["balance_usd"] == .string("10"))
    #expect(try await second.terminate() == .exited(0))

    let applied = try await bed.reconcile(log, "--apply")
    let row = applied["late_settlements"]?["rows"]?.array?.first
    #expect(row?["outcome"]?.string == "settled", "\(applied.text)")
    #expect(row?["charged_usd"] == late?["charged_usd"])
    #expect(try await bed.bed.json("balance", "ann")["balance_usd"] != .string("10"))
    let again = try await bed.reconcile(log, "--apply", "--reason", "client's log")
    #expect(Self.rows(again) == [1, 0, 0, 0], "\(again.text)")
    #expect(again["late_settlements"]?["rows"]?.array?.isEmpty == true)
    _ = try await bed.sandbox.terminate()
  }

  private static let wrong: [(flags: [String], code: Int32)] = [
    (flags: [], code: 2), (flags: ["--from", "2026-13-01"], code: 2),
    (flags: ["--from", "2026-12-02", "--to", "2026-12-01"], code: 2),
    (flags: ["--by", "week"], code: 2), (flags: ["--zone", "Mars/Base"], code: 2),
    (flags: ["--reason", "x"], code: 2), (flags: ["--account", "nobody"], code: 1),
    (flags: ["--tolerance", "-1"], code: 2), (flags: ["--csv", "FILE"], code: 2),
  ]

  @Test(.timeLimit(.minutes(1)), arguments: ReconcileTests.wrong)
  func `what cannot be meant is refused in one line`(flags: [String], code: Int32) async throws {
    let bed = try CommandLineBed()
    _ = try await bed.json("user", "add", "ann")
    let file = bed.folder + "/bill.csv"
    try Data("id,cost\nm,1\n".utf8).write(to: URL(fileURLWithPath: file))
    let invoice = flags.isEmpty ? [] : ["--invoice", file]
    let result = try await ServerProcess.run(
      ["--data", bed.data, "reconcile"] + invoice + flags.map { $0 == "FILE" ? file : $0 })
    #expect(result.end == .exited(code), "\(result.errors)")
    #expect(result.output.isEmpty && result.errors.filter { $0 == "\n" }.count == 1)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a bad line is named and leaves no file behind`() async throws {
    let bed = try CommandLineBed()
    _ = try await bed.json("user", "add", "ann")
    let file = bed.folder + "/bill.csv"
    try Data("id,cost\nm,1\nn,ten\n".utf8).write(to: URL(fileURLWithPath: file))
    let csv = bed.folder + "/findings.csv"
    let result = try await bed.run("reconcile", "--invoice", file, "--csv", csv)
    #expect(result.end == .exited(1) && result.errors.contains("bill.csv:3: "))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: bed.folder).sorted() == [
        "bill.csv", "data",
      ])
  }
}
