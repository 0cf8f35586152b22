// The end of the process while requests are on their way: nothing is begun any more, and every
// admission is closed.
import Base
import Ledger
import TestSupport
import Testing

@testable import Gateway

@Suite struct ShutdownTests {
  @Test func `a request that waits for an account when the process ends is not sent`()
    async throws
  {
    let upstream = try ScriptedUpstream()
    let bed = try GatewayBed {
      $0.accounts[0].baseURL = upstream.url
      $0.accounts[0].concurrency = 1
    }
    let first = try await bed.open(body: GatewayBed.body())
    let arrived = try await upstream.next()
    let second = try await bed.open(body: GatewayBed.body())
    let scheduler = bed.scheduler
    #expect(try await bed.eventually { scheduler.withLock { $0.waitingForAccounts } == 1 })
    try await onThread { bed.server.shutDown(within: 1_000_000_000) }
    #expect(bed.isAtRest)
    #expect(try bed.events(ForwardFailed.self).map(\.failure) == [.shutdown, .shutdown])
    #expect(try bed.events(ForwardFailed.self).map(\.attempts).sorted() == [0, 1])
    #expect(try await second.rest().status == 503)
    _ = try await first.rest()
    arrived.socket.shutdownSending()
  }

  @Test func `a caller that leaves while nothing is forwarded for it cuts no drain`()
    async throws
  {
    let upstream = try ScriptedUpstream()
    let bed = try GatewayBed(concurrency: 1) {
      $0.accounts[0].baseURL = upstream.url
      $0.accounts[0].concurrency = 1
    }
    let drained = try await bed.open(body: GatewayBed.body(stream: true))
    let arrived = try await upstream.next()
    try await arrived.beginStream()
    try await arrived.send(Anthropic.start() + Anthropic.delta("some words"))
    _ = try await drained.text(until: "some words")
    drained.reset()
    let drains = bed.server.gateway.drains
    #expect(try await bed.eventually { drains.count == 1 })
    // The account's one slot is the drain's: this one waits, and leaves.
    let waiting = try await bed.open(body: GatewayBed.body())
    let scheduler = bed.scheduler
    #expect(try await bed.eventually { scheduler.withLock { $0.waitingForAccounts } == 1 })
    waiting.reset()
    #expect(try await bed.eventually { try bed.events(ForwardFailed.self).count == 1 })
    try await arrived.send(Anthropic.end(output: 77))
    arrived.socket.shutdownSending()
    #expect(try await bed.eventually { try bed.events(ForwardSettled.self).count == 1 })
    let charge = try bed.events(ForwardSettled.self)[0].settlement
    #expect(!charge.isPartial && charge.usage.output == 77)
  }
}
