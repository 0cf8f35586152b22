// GET /v1/usage?days= and ?as_of=: the days of the calling key, old ones from the store, and its
// usage as it stood.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct UsageHistoryTests {
  private let clock = ManualWallClock(Timestamp(seconds: 1_780_000_000))

  private func settle(_ bed: AdministrationBed, _ charged: Int64, input: Int64 = 10) throws {
    let now = clock.now()
    try bed.live.waitUntilDurable(
      try bed.live.withBooks { books in
        let key = try #require(books.catalog.allKeys.first)
        var check = BillingChecked()
        check.allowed = true
        check.party.user = key.user
        check.party.key = key.id
        check.group = key.group
        let admission = try books.append(check, now: now)
        var settlement = Settlement()
        settlement.party = check.party
        settlement.party.admission = admission
        settlement.party.serviceDay = books.zone.day(of: books.lastTime)
        settlement.group = key.group
        settlement.account = try #require(books.accounts.all.first).declared.account
        settlement.pricedModel = try books.internModel("m-1", now: now)
        settlement.serviceTime = books.lastTime
        settlement.usage.input = input
        settlement.list = NanoUSD(charged)
        settlement.charged = NanoUSD(charged)
        return try books.append(ForwardSettled(settlement), now: now)
      })
  }

  private func bed() async throws -> (bed: AdministrationBed, key: String, other: String) {
    let bed = try AdministrationBed(clock: clock)
    try await bed.command("user/add", #"{"name": "ann"}"#)
    try await bed.command("credit/add", #"{"user": "ann", "usd": 5, "reason": "r"}"#)
    let one = try await bed.command(
      "key/issue", #"{"user": "ann", "group": "default", "name": "a"}"#)
    let two = try await bed.command(
      "key/issue", #"{"user": "ann", "group": "default", "name": "b"}"#)
    return (bed, one["key"]?.string ?? "", two["key"]?.string ?? "")
  }

  private func usage(
    _ bed: AdministrationBed, _ key: String, _ query: String
  ) async throws -> Received {
    try await bed.ask("GET", "/v1/usage?\(query)", headers: ["x-api-key: \(key)"])
  }

  @Test func `days give a row each, today last, old ones too, and only the key's own`() async throws
  {
    let (bed, key, other) = try await bed()
    for day in 0..<5 {
      if day > 0 { clock.advance(bySeconds: 86_400) }
      if day != 2 { try settle(bed, Int64(day + 1) * 1_000_000_000) }
    }
    let answer = try await usage(bed, key, "days=5")
    #expect(answer.status == 200, "\(answer.text)")
    let rows = try #require(answer.json?["daily_usage"]?.array)
    #expect(rows.map { $0["actual_cost"]?.numberText } == ["1", "2", "0", "4", "5"])
    #expect(rows.map { $0["requests"]?.integer } == [1, 1, 0, 1, 1])
    #expect(rows.last?["date"]?.string == "\(bed.live.withBooks { $0.zone.day(of: $0.lastTime) })")
    let models = try #require(answer.json?["model_stats"]?.array)
    #expect(models.count == 1 && models[0]["model"]?.string == "m-1")
    #expect(models[0]["requests"]?.integer == 4 && models[0]["input_tokens"]?.integer == 40)
    let short = try await usage(bed, key, "days=2")
    #expect(short.json?["model_stats"]?.array?.first?["requests"]?.integer == 2)
    let empty = try await usage(bed, other, "days=90")
    #expect(empty.json?["daily_usage"]?.array?.count == 90)
    #expect(empty.json?["model_stats"]?.array == [])
  }

  @Test func `as_of answers as it stood then, and not of before the key was there`() async throws {
    let (bed, key, _) = try await bed()
    try settle(bed, 1_000_000_000)
    let moment = bed.last
    clock.advance(bySeconds: 100)
    try settle(bed, 1_000_000_000)
    let then = try await usage(bed, key, "as_of=\(moment)")
    #expect(then.json?["balance"]?.numberText == "4")
    #expect(then.json?["as_of"]?["sequence"]?.integer == Int64(moment.value))
    let time = clock.now().advanced(bySeconds: -50).text()
    #expect(try await usage(bed, key, "as_of=\(time)").json?["balance"]?.numberText == "4")
    #expect(try await usage(bed, key, "as_of=1").status == 404)
  }

  @Test(arguments: [
    "days=0", "days=91", "days=x", "days=", "days=1.5", "as_of=", "as_of=soon", "as_of=0",
    "days=3&as_of=1",
  ])
  func `a question that makes no sense is refused`(query: String) async throws {
    let (bed, key, _) = try await bed()
    let answer = try await usage(bed, key, query)
    #expect(answer.status == 400, "\(query): \(answer.text)")
    #expect(answer.json?["error"]?["type"]?.string == "invalid_request_error")
  }

  @Test func `moments that are not there, and other keys, are refused`() async throws {
    let (bed, key, _) = try await bed()
    #expect(try await usage(bed, key, "as_of=99999999").status == 404)
    #expect(try await usage(bed, "sk-no", "days=3").status == 401)
  }
}
