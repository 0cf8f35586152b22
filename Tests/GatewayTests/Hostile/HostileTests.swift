// Hostile upstreams against a running gateway: whatever they answer, the caller gets an end it can
// act on, the books stay sound, and nobody pays for nonsense.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct HostileTests {
  @Test(arguments: HostileCase.messages)
  func `an answer no upstream should give ends well`(_ hostile: HostileCase) async throws {
    try await expectGoodEnd(hostile)
  }
  @Test(arguments: HostileCase.streams)
  func `a stream no upstream should send ends well`(_ hostile: HostileCase) async throws {
    try await expectGoodEnd(hostile)
  }

  private func expectGoodEnd(_ hostile: HostileCase) async throws {
    let upstream = try BareUpstream(hostile.behaviour)
    let bed = try GatewayBed.still(upstream: upstream)
    let request = GatewayBed.request(body: GatewayBed.body(stream: hostile.isStream))
    let answer = Received(try await bed.exchange(request))
    try await bed.expectSoundBooks(admissions: 1)
    #expect(answer.isWhole, "\(answer.head)\n\(answer.text.prefix(500))")
    try expect(hostile, answer, bed)
  }

  /// What the caller and the payer see of an outcome.
  private func expect(_ hostile: HostileCase, _ answer: Received, _ bed: GatewayBed) throws {
    let settled = try bed.events(ForwardSettled.self).first?.settlement
    let endsWithError = answer.text.contains("event: error\n")
    let endsAsItShould =
      !hostile.isStream || answer.text.hasSuffix("data: {\"type\":\"message_stop\"}\n\n")
    switch hostile.outcome {
    case .refused(let status):
      #expect(answer.status == status && settled == nil)
      #expect(try bed.events(ForwardFailed.self).count == 1)
    case .endedForNothing:
      #expect(answer.status == 200 && endsWithError && settled == nil)
      #expect(answer.text.contains("Upstream stream ended unexpectedly"))
    case .charged(let input, let output):
      #expect((200..<300).contains(answer.status) && endsAsItShould && !endsWithError)
      #expect(settled?.usage.input == input && settled?.usage.output == output)
      #expect(settled?.isPartial == false && settled?.isEstimated == false)
      // claude-sonnet-5-5: 2 and 10 USD per million tokens.
      #expect(settled?.charged == NanoUSD(input * 2000 + output * 10_000))
    case .estimated(let reason):
      #expect((200..<300).contains(answer.status) && endsAsItShould && !endsWithError)
      #expect(settled?.isEstimated == true && settled?.reason == reason)
      #expect((0...50_000_000).contains(settled?.charged.value ?? -1), "no giant charge")
    case .partial(let reason):
      #expect(answer.status == 200 && endsWithError)
      #expect(settled?.isPartial == true && settled?.reason == reason)
      #expect((1...1_000_000).contains(settled?.charged.value ?? 0))
    }
  }

  /// Sends some bytes, then nothing more, and keeps the connection open.
  private func silentAfter(_ bytes: String, stream: Bool) async throws -> (Received, GatewayBed) {
    let gate = Gate()
    let upstream = try BareUpstream { socket in
      try socket.send(bytes)
      try gate.pass()
    }
    let bed = try GatewayBed.still(upstream: upstream) {
      $0.gateway.firstByte = .milliseconds(20)
      $0.gateway.streamFirstByte = .milliseconds(20)
      $0.gateway.streamGap = .milliseconds(20)
    }
    let request = GatewayBed.request(body: GatewayBed.body(stream: stream))
    let answer = Received(try await bed.exchange(request))
    gate.open()
    try await bed.expectSoundBooks(admissions: 1)
    return (answer, bed)
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\ncontent-", whole.dropLast(1).description])
  func `an upstream that falls silent in a message costs nothing`(after bytes: String)
    async throws
  {
    let (answer, bed) = try await silentAfter(bytes, stream: false)
    #expect(answer.status == 502 && answer.isWhole)
    #expect(try bed.events(AttemptFailed.self).map(\.failure) == [.timeout])
    #expect(bed.balance == NanoUSD(10 * NanoUSD.perUSD))
  }

  @Test func `an upstream that falls silent in a stream is charged for what came`() async throws {
    let begun =
      BareUpstream.streamHead
      + BareUpstream.chunk(HostileCase.goodEvents.prefix(4).joined())
    let (answer, bed) = try await silentAfter(begun, stream: true)
    #expect(answer.isWhole && answer.text.contains("Upstream stream ended unexpectedly"))
    let settled = try bed.events(ForwardSettled.self).map(\.settlement)
    #expect(settled.map(\.reason) == [.upstreamCut] && settled.map(\.usage.input) == [10])
  }

  @Test func `a redirect is never followed`() async throws {
    let trap = try BareUpstream(BareUpstream.json(BareUpstream.message()))
    let location = "location: \(trap.url)/v1/messages\r\n"
    let upstream = try BareUpstream(
      BareUpstream.json("", status: "307 Temporary Redirect", headers: location))
    let bed = try GatewayBed.still(upstream: upstream)
    bed.keep(trap)
    let answer = Received(
      try await bed.exchange(GatewayBed.request(body: GatewayBed.body())))
    #expect(answer.status == 502 && answer.header("location") == nil)
    #expect(!trap.wasAsked)
    try await bed.expectSoundBooks(admissions: 1)
  }

  /// How many bytes of its answer an upstream has sent when it resets the connection.
  private static let whole = BareUpstream.json(BareUpstream.message())
  private static let wholeStream =
    BareUpstream.streamHead + HostileCase.goodEvents.map(BareUpstream.chunk).joined()
    + BareUpstream.streamEnd

  @Test(arguments: [0, 1, 20, 60, 80, 100, 200, HostileTests.whole.utf8.count - 1])
  func `a message whose connection is reset is a failure that costs nothing`(
    after count: Int
  ) async throws {
    let bytes = Array(Self.whole.utf8.prefix(count))
    let upstream = try BareUpstream { socket in
      try socket.send(bytes)
      socket.reset()
    }
    let bed = try GatewayBed.still(upstream: upstream)
    let answer = Received(
      try await bed.exchange(GatewayBed.request(body: GatewayBed.body())))
    #expect(answer.status == 502 && answer.isWhole)
    try await bed.expectSoundBooks(admissions: 1)
    #expect(bed.balance == NanoUSD(10 * NanoUSD.perUSD))
  }

  private static let places = Array(stride(from: 0, through: wholeStream.utf8.count, by: 97))

  @Test(arguments: HostileTests.places)
  func `a stream whose connection is reset is charged at most once, for at most what it said`(
    after count: Int
  ) async throws {
    let bytes = Array(Self.wholeStream.utf8.prefix(count))
    let upstream = try BareUpstream { socket in
      try socket.send(bytes)
      socket.reset()
    }
    let bed = try GatewayBed.still(upstream: upstream)
    let answer = Received(
      try await bed.exchange(GatewayBed.request(body: GatewayBed.body(stream: true))))
    #expect(answer.isWhole && (answer.status == 200 || answer.status == 502))
    try await bed.expectSoundBooks(admissions: 1)
    let settled = try bed.events(ForwardSettled.self).map(\.settlement)
    #expect(settled.isEmpty == (answer.status == 502))
    #expect(settled.allSatisfy { $0.charged <= NanoUSD(10 * 2000 + 5 * 10_000) })
  }

  @Test func `after a hostile answer the next account and the next request are served`()
    async throws
  {
    let upstream = try BareUpstream("\0\0\0")
    let good = try BareUpstream(BareUpstream.json(BareUpstream.message()))
    let bed = try GatewayBed.still(upstream: upstream) {
      var second = $0.accounts[0]
      second.name = "second"
      second.priority = 9
      second.baseURL = good.url
      $0.accounts.append(second)
    }
    bed.keep(good)
    for _ in 0..<3 {
      let answer = Received(
        try await bed.exchange(GatewayBed.request(body: GatewayBed.body())))
      #expect(answer.status == 200)
    }
    try await bed.expectSoundBooks(admissions: 3)
    #expect(try bed.events(AttemptFailed.self).map(\.failure) == [.malformedAnswer])
  }
}

extension GatewayBed {
  /// Ends the gateway, then holds its books against its log: every admission was closed by exactly
  /// one event, nothing is held, no slot is taken, the balance is credits less charges.
  func expectSoundBooks(admissions: Int) async throws {
    try await onThread { self.server.shutDown(within: 10_000_000_000) }
    let steps = try openings()
    #expect(steps.count { $0 > 0 } == admissions)
    #expect(steps.reduce(0, +) == 0, "each admission is closed, once")
    #expect(holds.count == 0 && holds.sum == .zero)
    #expect(isAtRest, "no slot is in use, nobody waits")
    let credits = try events(CreditAdded.self).reduce(Int64(0)) { $0 + $1.amount.value }
    let charges = try events(ForwardSettled.self).reduce(Int64(0)) {
      $0 + $1.settlement.charged.value
    }
    #expect(balance == NanoUSD(credits - charges))
    #expect(server.gateway.metrics.refusedEvents.total == 0, "the ledger took every event")
  }
}
