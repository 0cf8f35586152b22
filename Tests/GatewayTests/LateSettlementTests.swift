// Requests of unknown outcome, settled by what a bill says they used; and the ledger's side of a
// comparison, page by page.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct LateSettlementTests {
  private static let prices = """
    {"m-1": {"input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06,
      "litellm_provider": "anthropic"}}
    """
  private static let actor = "command line"

  /// A bed with prices, a user with $10 and a key, whose group multiplies by 2.
  private static func bed(
    configure: (inout Configuration) -> Void = { _ in }
  ) async throws -> AdministrationBed {
    let bed = try AdministrationBed(configure: configure)
    try importPrices(prices, bed)
    try await bed.command("user/add", #"{"name": "ann"}"#)
    try await bed.command("credit/add", #"{"user": "ann", "usd": "10", "reason": "test"}"#)
    try await bed.command("key/issue", #"{"user": "ann", "group": "default"}"#)
    return bed
  }

  private static func importPrices(_ text: String, _ bed: AdministrationBed) throws {
    let object = JSONObject([.init(name: "text", value: .string(text))])
    let answer = bed.service.answer(
      "prices/import", Array(JSONValue.object(object).text.utf8), actor: actor)
    try #require(answer.status == 200)
  }

  /// A request whose outcome nobody knows.
  private static func lose(
    _ bed: AdministrationBed, model: String = "m-1", number: UInt64 = 1
  ) throws -> BillingChecked {
    let now = SystemWallClock().now()
    return try bed.live.withBooks { books in
      let key = try #require(books.catalog.allKeys.first)
      var check = BillingChecked()
      check.allowed = true
      check.party.user = key.user
      check.party.key = key.id
      check.group = key.group
      check.hold = NanoUSD(1000)
      check.modelText = model
      check.multiplier = PartsPerMillion(2_000_000)
      check.priceBook = try #require(books.prices.bookInForce(at: now))
      check.requestID = ULID(time: now, random: (9, number))
      let admission = try books.append(check, now: now)
      let request = try #require(books.openRequests.open(admission))
      var lost = OutcomeUnknown()
      lost.party = request.party
      lost.hold = request.hold
      lost.serviceTime = request.serviceTime
      lost.group = request.group
      try books.append(lost, now: now)
      return check
    }
  }

  private static let usage = #"{"input_tokens": 1000, "output_tokens": 100}"#

  private static func settle(
    _ bed: AdministrationBed, _ check: BillingChecked, apply: Bool, usage: String = usage,
    model: String = "m-1-20260101", more: String = ""
  ) throws -> JSONValue {
    let body = """
      {"apply": \(apply), "reason": "bill of November"\(more), "rows": [{"line": 7,
       "request_id": "\(check.requestID)", "message_id": "msg_1", "model": "\(model)",
       "status": 200, "usage": \(usage)}]}
      """
    let answer = bed.service.answer("reconcile/settle", Array(body.utf8), actor: actor)
    let json = try JSONParser().parse(answer.body)
    try #require(answer.status == 200, "\(json.text)")
    return try #require(json.array?.first)
  }

  @Test func `a bill settles a request of unknown outcome once, at the prices of its admission`()
    async throws
  {
    let bed = try await Self.bed()
    let check = try Self.lose(bed)
    try Self.importPrices(Self.prices.replacing("1e-06", with: "9e-06"), bed)
    let last = bed.last
    let before = try Self.settle(bed, check, apply: false)
    #expect(before["outcome"]?.string == "can_be_settled" && bed.last == last)
    #expect(before["charged_usd"] == .string("0.003"))  // (1000 x $1/M + 100 x $5/M) x 2

    let done = try Self.settle(bed, check, apply: true)
    #expect(done["outcome"]?.string == "settled" && done["charged_usd"] == .string("0.003"))
    let late = try #require(try bed.events(LateSettled.self).first)
    #expect(late.settlement.upstreamMessageID == "msg_1" && late.settlement.status == 200)
    #expect(late.settlement.list == NanoUSD(1_500_000))
    #expect(late.settlement.priceRule == .exact && late.settlement.requestID == check.requestID)
    #expect(late.authorship == Authorship(actor: Self.actor, reason: "bill of November"))
    let balance = try #require(try await bed.ask("GET", "/admin/balance?user=ann").json)
    #expect(balance["balance_usd"] == .string("9.997") && balance["held_usd"] == .string("0"))

    let end = bed.last
    #expect(try Self.settle(bed, check, apply: true)["outcome"]?.string == "not_unknown")
    #expect(try bed.events(LateSettled.self).count == 1 && bed.last == end)
  }

  @Test func `its settlement explains itself`() async throws {
    let bed = try await Self.bed()
    let check = try Self.lose(bed)
    let done = try Self.settle(bed, check, apply: true)
    let sequence = try #require(done["sequence"]?.integer)
    let told = bed.service.answer(
      "prices/explain", Array(#"{"sequence": "\#(sequence)"}"#.utf8), actor: Self.actor)
    #expect(try JSONParser().parse(told.body)["agrees"] == .bool(true))
  }

  @Test(arguments: [
    "null", "{}", #"{"input_tokens": 5}"#, #"{"input_tokens": -5, "output_tokens": 1}"#,
    #"{"input_tokens": 5, "output_tokens": 2000000000}"#,
  ])
  func `a row that does not state its tokens settles nothing`(usage: String) async throws {
    let bed = try await Self.bed()
    let check = try Self.lose(bed)
    let result = try Self.settle(bed, check, apply: true, usage: usage)
    #expect(result["outcome"]?.string == "refused")
    #expect(try bed.events(LateSettled.self).isEmpty)
  }

  @Test func `of several accounts the one that served it must be named`() async throws {
    let bed = try await Self.bed { configuration in
      configuration.accounts.append(
        AccountSettings(
          name: "other", platform: .anthropic, groups: ["default"],
          baseURL: "http://127.0.0.1:1", credential: .none))
    }
    let check = try Self.lose(bed)
    let result = try Self.settle(bed, check, apply: true)
    #expect(result["why"]?.string?.contains("--account") == true)
    let named = try Self.settle(bed, check, apply: true, more: #", "account": "other""#)
    #expect(named["outcome"]?.string == "settled")
    let account = bed.live.withBooks { $0.accounts.account(named: "other")?.declared.account }
    #expect(try bed.events(LateSettled.self).map(\.settlement.account) == [account])
  }

  @Test func `a request without any price is refused, and one that is unknown to the log too`()
    async throws
  {
    let bed = try await Self.bed()
    let check = try Self.lose(bed, model: "nobody-knows")
    let result = try Self.settle(bed, check, apply: true, model: "nobody-either")
    #expect(result["why"]?.string?.contains("has a price") == true)
    var other = check
    other.requestID = ULID(high: 1, low: 1)
    #expect(try Self.settle(bed, other, apply: true)["outcome"]?.string == "not_unknown")
  }

  @Test(arguments: [
    #"{"apply": true, "rows": []}"#, #"{"rows": 5}"#, #"{"rows": [{}]}"#, #"{"rows": [5]}"#,
    #"{"rows": [], "nonsense": 1}"#,
  ])
  func `arguments that cannot be meant are refused`(body: String) async throws {
    let bed = try AdministrationBed()
    let answer = bed.service.answer("reconcile/settle", Array(body.utf8), actor: Self.actor)
    #expect(answer.status == 400)
  }

  @Test func `pages hold the settlements of a range and an account, and say where to go on`()
    async throws
  {
    let bed = try await Self.bed()
    var sequences: [SequenceNumber] = []
    for number in 0..<3 {
      sequences.append(
        try bed.settle { settlement, _ in settlement.upstreamMessageID = "msg_\(number)" })
    }
    func page(_ more: String) throws -> [SequenceNumber] {
      let answer = bed.service.answer(
        "reconcile/page", Array("{\(more)}".utf8), actor: Self.actor)
      try #require(answer.status == 200)
      var found: [SequenceNumber] = []
      try SettlementPage.read(answer.body) { sequence, _ in found.append(sequence) }
      return found
    }
    #expect(try page("") == sequences)
    #expect(try page(#""sequence": \#(sequences[1].value)"#) == Array(sequences[1...]))
    #expect(try page(#""last": \#(sequences[1].value)"#) == Array(sequences[...1]))
    #expect(try page(#""account": "main""#) == sequences)
    #expect(try page(#""user": "ann""#) == sequences)
    try await bed.command("user/add", #"{"name": "bob"}"#)
    #expect(try page(#""user": "bob""#) == [])
    #expect(try page(#""before_us": 1000"#) == [])
    let wrong = bed.service.answer(
      "reconcile/page", Array(#"{"account": "nobody"}"#.utf8), actor: Self.actor)
    #expect(wrong.status == 404)
  }

  @Test func `these commands are for the local socket, not for the network`() async throws {
    let bed = try AdministrationBed()
    let answer = try await bed.ask("POST", "/admin/reconcile/settle", #"{"rows": []}"#)
    #expect(answer.status == 404)
  }
}
