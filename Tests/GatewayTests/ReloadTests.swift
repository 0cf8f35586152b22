// A configuration that is replaced while requests wait: what comes later goes by the new one.
import Base
import HTTP
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct ReloadTests {
  private func account(_ credential: String) -> UpstreamAccount {
    UpstreamAccount(
      id: AccountID(1), name: "a", platform: .anthropic, baseURL: "http://127.0.0.1:1",
      authorization: ("x-api-key", credential), models: ModelMap([:]), interceptsWarmup: false,
      project: nil, proxy: nil)
  }

  @Test func `header fields made for a replaced credential serve nobody else`() {
    let cache = HeaderCache()
    let fields = [(name: "accept", value: "*/*")]
    cache.clear()
    // A request that began before the reload comes after it.
    let old = cache.headers(for: account("old"), fields)
    let new = cache.headers(for: account("new"), fields)
    #expect(old !== new)
    #expect(cache.headers(for: account("new"), fields) === new)
    #expect(cache.headers(for: account("old"), fields) === old)
  }

  @Test func `a refusal of what an account was before a reload lets it not rest`() async throws {
    let (before, after) = (try ScriptedUpstream(), try ScriptedUpstream())
    let bed = try GatewayBed { $0.accounts[0].baseURL = before.url }
    let caller = try await bed.open(body: GatewayBed.body())
    let arrived = try await before.next()
    let gateway = bed.server.gateway
    var configuration = gateway.snapshot.configuration
    configuration.accounts[0].baseURL = after.url
    gateway.adopt(configuration, credentials: Credentials())
    try await arrived.answer(401, "{}")
    #expect(try await caller.rest().status == 502)
    #expect(try bed.events(AttemptFailed.self).count == 1)
    #expect(try bed.events(AccountStateChanged.self).isEmpty)
    #expect(bed.scheduler.withLock { $0.account(AccountID(1))?.condition } == .ready)
  }

  @Test func `a request that waited goes where its account is now`() async throws {
    let (before, after) = (try ScriptedUpstream(), try ScriptedUpstream())
    let bed = try GatewayBed {
      $0.accounts[0].baseURL = before.url
      $0.accounts[0].concurrency = 1
    }
    let first = try await bed.open(body: GatewayBed.body())
    let arrived = try await before.next()
    let second = try await bed.open(body: GatewayBed.body())
    let scheduler = bed.scheduler
    #expect(try await bed.eventually { scheduler.withLock { $0.waitingForAccounts } == 1 })
    let gateway = bed.server.gateway
    var configuration = gateway.snapshot.configuration
    configuration.accounts[0].baseURL = after.url
    gateway.adopt(configuration, credentials: Credentials())
    try await arrived.answer(200, Anthropic.message())
    #expect(try await first.rest().status == 200)
    try await after.next().answer(200, Anthropic.message())
    #expect(try await second.rest().status == 200)
    #expect(try await bed.eventually { bed.isAtRest })
  }
}
