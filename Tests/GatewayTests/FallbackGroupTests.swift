// A prompt too long for its group goes on in the fallback group: once, as if it had been asked
// there, and the first attempt costs nothing.
import Base
import Ledger
import Projections
import Sandbox
import TestSupport
import Testing

@testable import Gateway

@Suite struct FallbackGroupTests {
  /// Two groups: `default`, whose upstream the test plays, and `large` at twice the price, served
  /// by a sandbox.
  private func bed(
    _ upstream: ScriptedUpstream, balance: Int64 = 10, target: PaymentTarget = .balance,
    hasFallback: Bool = true, large: String? = nil
  ) throws -> GatewayBed {
    let bed = try GatewayBed([SandboxOptions(), SandboxOptions()], balance: balance) {
      $0.groups[0].target = target
      if hasFallback { $0.groups[0].fallbackGroup = "large" }
      var large = GroupSettings(name: "large", platform: .anthropic, target: .balance)
      large.multiplier = PartsPerMillion(2_000_000)
      $0.groups.append(large)
      $0.accounts[0].baseURL = upstream.url
      $0.accounts[1].groups = ["large"]
      $0.gateway.pingInterval = .milliseconds(20)
    }
    if target == .subscription {
      try bed.live.withBooks { books throws(BooksError) in
        var granted = SubscriptionState()
        granted.subscription = books.subscriptions.nextSubscription
        granted.user = UserID(1)
        granted.group = books.catalog.group(named: "default")?.id ?? .none
        granted.expires = SystemWallClock().now().advanced(bySeconds: 86_400)
        try books.append(SubscriptionGranted(granted), now: SystemWallClock().now())
      }
    }
    return bed
  }
  private func tooLong(
    _ bed: GatewayBed, _ upstream: ScriptedUpstream, stream: Bool = false,
    headers: String = "x-api-key: sk-test-key"
  ) async throws -> Received {
    let caller = try await bed.open(body: GatewayBed.body(stream: stream), headers: headers)
    try await upstream.next().answer(400, Anthropic.promptTooLong)
    return try await caller.rest()
  }

  @Test(arguments: [true, false])
  func `the fallback group answers, and alone is charged, at its multiplier`(
    isStream: Bool
  ) async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed(upstream)
    let answer = try await tooLong(bed, upstream, stream: isStream)
    #expect(answer.status == 200 && answer.isWhole)
    let used = try bed.events(FallbackGroupUsed.self)
    let checks = try bed.events(BillingChecked.self)
    let settled = try bed.events(ForwardSettled.self)
    #expect(used.count == 1 && checks.count == 2 && settled.count == 1)
    #expect(checks[0].requestID == checks[1].requestID)
    #expect(used[0].party.admission == checks[0].party.admission)
    let charge = settled[0].settlement
    #expect(charge.party.admission == checks[1].party.admission)
    #expect(charge.group == used[0].fallback)
    #expect(charge.charged.value == charge.list.value * 2)
    #expect(bed.balance.value == 10 * NanoUSD.perUSD - charge.charged.value)
    #expect(try bed.events(AttemptFailed.self).map(\.outcome) == [.fallbackGroup])
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `the account whose window was too small does not rest for it`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed(upstream)
    _ = try await tooLong(bed, upstream)
    #expect(try bed.events(AccountStateChanged.self).isEmpty)
  }

  @Test func `a subscriber pays the fallback group from the balance`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed(upstream, target: .subscription)
    #expect(try await tooLong(bed, upstream).status == 200)
    let charge = try bed.events(ForwardSettled.self)[0].settlement
    #expect(charge.target == .balance && charge.subscription.isNone)
    #expect(bed.balance.value == 10 * NanoUSD.perUSD - charge.charged.value)
  }

  @Test func `without money for it the billing error comes, and nothing stays open`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed(upstream, balance: 0, target: .subscription)
    let answer = try await tooLong(bed, upstream)
    #expect(answer.status == 403)
    #expect(answer.text.contains(#""type":"billing_error","message":"insufficient balance""#))
    #expect(try bed.events(BillingChecked.self).map(\.allowed) == [true, false])
    #expect(try bed.events(FallbackGroupUsed.self).count == 1)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `without a fallback group the upstream's answer comes back, uncharged`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed(upstream, hasFallback: false)
    let answer = try await tooLong(bed, upstream)
    #expect(answer.status == 400 && answer.text == Anthropic.promptTooLong)
    #expect(bed.balance.value == 10 * NanoUSD.perUSD)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `a prompt too long for the fallback group too is the caller's business`() async throws
  {
    let upstream = try ScriptedUpstream()
    let bed = try bed(upstream)
    let second = try ScriptedUpstream()
    var configuration = bed.server.gateway.snapshot.configuration
    configuration.accounts[1].baseURL = second.url
    bed.server.gateway.adopt(configuration, credentials: Credentials())
    let caller = try await bed.open(body: GatewayBed.body())
    try await upstream.next().answer(400, Anthropic.promptTooLong)
    try await second.next().answer(400, Anthropic.promptTooLong)
    let answer = try await caller.rest()
    #expect(answer.status == 400 && answer.text == Anthropic.promptTooLong)
    #expect(try bed.events(ForwardFailed.self).count == 1)
    #expect(bed.balance.value == 10 * NanoUSD.perUSD)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `another 400 is not taken for a prompt too long`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed(upstream)
    let caller = try await bed.open(body: GatewayBed.body())
    let refusal =
      #"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: big"}}"#
    try await upstream.next().answer(400, refusal)
    let answer = try await caller.rest()
    #expect(answer.status == 400 && answer.text == refusal)
    #expect(try bed.events(FallbackGroupUsed.self).isEmpty)
  }
}
