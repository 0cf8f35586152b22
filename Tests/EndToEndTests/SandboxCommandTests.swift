// `daybook sandbox` as scripts use it: the line that says where it listens, the record file, the
// exit codes.

import Base
import Foundation
import TestSupport
import Testing

@Suite struct SandboxCommandTests {
  private static func ask(_ port: UInt16, stream: Bool) async throws -> CrashAnswer {
    let body = """
      {"model":"claude-opus-5-5","max_tokens":50,"stream":\(stream),
      "messages":[{"role":"user","content":"hello"}]}
      """
    return try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(
        """
        POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: any\r\nconnection: close\r
        content-length: \(body.utf8.count)\r\n\r\n\(body)
        """)
      return CrashAnswer(bytes: try socket.receiveAll())
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `every answer is in the record file, and a signal ends the program with 0`() async throws {
    let record = NSTemporaryDirectory() + "sandbox-\(UUID().uuidString).jsonl"
    defer { try? FileManager.default.removeItem(atPath: record) }
    let (sandbox, port) = try await ServerProcess.listening(
      ["sandbox", "--listen", "127.0.0.1:0", "--record", record, "--events", "5"])
    var ids: Set<String> = []
    for stream in [true, false] {
      ids.insert(try #require(try await Self.ask(port, stream: stream).message()).id)
    }
    let lines = try String(contentsOfFile: record, encoding: .utf8).split(separator: "\n")
    let recorded = try lines.map { try JSONParser().parse(String($0))["message_id"]?.string }
    #expect(Set(recorded) == ids && lines.count == 2)
    #expect(try await sandbox.terminate() == .exited(0))
    #expect(sandbox.output.components(separatedBy: "listening on").count == 2)
  }
  @Test(.timeLimit(.minutes(1)))
  func `failures are given on the command line`() async throws {
    let (sandbox, port) = try await ServerProcess.listening(
      ["sandbox", "--listen", "127.0.0.1:0", "--fail", "529:1"])
    #expect(try await Self.ask(port, stream: true).status == 529)
    #expect(try await sandbox.terminate() == .exited(0))
  }
  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      ["--fail", "529"], ["--cut", "after:0.1"], ["--stall", "2"], ["--events", "0"],
      ["--fail", "500:0.6", "--cut", "inside:0.6"], ["--listen", "nowhere"], ["--sed", "1"],
    ])
  func `a flag that cannot be meant ends with 2 and says why`(flags: [String]) async throws {
    let (end, output, errors) = try await ServerProcess.run(["sandbox"] + flags)
    #expect(end == .exited(2), "\(errors)")
    #expect(output.isEmpty && errors.split(separator: "\n").count == 1)
  }
}
