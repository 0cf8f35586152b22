// Upstreams that never stop: each is cut off after a bounded number of bytes, so that nothing that
// grows with what they send can grow for long.
import Base
import Ledger
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// Sends a head and then the same piece until nobody takes it any more; counts the bytes.
private final class Flood: Sendable {
  let upstream: BareUpstream
  private let tally = Tally()
  private final class Tally: Sendable {
    let sent = Atomic<Int>(0)
    let ended = Gate()
  }
  /// So much is offered at most: a gateway that takes it all has failed.
  static let offered = 256 << 20

  init(_ head: String, _ piece: [UInt8]) throws {
    let tally = tally
    upstream = try BareUpstream { socket in
      defer { tally.ended.open() }
      try socket.send(head)
      while tally.sent.load(ordering: .relaxed) < Self.offered {
        try socket.send(piece)
        tally.sent.add(piece.count, ordering: .relaxed)
      }
    }
  }
  /// Bytes sent when the gateway had closed the connection.
  func sent() async throws -> Int {
    try await tally.ended.opened()
    return tally.sent.load(ordering: .relaxed)
  }
}

@Suite(.serialized) struct FloodTests {
  /// What sockets on both sides may hold besides.
  private static let slack = 16 << 20
  private static func piece(_ text: String, times: Int) -> [UInt8] {
    Array(String(repeating: text, count: times).utf8)
  }
  private static let jsonHead = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
  private static let sseHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"

  /// Floods a gateway, and says what the caller got and how much was taken.
  private func flood(
    _ head: String, _ piece: [UInt8], stream: Bool, atMost limit: Int
  ) async throws -> (answer: Received, bed: GatewayBed) {
    let flood = try Flood(head, piece)
    let bed = try GatewayBed.still(upstream: flood.upstream) {
      $0.gateway.maxAnswerBytes = 4 << 20
    }
    let request = GatewayBed.request(body: GatewayBed.body(stream: stream))
    let answer = Received(try await bed.exchange(request))
    let sent = try await flood.sent()
    #expect(sent <= limit + Self.slack, "\(sent) bytes were taken")
    try await bed.expectSoundBooks(admissions: 1)
    return (answer, bed)
  }

  @Test func `endless header lines are cut at the bound of heads`() async throws {
    let (answer, _) = try await flood(
      "HTTP/1.1 200 OK\r\n", Self.piece("x-more: and more\r\n", times: 1000), stream: false,
      atMost: 64 << 10)
    #expect(answer.status == 502)
  }
  @Test func `an endless header line is cut`() async throws {
    let (answer, _) = try await flood(
      "HTTP/1.1 200 OK\r\nx-long: ", Self.piece("and more ", times: 4000), stream: false,
      atMost: 1 << 20)
    #expect(answer.status == 502)
  }
  @Test func `endless interim answers are cut at the bound of heads`() async throws {
    let (answer, _) = try await flood(
      "", Self.piece("HTTP/1.1 103 Early Hints\r\n\r\n", times: 1000), stream: false,
      atMost: 64 << 10)
    #expect(answer.status == 502)
  }
  @Test func `an endless body is cut at the bound of answers`() async throws {
    let (answer, bed) = try await flood(
      Self.jsonHead + "\"", Self.piece("word ", times: 20_000), stream: false, atMost: 4 << 20)
    #expect(answer.status == 502)
    #expect(try bed.events(AttemptFailed.self).map(\.detail) == ["answer over the limit"])
  }
  @Test func `an endless error body is cut, and the error told`() async throws {
    let (answer, _) = try await flood(
      Self.jsonHead.replacing("200 OK", with: "404 Not Found"), Self.piece("word ", times: 20_000),
      stream: false, atMost: 1 << 20)
    #expect(answer.status == 404 && answer.isWhole)
  }
  @Test func `an endless line of a stream is cut at the bound of events`() async throws {
    let (answer, bed) = try await flood(
      Self.sseHead + "data: ", Self.piece("word ", times: 20_000), stream: true, atMost: 8 << 20)
    #expect(answer.status == 502)
    #expect(bed.balance == NanoUSD(10 * NanoUSD.perUSD))
  }
  @Test func `endless lines of one event are cut at the bound of events`() async throws {
    let (answer, _) = try await flood(
      Self.sseHead, Self.piece("data: \(String(repeating: "word", count: 200))\n", times: 100),
      stream: true, atMost: 8 << 20)
    #expect(answer.status == 502)
  }
  @Test func `endless events without content are not kept while content is waited for`()
    async throws
  {
    let ignored = ": \(String(repeating: "nothing ", count: 1000))\n\n"
    let (answer, bed) = try await flood(
      Self.sseHead + BareUpstream.start(), Self.piece(ignored, times: 10), stream: true,
      atMost: 8 << 20)
    #expect(answer.isWhole)
    #expect(try bed.events(ForwardSettled.self).allSatisfy { $0.settlement.isPartial })
  }
  @Test func `endless bytes behind message_stop are not waited for`() async throws {
    let (answer, bed) = try await flood(
      Self.sseHead + HostileCase.goodEvents.joined(), Self.piece("data: more\n\n", times: 1000),
      stream: true, atMost: 1 << 20)
    #expect(answer.isWhole && answer.text.hasSuffix("data: {\"type\":\"message_stop\"}\n\n"))
    let settled = try bed.events(ForwardSettled.self).map(\.settlement)
    #expect(settled.map(\.usage.output) == [5] && settled.allSatisfy { !$0.isPartial })
  }
}
