// Price books by command: imported, compared, shown, and a charge explained, over /admin on a real
// ledger.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct PriceCommandTests {
  private static let file = """
    {"m-1": {"input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06,
      "input_cost_per_token_above_200k_tokens": 2e-06,
      "output_cost_per_token_above_200k_tokens": 1e-05,
      "litellm_provider": "anthropic", "mystery": 7},
     "m-2": {"input_cost_per_token": 0.000003, "output_cost_per_token": 0.000015}}
    """

  private static func body(
    _ text: String, _ more: KeyValuePairs<String, String> = [:]
  ) -> String {
    var object = JSONObject([.init(name: "text", value: .string(text))])
    for (name, value) in more { object.members.append(.init(name: name, value: .string(value))) }
    return JSONValue.object(object).text
  }

  @Test func `an imported file is a book, and importing it again adds nothing`() async throws {
    let bed = try AdministrationBed()
    let first = try await bed.command(
      "prices/import", Self.body(Self.file, ["file": "may.json", "reason": "new prices"]))
    #expect(first["version"]?.string == "may.json" && first["models"]?.integer == 2)
    #expect(first["repeated"] == .bool(false) && first["problems"]?.array == [])
    let last = bed.last
    let second = try await bed.command("prices/import", Self.body(Self.file))
    #expect(second["repeated"] == .bool(true) && second["book"] == first["book"])
    #expect(bed.last == last)
    let list = try #require(try await bed.ask("GET", "/admin/prices/list").json?.array)
    #expect(list.map { $0["in_force"] } == [.bool(true)])
  }

  @Test func `a book is in force from its time on, and one for never is not`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("prices/import", Self.body(Self.file))
    let other = Self.file.replacing("1e-06", with: "9e-06")
    let later = try await bed.command(
      "prices/import", Self.body(other, ["effective_from": "2999-01-01T00:00:00Z"]))
    #expect(later["effective_from"]?.string == "2999-01-01T00:00:00.000000Z")
    let never = try await bed.command(
      "prices/import", Self.body(other, ["effective_from": "never"]))
    #expect(never["effective_from"] == .null && never["repeated"] == .bool(false))
    let list = try #require(try await bed.ask("GET", "/admin/prices/list").json?.array)
    #expect(list.map { $0["in_force"] } == [.bool(true), .bool(false), .bool(false)])
    let past = try await bed.ask(
      "POST", "/admin/prices/import",
      Self.body(Self.file, ["effective_from": "2020-01-01T00:00:00Z"]))
    #expect(past.status == 400 && past.text.contains("must not lie in the past"))
  }

  @Test func `show gives all prices, filled in ones too, and how the name was found`() async throws
  {
    let bed = try AdministrationBed()
    try await bed.command("prices/import", Self.body(Self.file))
    let shown = try #require(
      try await bed.ask("GET", "/admin/prices/show?model=anthropic%2Fm-1").json)
    #expect(shown["price_rule"]?.string == "provider_prefix")
    #expect(shown["unread_fields"]?["mystery"] != nil)
    let prices = shown["prices"]?.array ?? []
    func price(_ name: String, _ above: Int64) -> String? {
      prices.first {
        $0["class"]?.string == name && $0["above_input_tokens"]?.integer == above
      }?["usd_per_million_tokens"]?.string
    }
    #expect(price("input", 0) == "1" && price("input", 200_000) == "2")
    #expect(price("cache_read", 0) == "0.1" && price("cache_write_1h", 0) == "2")
  }

  @Test func `diff names every model and field that differs`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("prices/import", Self.body(Self.file, ["version": "one"]))
    let other = """
      {"m-1": {"input_cost_per_token": 4e-06, "output_cost_per_token": 5e-06,
        "litellm_provider": "anthropic", "mystery": 7},
       "m-3": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}}
      """
    try await bed.command("prices/import", Self.body(other, ["version": "two"]))
    let found = try #require(
      try await bed.ask("GET", "/admin/prices/diff?from=one&to=two").json)
    #expect(found["added"]?.array == [.string("m-3")])
    #expect(found["removed"]?.array == [.string("m-2")])
    let fields = found["changed"]?.array?.first?["fields"]?.array ?? []
    let input = fields.first { $0["field"]?.string == "input" }
    #expect(input?["before"]?.string == "1" && input?["after"]?.string == "4")
    let gone = fields.first { $0["field"]?.string == "input_above_200k" }
    #expect(gone?["before"]?.string == "2" && gone?["after"] == .null)
    let same = try #require(try await bed.ask("GET", "/admin/prices/diff?from=one&to=1").json)
    #expect(same["changed"]?.array == [] && same["unchanged"]?.integer == 2)
  }

  @Test func `explain rates a settlement anew and agrees with what was booked`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann"}"#)
    try await bed.command("key/issue", #"{"user": "ann", "group": "default", "name": "k"}"#)
    try await bed.command("prices/import", Self.body(Self.file))
    let sequence = try bed.settle { settlement, books in
      settlement.usage.input = 250_000
      settlement.usage.output = 10
      settlement.priceBook = PriceBookID(1)
      settlement.pricedModel = books.modelID("m-1") ?? .none
      settlement.model = settlement.pricedModel
      settlement.priceRule = .exact
      settlement.multiplier = PartsPerMillion(1_500_000)
      var line = TokenUsage()
      line.output = 100
      settlement.lines = SettledLines.text([
        SettledLine(model: "m-2", usage: line, list: NanoUSD(1_500_000))
      ])
      settlement.list = NanoUSD(500_000_000 + 100_000 + 1_500_000)
      settlement.charged = NanoUSD(752_400_000)
    }
    let told = try #require(
      try await bed.ask("GET", "/admin/prices/explain?sequence=\(sequence)").json)
    #expect(told["agrees"] == .bool(true), "\(told.text)")
    #expect(told["charged_usd"]?.string == "0.7524")
    let lines = told["lines"]?.array ?? []
    #expect(lines.map { $0["amount_usd"]?.string } == ["0.5", "0.0001", "0.0015"])
    #expect(lines.first?["above_input_tokens"]?.integer == 200_000)
    let wrong = try await bed.ask("GET", "/admin/prices/explain?sequence=1")
    #expect(wrong.status == 400 && wrong.text.contains("forward_settled"))
    #expect(try await bed.ask("GET", "/admin/prices/explain?sequence=99999").status == 404)
  }
}
