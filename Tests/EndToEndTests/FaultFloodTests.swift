// Upstreams that never stop sending, against the real server: it cuts each of them off, and what it
// holds in memory does not grow by what they sent.

import Base
import Foundation
import TestSupport
import Testing

/// Sends a head and then the same piece until the gateway closes; a gigabyte at most.
private func flood(_ head: String, _ piece: String, times: Int) -> FaultyUpstream.Behaviour {
  let bytes = Array(String(repeating: piece, count: times).utf8)
  return { socket in
    try socket.send(head)
    for _ in 0..<((1 << 30) / bytes.count) { try socket.send(bytes) }
  }
}

@Suite(.serialized) struct FaultFloodTests {
  private static let jsonHead = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
  private static let sseHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
  private static let start =
    "event: message_start\n"
    + #"data: {"type":"message_start","message":{"id":"msg_01abcdefgh","usage":{"#
    + "\"input_tokens\":10,\"output_tokens\":1}}}\n\n"
  private static let end =
    "event: message_delta\n"
    + #"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"#
    + "\"usage\":{\"output_tokens\":5}}\n\nevent: message_stop\ndata: {}\n\n"

  private static let floods: [String: FaultyUpstream.Behaviour] = [
    "heads": flood("HTTP/1.1 200 OK\r\n", "x-more: and more\r\n", times: 1000),
    "head-line": flood("HTTP/1.1 200 OK\r\nx-long: ", "and more ", times: 4000),
    "body": flood(jsonHead + "\"", "word ", times: 20_000),
    "error-body": flood(
      jsonHead.replacing("200 OK", with: "404 Not Found"), "word ", times: 20_000),
    "line": flood(sseHead + "data: ", "word ", times: 20_000),
    "lines": flood(sseHead, "data: word\n", times: 10_000),
    "comments": flood(sseHead + start, ": nothing\n\n", times: 10_000),
    "tail": flood(sseHead + start + end, "data: more\n\n", times: 10_000),
  ]
  private static let streams: Set<String> = ["line", "lines", "comments", "tail"]

  @Test func `upstreams without an end are cut off, and memory stays what it was`() async throws {
    let upstream = try FaultyUpstream(Self.floods)
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    #expect(try await server.ask("good").status == 200)
    let before = try peakMegabytes(of: server.process)
    for name in Self.floods.keys.sorted() {
      let answer = try await server.ask(name, stream: Self.streams.contains(name))
      #expect(answer.isWhole, "\(name): \(answer.head)")
      let grown = try peakMegabytes(of: server.process) - before
      // The greatest is a body of 32 MiB, kept whole while it grows in an array that doubles.
      #expect(grown <= 200, "\(name): \(grown) MB more")
    }
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  /// The most the process ever held in memory.
  private func peakMegabytes(of process: ServerProcess) throws -> Int {
    let path = "/proc/\(try #require(process.pid))/status"
    let status = try String(contentsOfFile: path, encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.filter(\.isNumber))) / 1024
  }
}
