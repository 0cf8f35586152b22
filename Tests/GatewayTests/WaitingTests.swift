// Waiting for a slot: pings to streams, errors after the stream began, checks after the wait, and
// slots that come back whatever the caller does.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct WaitingTests {
  /// One slot, an upstream under the test's control, and a request that holds the slot.
  private static func occupied(
    user: Int32 = 1, account: Int64 = 100, configure: (inout Configuration) -> Void = { _ in }
  ) async throws -> (bed: GatewayBed, upstream: ScriptedUpstream, first: First) {
    let upstream = try ScriptedUpstream()
    let bed = try GatewayBed(concurrency: user) {
      $0.accounts[0].baseURL = upstream.url
      $0.accounts[0].concurrency = Int32(account)
      $0.gateway.pingInterval = .milliseconds(20)
      configure(&$0)
    }
    let socket = try await bed.open(body: GatewayBed.body())
    return (bed, upstream, First(socket: socket, arrived: try await upstream.next()))
  }
  private struct First {
    let socket: RawSocket
    let arrived: ScriptedUpstream.Arrived

    func end() async throws -> Received {
      try await arrived.answer(200, Anthropic.message())
      return try await socket.rest()
    }
  }

  @Test(arguments: [(user: Int32(1), account: Int64(100)), (user: 10, account: 1)])
  func `a stream that waits for a slot gets pings, then its answer`(
    user: Int32, account: Int64
  ) async throws {
    let (bed, upstream, first) = try await Self.occupied(user: user, account: account)
    let second = try await bed.open(body: GatewayBed.body(stream: true))
    let begun = try await second.text(until: "event: ping\ndata: {\"type\": \"ping\"}\n\n")
    #expect(begun.hasPrefix("HTTP/1.1 200"))
    #expect(try await first.end().status == 200)
    let arrived = try await upstream.next()
    try await arrived.beginStream()
    try await arrived.send(Anthropic.stream())
    arrived.socket.shutdownSending()
    let answer = try await second.rest(after: begun)
    #expect(answer.isWhole)
    #expect(answer.events.last?["type"]?.string == "message_stop")
    #expect(answer.head.split(separator: "\r\n").count { $0.hasPrefix("content-type") } == 1)
    #expect(try bed.events(ForwardSettled.self).count == 2)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test(arguments: [
    (user: Int32(1), account: Int64(100), what: "user"), (user: 10, account: 1, what: "account"),
  ])
  func `a stream that waited too long ends with an error event`(
    user: Int32, account: Int64, what: String
  ) async throws {
    let (bed, _, first) = try await Self.occupied(user: user, account: account) {
      $0.gateway.userWait = .milliseconds(100)
      $0.gateway.accountWait = .milliseconds(100)
    }
    let answer = try await bed.open(body: GatewayBed.body(stream: true)).rest()
    #expect(answer.status == 200 && answer.isWhole)
    #expect(answer.text.hasPrefix("event: ping\n"))
    #expect(
      answer.text.hasSuffix(
        """
        event: error
        data: {"type":"error","error":{"type":"rate_limit_error","message":"Concurrency limit \
        exceeded for \(what), please retry later"}}\n\n
        """))
    _ = try await first.end()
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `an answer that does not stream waits in silence`() async throws {
    let (bed, _, first) = try await Self.occupied { $0.gateway.userWait = .milliseconds(100) }
    let answer = try await bed.ask(body: GatewayBed.body())
    #expect(answer.status == 429)
    #expect(answer.text.contains("Concurrency limit exceeded for user, please retry later"))
    _ = try await first.end()
  }

  @Test(arguments: [(user: Int32(1), account: Int64(100)), (user: 10, account: 1)], [true, false])
  func `a caller that leaves while it waits leaves the queue at once`(
    _ limits: (user: Int32, account: Int64), isStream: Bool
  ) async throws {
    let (bed, _, first) = try await Self.occupied(user: limits.user, account: limits.account)
    let second = try await bed.open(body: GatewayBed.body(stream: isStream))
    let scheduler = bed.scheduler
    #expect(try await bed.eventually { scheduler.withLock { $0.waitingRequests } == 1 })
    second.reset()
    #expect(try await bed.eventually { scheduler.withLock { $0.waitingRequests } == 0 })
    #expect(try await first.end().status == 200)
    #expect(try await bed.eventually { bed.isAtRest })
    #expect(try bed.events(ForwardSettled.self).count == 1)
  }

  @Test func `money used up while waiting is found by the billing check after the wait`()
    async throws
  {
    let (bed, _, first) = try await Self.occupied()
    let second = try await bed.open(body: GatewayBed.body(stream: true))
    let begun = try await second.text(until: "event: ping")
    try bed.credit(nanoUSD: -20 * NanoUSD.perUSD)
    _ = try await first.end()
    let answer = try await second.rest(after: begun)
    #expect(answer.text.contains(#""type":"billing_error","message":"insufficient balance""#))
    #expect(answer.isWhole)
    #expect(try bed.events(BillingChecked.self).map(\.allowed) == [true, false])
  }

  @Test func `a key revoked while its request waits is refused after the wait`() async throws {
    let (bed, _, first) = try await Self.occupied()
    let second = try await bed.open(body: GatewayBed.body())
    let scheduler = bed.scheduler
    #expect(try await bed.eventually { scheduler.withLock { $0.waitingForUsers } == 1 })
    try bed.live.withBooks { books throws(BooksError) in
      var revoked = KeyRevoked()
      revoked.key = KeyID(1)
      try books.append(revoked, now: SystemWallClock().now())
    }
    #expect(try await first.end().status == 200)
    let answer = try await second.rest()
    #expect(answer.status == 401 && answer.text.contains("API_KEY_DISABLED"))
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `an account that fails while requests wait for it is not used by them`() async throws {
    let (bed, _, first) = try await Self.occupied(user: 10, account: 1)
    let second = try await bed.open(body: GatewayBed.body())
    let scheduler = bed.scheduler
    #expect(try await bed.eventually { scheduler.withLock { $0.waitingForAccounts } == 1 })
    try await first.arrived.answer(401, "{}")
    let answers = [try await first.socket.rest(), try await second.rest()]
    #expect(answers.map(\.status) == [502, 503])
    #expect(answers[1].header("retry-after") != nil)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `a drain more than the user may have requests cuts the oldest`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try GatewayBed(concurrency: 1) { $0.accounts[0].baseURL = upstream.url }
    var arrivals: [ScriptedUpstream.Arrived] = []
    for _ in 0..<2 {
      let caller = try await bed.open(body: GatewayBed.body(stream: true))
      let arrived = try await upstream.next()
      arrivals.append(arrived)
      try await arrived.beginStream()
      try await arrived.send(Anthropic.start() + Anthropic.delta("some words"))
      _ = try await caller.text(until: "some words")
      caller.reset()
    }
    #expect(try await bed.eventually { try bed.events(ForwardSettled.self).count == 1 })
    let cut = try bed.events(ForwardSettled.self)[0].settlement
    #expect(cut.reason == .drainLimit && cut.isPartial)
    try await arrivals[1].send(Anthropic.end())
    arrivals[1].socket.shutdownSending()
    #expect(try await bed.eventually { try bed.events(ForwardSettled.self).count == 2 })
    #expect(try await bed.eventually { bed.isAtRest })
  }
}
