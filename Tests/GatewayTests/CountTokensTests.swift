// POST /v1/messages/count_tokens through a whole gateway: what callers get, and that it costs
// nothing.
import Base
import Ledger
import Sandbox
import TestSupport
import Testing

@testable import Gateway

@Suite struct CountTokensTests {
  private static let path = "/v1/messages/count_tokens"

  @Test func `a count is the upstream's, and neither held nor charged`() async throws {
    let bed = try GatewayBed()
    let long = String(repeating: "a word and another ", count: 50)
    let answer = try await bed.ask("POST", Self.path, body: GatewayBed.body(text: long))
    #expect(answer.status == 200)
    #expect(answer.header("request-id") != nil)
    #expect(answer.header("x-upstream-request-id")?.hasPrefix("req_") == true)
    let count = try #require(answer.json?["input_tokens"]?.integer)
    #expect(count > 50)
    let event = try #require(try bed.events(TokensCounted.self).first)
    #expect(event.status == 200 && event.input == count && event.account == AccountID(1))
    #expect(event.party.user == UserID(1) && event.party.admission == .none)
    #expect(try bed.events(BillingChecked.self).isEmpty)
    #expect(bed.balance == NanoUSD(10 * NanoUSD.perUSD))
  }

  @Test func `a count asks under the account's name for the model`() async throws {
    let bed = try GatewayBed {
      $0.accounts[0].models = [ModelMapping(asked: "mine", sent: "sandbox-404")]
    }
    let answer = try await bed.ask("POST", Self.path, body: GatewayBed.body(model: "mine"))
    #expect(answer.status == 404, "the sandbox answers the name it was sent")
  }

  @Test(arguments: [
    (429, 429, "Rate limit exceeded"), (529, 529, "Service overloaded"),
    (400, 400, "Upstream request failed"), (500, 500, "Upstream request failed"),
  ])
  func `an upstream's refusal to count keeps its status and lets nobody rest`(
    upstream: Int, status: Int, message: String
  ) async throws {
    let bed = try GatewayBed()
    let body = GatewayBed.body(model: "sandbox-\(upstream)")
    let answer = try await bed.ask("POST", Self.path, body: body)
    #expect(answer.status == status)
    #expect(answer.json?["error"]?["type"]?.string == "upstream_error")
    #expect(answer.json?["error"]?["message"]?.string == message)
    #expect(try bed.events(AccountStateChanged.self).isEmpty)
    #expect(try bed.events(TokensCounted.self).map(\.status) == [UInt16(upstream)])
  }

  @Test func `an upstream that cannot be reached is a 502`() async throws {
    let bed = try GatewayBed { $0.accounts[0].baseURL = "http://127.0.0.1:1" }
    let answer = try await bed.ask("POST", Self.path, body: GatewayBed.body())
    #expect(answer.status == 502)
    #expect(answer.json?["error"]?["message"]?.string == "Upstream request failed")
    #expect(try bed.events(TokensCounted.self).map(\.status) == [0])
  }

  @Test func `a count needs a balance, a model and an account`() async throws {
    let poor = try GatewayBed(balance: -1)
    let refused = try await poor.ask("POST", Self.path, body: GatewayBed.body())
    #expect(refused.status == 403 && refused.json?["code"]?.string == "INSUFFICIENT_BALANCE")
    let bed = try GatewayBed { $0.accounts[0].models = [ModelMapping(asked: "one", sent: "one")] }
    let nameless = try await bed.ask("POST", Self.path, body: #"{"messages":[]}"#)
    #expect(nameless.json?["error"]?["message"]?.string == "model is required")
    let unserved = try await bed.ask("POST", Self.path, body: GatewayBed.body())
    #expect(unserved.status == 503)
    #expect(
      unserved.json?["error"]?["message"]?.string
        == "No available accounts: no available accounts")
  }

  @Test func `antigravity counts nothing`() async throws {
    let bed = try GatewayBed {
      $0.accounts[0].platform = .antigravity
      $0.accounts[0].isMixed = true
    }
    let answer = try await bed.ask(
      "POST", "/antigravity" + Self.path, body: GatewayBed.body())
    #expect(answer.status == 200 && answer.json?["input_tokens"]?.integer == 0)
  }
}
