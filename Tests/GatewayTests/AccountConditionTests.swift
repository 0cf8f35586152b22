// Accounts that failed rest, say so, and come back: by themselves or by command.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct AccountConditionTests {
  /// One account, played by the test, and administration of the same ledger.
  private func bed() throws -> (GatewayBed, ScriptedUpstream, AdministrationService) {
    let upstream = try ScriptedUpstream()
    let bed = try GatewayBed { $0.accounts[0].baseURL = upstream.url }
    let gateway = bed.server.gateway
    let service = AdministrationService(
      live: bed.live, accountsChanged: { gateway.heedAccountConditions() },
      reload: { () throws(AdministrationError) in throw .failed("nothing to read again") })
    return (bed, upstream, service)
  }
  private func condition(_ service: AdministrationService) throws -> (String?, String?) {
    let answer = service.answer("account/list", [], actor: "test")
    let account = try #require(try JSONParser().parse(answer.body).array?.first)
    return (account["condition"]?.string, account["why"]?.string)
  }
  private func ask(
    _ bed: GatewayBed, _ upstream: ScriptedUpstream, answering status: Int, headers: String = ""
  ) async throws -> Received {
    let caller = try await bed.open(body: GatewayBed.body())
    try await upstream.next().answer(
      status, status == 200 ? Anthropic.message() : "{}", headers: headers)
    return try await caller.rest()
  }

  @Test(arguments: [401, 402, 403])
  func `an account that is refused is in error until it is enabled`(status: Int) async throws {
    let (bed, upstream, service) = try bed()
    #expect(try await ask(bed, upstream, answering: status).status == 502)
    #expect(try condition(service).0 == "error")
    #expect(try await bed.ask(body: GatewayBed.body()).status == 503)
    let enabled = service.answer(
      "account/enable", Array(#"{"account":"account-0","reason":"new key"}"#.utf8), actor: "test")
    #expect(enabled.status == 200)
    #expect(try condition(service).0 == "ready")
    #expect(try await ask(bed, upstream, answering: 200).status == 200)
  }

  @Test func `a cool-down is as long as the headers say, and ends by itself`() async throws {
    let (bed, upstream, service) = try bed()
    let answer = try await ask(bed, upstream, answering: 429, headers: "retry-after: 600\r\n")
    #expect(answer.status == 429)
    #expect((500...600).contains(Int(answer.header("retry-after") ?? "") ?? 0))
    #expect(try condition(service).0 == "cooling_down")
    let scheduler = bed.scheduler
    let later = SystemWallClock().now().advanced(bySeconds: 601)
    let wish = AccountWish(
      group: GroupID(1), platform: .anthropic, model: "claude-sonnet-5-5")
    #expect(scheduler.withLock { $0.choose(wish, now: later) } != nil)
  }

  @Test func `a disabled account gets nothing until it is enabled`() async throws {
    let (bed, upstream, service) = try bed()
    let name = Array(#"{"account":"account-0"}"#.utf8)
    #expect(service.answer("account/disable", name, actor: "test").status == 200)
    let refused = try await bed.ask(body: GatewayBed.body())
    #expect(refused.status == 503 && refused.header("retry-after") == nil)
    #expect(refused.text.contains("No available accounts: no available accounts"))
    #expect(service.answer("account/enable", name, actor: "test").status == 200)
    #expect(try await ask(bed, upstream, answering: 200).status == 200)
  }

  @Test func `a prompt refused by the upstream lets no account rest`() async throws {
    let (bed, upstream, service) = try bed()
    #expect(try await ask(bed, upstream, answering: 404).status == 404)
    #expect(try condition(service).0 == "ready")
  }
}
