// The relay alone, fed with damaged streams: it neither traps nor depends on where bytes are cut.
import Base
import Ledger
import TestSupport
import Testing

@testable import Gateway

@Suite struct StreamRelayTests {
  private static let good = Array(HostileCase.goodEvents.joined().utf8)

  private struct End: Equatable {
    let output: [UInt8]
    let end: StreamRelay.End
    let reading: UsageMeter.Reading
    let id: String
  }
  /// Feeds pieces and lets everything go that is let go.
  private func relay(_ pieces: some Sequence<ArraySlice<UInt8>>, restoring: String? = nil) -> End {
    var relay = StreamRelay(restoring: restoring)
    var output: [UInt8] = []
    for piece in pieces {
      relay.take(Array(piece))
      output += relay.takeOutput()
    }
    return End(
      output: output, end: relay.end,
      reading: relay.meter.reading(ending: nil, estimatedInput: 100), id: relay.meter.messageID)
  }
  private func whole(_ bytes: [UInt8], restoring: String? = nil) -> End {
    relay([bytes[...]], restoring: restoring)
  }

  @Test func `a stream cut in two anywhere says the same`() {
    let expected = whole(Self.good)
    #expect(expected.end == .stopped && expected.reading.usage.output == 5)
    for place in 0...Self.good.count {
      #expect(relay([Self.good[..<place], Self.good[place...]]) == expected, "at byte \(place)")
    }
  }

  @Test func `a stream that comes byte by byte says the same`() {
    let pieces = Self.good.indices.map { Self.good[$0...$0] }
    #expect(relay(pieces, restoring: "mine") == whole(Self.good, restoring: "mine"))
  }

  @Test func `a message_start of several data lines keeps them when the model is put back`() {
    let lines = """
      event: message_start
      data: {"type":"message_start","message":{"id":"m","model":"theirs",
      data: "usage":{"input_tokens":3}}}

      event: content_block_start
      data: {"type":"content_block_start"}\n\n
      """
    let text = String(decoding: whole(Array(lines.utf8), restoring: "mine").output, as: UTF8.self)
    #expect(
      text.hasPrefix(
        """
        event: message_start
        data: {"type":"message_start","message":{"id":"m","model":"mine",
        data: "usage":{"input_tokens":3}}}\n\n
        """))
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `damaged streams end, and say the same however they are cut`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for round in 0..<100 {
      var bytes = Self.good
      for _ in 0...Int.random(in: 0..<4, using: &random) { damage(&bytes, &random) }
      let cut = Int.random(in: 0...bytes.count, using: &random)
      let once = whole(bytes, restoring: "mine")
      let twice = relay([bytes[..<cut], bytes[cut...]], restoring: "mine")
      #expect(once == twice, "seed \(seed), round \(round), cut at \(cut)")
      #expect((0...TokenUsage.countLimit).contains(once.reading.usage.output))
      #expect((0...TokenUsage.countLimit).contains(once.reading.usage.input))
    }
  }

  /// Changes, drops, doubles or moves some bytes.
  private func damage(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    guard !bytes.isEmpty else { return }
    let place = Int.random(in: 0..<bytes.count, using: &random)
    let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
    case 1: bytes[place] = Array("{}[]\",:\\\n\r-e.u0".utf8).randomElement(using: &random) ?? 0
    case 2: bytes.removeSubrange(place..<end)
    case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
    case 4: bytes.removeSubrange(end...)
    default:
      let piece = Array(bytes[place..<end])
      bytes.removeSubrange(place..<end)
      bytes.insert(contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &random))
    }
  }

  @Test func `what comes behind message_stop is neither looked at nor kept`() {
    let end = whole(Self.good + Self.good + [0, 0xFF])
    #expect(end == whole(Self.good))
  }

  @Test func `events that wait for content are bounded`() {
    var relay = StreamRelay(restoring: nil)
    relay.take(Array(BareUpstream.start().utf8))
    let comment = Array(": \(String(repeating: "nothing ", count: 32_000))\n\n".utf8)
    for _ in 0...(StreamRelay.heldLimit / comment.count) { relay.take(comment) }
    guard case .malformed = relay.end else {
      Issue.record("it still waits: \(relay.end)")
      return
    }
    #expect(!relay.isReleased, "another account may still answer")
  }
}
