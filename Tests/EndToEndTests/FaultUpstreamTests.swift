// Upstreams that are down, or answer nonsense: the caller gets an error it can act on, is charged
// nothing for nothing and once for something, and the books stay sound.

import Base
import Foundation
import TestSupport
import Testing

private func up(_ text: String) -> FaultyUpstream.Behaviour { { try $0.send(text) } }
private func stream(_ pieces: [UInt8]...) -> FaultyUpstream.Behaviour {
  { socket in try socket.send(Array(FaultyUpstream.streamHead.utf8) + pieces.joined()) }
}
private func message(_ usage: String) -> FaultyUpstream.Behaviour {
  up(FaultyUpstream.json(FaultyUpstream.message(usage: usage)))
}
private let failed = "upstream_error: Upstream request failed"

@Suite(.serialized) struct FaultUpstreamTests {
  /// Answers that hold nothing to charge for.
  private static let worthless: [String: FaultyUpstream.Behaviour] = [
    "silent": { _ in },
    "noise": up("\0\u{1}\u{2} this is not HTTP\r\n\r\n"),
    "endless-head": { socket in
      try socket.send("HTTP/1.1 200 OK\r\n")
      // Ends when the gateway closes.
      while true { try socket.send("x-more: \(String(repeating: "y", count: 4000))\r\n") }
    },
    "false-gzip": up(
      FaultyUpstream.json(FaultyUpstream.message(), headers: "content-encoding: gzip\r\n")),
    "unknown-coding": up(
      FaultyUpstream.json(FaultyUpstream.message(), headers: "content-encoding: pig-latin\r\n")),
    "length-too-long": up(FaultyUpstream.json(FaultyUpstream.message(), length: 5000)),
    "length-too-short": up(FaultyUpstream.json(FaultyUpstream.message(), length: 40)),
    "length-nonsense": up("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}"),
    "html": up(FaultyUpstream.json("<html>Bad gateway</html>")),
    "empty": up(FaultyUpstream.json("")),
    "deep": up(
      FaultyUpstream.json(
        String(repeating: #"{"a":"#, count: 1000) + "1" + String(repeating: "}", count: 1000))),
    "error-under-200": up(
      FaultyUpstream.json(#"{"type":"error","error":{"type":"api_error","message":"no"}}"#)),
    "redirect": up(
      "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
  ]

  @Test func `an upstream that is down or answers nonsense is a 502 that costs nothing`()
    async throws
  {
    let upstream = try FaultyUpstream(Self.worthless)
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    for name in ["down"] + Self.worthless.keys.sorted() {
      let answer = try await server.ask(name)
      #expect(answer.status == 502 && answer.problem == failed, "\(name): \(answer)")
      #expect(answer.isWhole && answer.header("request-id") != nil)
    }
    let failures = try await bed.events("attempt_failed")
    #expect(failures.count == Self.worthless.count + 1)
    for failure in failures {
      let detail = failure["detail"]?.string ?? ""
      #expect(!detail.isEmpty && !detail.contains("secret"), "an operator reads: \(failure)")
    }
    #expect(try await bed.events("forward_failed").count == Self.worthless.count + 1)
    #expect(try await bed.events("forward_settled").isEmpty)
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))
    #expect(!server.process.errors.contains("secret"))
    try await bed.expectSoundBooks()
  }

  @Test func `after a failure the account rests, and the answer says how long`() async throws {
    let upstream = try FaultyUpstream([
      "limited": up(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 77\r\ncontent-length: 2\r\n\r\n{}")
    ])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    let first = try await server.ask("limited")
    #expect(first.status == 429)
    #expect(first.problem == "rate_limit_error: Upstream rate limit exceeded, please retry later")
    let second = try await server.ask("limited")
    #expect(second.status == 503)
    #expect(second.problem == "api_error: No available accounts: no available accounts")
    for answer in [first, second] {
      let seconds = answer.header("retry-after").flatMap { Int($0) }
      #expect((1...77).contains(seconds ?? 0), "\(answer.head)")
    }
    #expect(upstream.requests("limited") == 1)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  /// Streams that end before anything is worth a charge.
  private static let worthlessStreams: [String: FaultyUpstream.Behaviour] = [
    "cut-early": stream(FaultyUpstream.event("ping", #"{"type":"ping"}"#)),
    "not-a-stream": up(FaultyUpstream.json("<html>Bad gateway</html>")),
    "noise": stream(FaultyUpstream.chunk(Array("\0\0\0".utf8)), Array("zz\r\n".utf8)),
    "error-first": stream(
      FaultyUpstream.event(
        "error", #"{"type":"error","error":{"type":"overloaded_error","message":"no"}}"#),
      Array(FaultyUpstream.streamEnd.utf8)),
    "endless-line": { socket in
      try socket.send(FaultyUpstream.streamHead)
      let piece = FaultyUpstream.chunk([UInt8](repeating: 65, count: 65_536))
      while true { try socket.send(piece) }
    },
  ]

  @Test func `a stream that never begins is an error that costs nothing`() async throws {
    let upstream = try FaultyUpstream(Self.worthlessStreams)
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    for name in Self.worthlessStreams.keys.sorted() {
      let answer = try await server.ask(name, stream: true)
      #expect(answer.status >= 502 && answer.isWhole, "\(name): \(answer)")
      #expect(answer.json?["error"]?["message"]?.string != nil, "\(name): \(answer)")
    }
    #expect(try await bed.events("forward_failed").count == Self.worthlessStreams.count)
    #expect(try await bed.events("forward_settled").isEmpty)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  /// Usage that cannot be: name, usage object.
  private static let impossible: [String: String] = [
    "negative": #"{"input_tokens":-10,"output_tokens":-5}"#,
    "giant": #"{"input_tokens":10000000000000000000,"output_tokens":10000000000000000000}"#,
    "fraction": #"{"input_tokens":1.5,"output_tokens":5e40}"#,
    "text": #"{"input_tokens":"10","output_tokens":[5]}"#,
    "missing": "null",
  ]

  @Test func `usage that cannot be is estimated, flagged and charged once`() async throws {
    let upstream = try FaultyUpstream(Self.impossible.mapValues { message($0) })
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    for name in Self.impossible.keys.sorted() {
      #expect(try await server.ask(name).status == 200, "\(name)")
    }
    let settled = try await bed.events("forward_settled")
    #expect(settled.count == Self.impossible.count)
    for event in settled {
      #expect(event["estimated"] == .bool(true), "\(event)")
      #expect(event["charged_usd"]?.string.flatMap { Double($0) }.map { (0..<0.01) ~= $0 } == true)
      #expect(["usage_invalid", "usage_missing"].contains(event["reason"]?.string), "\(event)")
    }
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test func `a stream with odd bytes is passed on as it came and charged as it said`()
    async throws
  {
    var odd = FaultyUpstream.delta()
    let place = try #require(odd.firstIndex(of: UInt8(ascii: "w")))
    odd.replaceSubrange(place..<(place + 2), with: [0xFF, 0xC0])
    let sent = odd
    let upstream = try FaultyUpstream([
      "odd": stream(FaultyUpstream.start(), sent, FaultyUpstream.stop()),
      "negative": stream(
        FaultyUpstream.start(), FaultyUpstream.delta(),
        FaultyUpstream.stop(usage: #"{"output_tokens":-5}"#)),
    ])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    let answer = try await server.ask("odd", stream: true)
    #expect(answer.isWhole && answer.text.hasSuffix("data: {\"type\":\"message_stop\"}\n\n"))
    #expect(answer.body.contains(0xFF) && answer.body.contains(0xC0))
    #expect(try await server.ask("negative", stream: true).isWhole)
    let settled = try await bed.events("forward_settled")
    #expect(settled.map { $0["output_tokens"]?.integer } == [5, 2])
    #expect(settled.map { $0["estimated"] } == [.bool(false), .bool(true)])
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test func `a stream cut after content is charged once for what came, and says so`()
    async throws
  {
    let upstream = try FaultyUpstream([
      "cut": stream(FaultyUpstream.start(), FaultyUpstream.delta(), FaultyUpstream.delta())
    ])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    let answer = try await server.ask("cut", stream: true)
    #expect(answer.status == 200 && answer.isWhole, "the chunked body ends properly")
    #expect(answer.text.contains("event: error\n"))
    let message = answer.events.last?["error"]?["message"]?.string
    #expect(message == "Upstream stream ended unexpectedly")
    let settled = try await bed.events("forward_settled")
    #expect(settled.map { $0["reason"]?.string } == ["upstream_cut"])
    #expect(settled.map { $0["partial"] } == [.bool(true)])
    #expect(upstream.requests("cut") == 1)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }
}
