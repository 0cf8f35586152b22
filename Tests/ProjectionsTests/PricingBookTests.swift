// Reading price files, price_set events, the built-in book.
import Foundation
import Ledger
import Testing

@testable import Projections

private func file(_ text: String) throws -> PriceFile { try PriceFile(Array(text.utf8)) }

private func model(_ fields: String, name: String = "claude-x") throws -> PriceModel {
  let read = try file("{\"\(name)\": {\"litellm_provider\": \"anthropic\", \(fields)}}")
  try #require(read.problems.isEmpty, "\(read.problems)")
  return try #require(read.models.first)
}

@Suite struct `Price files` {
  @Test func `prices come from their decimal text`() throws {
    let read = try model(
      """
      "input_cost_per_token": 4e-06, "output_cost_per_token": 0.00002,
      "cache_read_input_token_cost": 2.0000000000000002e-07,
      "cache_creation_input_token_cost": 5e-06, "cache_creation_input_token_cost_above_1hr": 8e-06
      """)
    #expect(
      PriceModel.tokenClasses.map { read.price($0, tier: .standard, threshold: 0).value }
        == [4_000_000, 20_000_000, 200_000, 5_000_000, 8_000_000])
  }

  @Test(arguments: [
    ("input_cost_per_token", PriceKey(.input)),
    ("output_cost_per_token_batches", PriceKey(.output, tier: .batch)),
    ("cache_read_input_token_cost_flex", PriceKey(.cacheRead, tier: .flex)),
    (
      "input_cost_per_token_above_272k_tokens_priority",
      PriceKey(.input, tier: .priority, aboveThousands: 272)
    ),
    ("cache_creation_input_token_cost_above_1hr", PriceKey(.cacheWrite1h)),
    (
      "cache_creation_input_token_cost_above_200k_tokens",
      PriceKey(.cacheWrite5m, aboveThousands: 200)
    ),
    (
      "cache_creation_input_token_cost_above_1hr_above_100k_tokens",
      PriceKey(.cacheWrite1h, aboveThousands: 100)
    ),
    ("output_cost_per_token_above_1k_tokens", PriceKey(.output, aboveThousands: 1)),
  ])
  func `a field name says what its price is for`(name: String, key: PriceKey) {
    #expect(PriceFieldName.key(name) == key)
  }

  @Test(arguments: [
    "input_cost_per_token_ultrafast", "input_cost_per_token_cache_hit",
    "cache_creation_input_token_cost_above_12hr", "input_cost_per_token_above_0k_tokens",
    "cache_creation_input_audio_token_cost", "output_cost_per_token_above_1hr",
    "input_cost_per_token_above_99999999k_tokens", "input_cost_per_token_batches_flex",
    "input_cost_per_token_above_k_tokens", "output_cost_per_reasoning_token",
  ])
  func `a field of another kind is kept as it is`(name: String) throws {
    #expect(PriceFieldName.key(name) == nil)
    let read = try model(
      "\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 1e-06, \"\(name)\": 1.50")
    #expect(read.unknown == "{\"litellm_provider\":\"anthropic\",\"\(name)\":1.50}")
  }

  @Test func `missing cache prices of an Anthropic model follow from its input price`() throws {
    let read = try model(
      """
      "input_cost_per_token": 4e-06, "output_cost_per_token": 2e-05,
      "input_cost_per_token_above_200k_tokens": 8e-06, "input_cost_per_token_batches": 2e-06
      """)
    let values: (UInt16, PriceTier) -> [Int64] = { threshold, tier in
      [PriceClass.cacheRead, .cacheWrite5m, .cacheWrite1h].map {
        read.price($0, tier: tier, threshold: threshold).value
      }
    }
    #expect(values(0, .standard) == [400_000, 5_000_000, 8_000_000])
    #expect(values(200, .standard) == [800_000, 10_000_000, 16_000_000])
    #expect(values(0, .batch) == [200_000, 2_500_000, 4_000_000])
  }

  @Test func `missing cache prices of other models are the input price, never free`() throws {
    let read = try file(
      """
      {"gpt-x": {"litellm_provider": "openai", "input_cost_per_token": 4e-06,
        "output_cost_per_token": 2e-05}}
      """
    ).models[0]
    for priceClass in [PriceClass.cacheRead, .cacheWrite5m, .cacheWrite1h] {
      #expect(read.price(priceClass, tier: .standard, threshold: 0).value == 4_000_000)
    }
  }

  @Test func `a stated cache price wins, zero too`() throws {
    let read = try model(
      """
      "input_cost_per_token": 4e-06, "output_cost_per_token": 2e-05,
      "cache_read_input_token_cost": 0
      """)
    #expect(read.price(.cacheRead, tier: .standard, threshold: 0).value == 0)
    #expect(read.price(.cacheRead, tier: .standard, threshold: 200).value == 0)
  }

  @Test func `factors and search fees are read and the rest of their objects is kept`() throws {
    let read = try model(
      """
      "input_cost_per_token": 4e-06, "output_cost_per_token": 2e-05,
      "provider_specific_entry": {"us": 1.1, "fast": 2, "other": "x"},
      "search_context_cost_per_query":
        {"search_context_size_medium": 0.01, "search_context_size_high": 0.014}
      """)
    #expect(read.factor(Speed.fast).value == 2_000_000)
    #expect(read.factor(Geography.us).value == 1_100_000)
    #expect(read.searchFee(.high).value == 14_000_000_000)
    #expect(read.searchFee(.low).value == 10_000_000_000)
    #expect(read.unknown.contains("{\"other\":\"x\"}"))
  }

  @Test(arguments: [
    ("\"input_cost_per_token\": \"4e-06\"", "input_cost_per_token: is a string, not a number"),
    ("\"input_cost_per_token\": -1e-06", "input_cost_per_token: -1e-06 is negative"),
    ("\"input_cost_per_token\": 1e30", "input_cost_per_token: 1e30 is too large to be a price"),
    (
      "\"input_cost_per_token\": 1e999999",
      "input_cost_per_token: 1e999999 is too large to be a price"
    ),
    (
      "\"output_cost_per_token_batches\": true",
      "output_cost_per_token_batches: is a Boolean, not a number"
    ),
    (
      "\"search_context_cost_per_query\": 5",
      "search_context_cost_per_query: is a number, not an object"
    ),
    (
      "\"provider_specific_entry\": {\"fast\": 0}",
      "provider_specific_entry: a factor of 0 would make usage free"
    ),
    (
      "\"provider_specific_entry\": {\"us\": \"NaN\"}",
      "provider_specific_entry.us: is a string, not a number"
    ),
    ("\"aliases\": [1]", "aliases: a name is a string of 1 to 256 bytes"),
  ])
  func `a model with a mistake is reported and the others stand`(
    field: String, problem: String
  ) throws {
    let good = "\"input_cost_per_token_flex\": 1e-06, \"output_cost_per_token\": 1e-06"
    let read = try file(
      """
      {"bad": {\(field), \(good)},
       "good": {"input_cost_per_token": 1e-06, \(good)}}
      """)
    #expect(read.models.map(\.name) == ["good"])
    #expect(read.problems.map(\.description) == ["bad: " + problem])
  }

  @Test func `what is no model at all is reported`() throws {
    let read = try file("{\"a\": 5, \"b\": {\"mode\": \"image_generation\"}, \"sample_spec\": {}}")
    #expect(read.problems.map(\.description) == ["a: is a number, not an object"])
    #expect(read.unpriced == ["b"])
    #expect(try file("[]").problems.count == 1)
  }

  @Test(arguments: ["", "{", "{\"a\": {}, \"a\": {}}", "{\"a\": {\"input_cost_per_token\": NaN}}"])
  func `a file that is not JSON or names a model twice is refused`(text: String) {
    #expect(throws: (any Error).self) { try file(text) }
  }

  @Test func `a model goes through a price event and comes back the same`() throws {
    for model in PriceBook.builtIn.models {
      let event = PriceSet(model, book: PriceBookID(1), index: 7)
      #expect(try event.priceModel() == model)
    }
  }

  @Test(arguments: ["{}", "[]", "{\"input\":1}", "{\"input\":-1}", "x", "{\"magic\":5}"])
  func `texts that make up no model are refused`(prices: String) {
    #expect(throws: PriceModelError.self) { try PriceModel(name: "m", pricesText: prices) }
  }
}

@Suite struct `The built-in book` {
  @Test func `it reads without a problem`() throws {
    let read = try PriceFile(PriceBook.builtInBytes)
    #expect(read.problems.isEmpty)
    #expect(read.unpriced.isEmpty)
    #expect(read.models.count > 100)
  }

  @Test(arguments: [
    ("claude-opus-5-5", [Int64(4_000_000), 20_000_000, 200_000, 5_000_000, 8_000_000]),
    ("gpt-5.1", [1_250_000, 10_000_000, 125_000, 1_250_000, 1_250_000]),
    ("gemini-3.8-flash", [750_000, 3_750_000, 75_000, 750_000, 750_000]),
  ])
  func `known models have their known prices`(name: String, prices: [Int64]) throws {
    let model = try #require(PriceBook.builtIn.match(name)).model
    #expect(
      PriceModel.tokenClasses.map { model.price($0, tier: .standard, threshold: 0).value } == prices
    )
  }

  static let fullFile = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "../shared/data/prices/litellm-1.109.1.json").path
  static let hasFullFile = FileManager.default.fileExists(atPath: fullFile)

  @Test(.enabled(if: hasFullFile, "needs ../shared/data/prices/litellm-1.109.1.json"))
  func `it agrees with the full price file on every model`() throws {
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: Self.fullFile)))
    let full = try PriceFile(bytes)
    #expect(full.problems.isEmpty, "\(full.problems.prefix(5))")
    #expect(full.models.count > 3000)
    let known = Dictionary(uniqueKeysWithValues: full.models.map { ($0.name, $0) })
    for model in PriceBook.builtIn.models {
      let other = try #require(known["gemini/" + model.name] ?? known[model.name], "\(model.name)")
      #expect(model.prices == other.prices, "\(model.name)")
      #expect(model.searchFees == other.searchFees, "\(model.name)")
      #expect(model.factors == other.factors, "\(model.name)")
    }
  }
}
