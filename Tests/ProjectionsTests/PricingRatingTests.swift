// Usage to money, against figures computed by hand; holds.
import Ledger
import Testing

@testable import Projections

/// A model of prices in pico-USD, cache classes at the input price unless given.
func pricedModel(
  input: Int64 = 4_000_000, output: Int64 = 20_000_000, extra: [PriceKey: Int64] = [:],
  searchFees: [SearchSize: PicoUSD] = [:], factors: [String: PartsPerMillion] = [:]
) -> PriceModel {
  var prices: [PriceKey: PicoUSD] = [
    PriceKey(.input): PicoUSD(input), PriceKey(.output): PicoUSD(output),
    PriceKey(.cacheRead): PicoUSD(input), PriceKey(.cacheWrite5m): PicoUSD(input),
    PriceKey(.cacheWrite1h): PicoUSD(input),
  ]
  for (key, price) in extra { prices[key] = PicoUSD(price) }
  return PriceModel(name: "m", prices: prices, searchFees: searchFees, factors: factors)
}

func usage(
  input: Int64 = 0, output: Int64 = 0, read: Int64 = 0, write5m: Int64 = 0, write1h: Int64 = 0,
  searches: Int64 = 0, tier: ServiceTier = .none, speed: Speed = .none,
  geography: Geography = .none
) -> TokenUsage {
  var usage = TokenUsage()
  usage.input = input
  usage.output = output
  usage.cacheRead = read
  usage.cacheWrite5m = write5m
  usage.cacheWrite1h = write1h
  usage.webSearches = searches
  usage.serviceTier = tier
  usage.speed = speed
  usage.geography = geography
  return usage
}

@Suite struct `Rating of usage` {
  @Test func `an answer of claude-opus-5-5 costs what its price list says`() throws {
    let model = try #require(PriceBook.builtIn.match("claude-opus-5-5")).model
    let rated = try Rating.rate(
      usage(
        input: 1234, output: 567, read: 89_000, write5m: 1000, write1h: 2000, searches: 3),
      at: model)
    // 1234 x 4, 567 x 20, 89,000 x 0.2, 1000 x 5, 2000 x 8 USD per million; 3 x $0.01.
    #expect(
      rated.lines.map(\.amount.value)
        == [4_936_000, 11_340_000, 17_800_000, 5_000_000, 16_000_000, 30_000_000])
    #expect(rated.list == NanoUSD(85_076_000))
    #expect(rated.inputTier == 0)
    #expect(
      try Rating.charge(list: rated.list, multiplier: PartsPerMillion(1_500_000)).value
        == 127_614_000)
  }

  @Test func `speed and geography multiply token prices and not the search fee`() throws {
    let model = try #require(PriceBook.builtIn.match("claude-opus-5-5")).model
    let rated = try Rating.rate(
      usage(input: 1000, searches: 1, speed: .fast, geography: .us), at: model)
    // 1000 x $4 / 10^6 x 2 x 1.1 = $0.0088
    #expect(rated.lines.map(\.amount.value) == [8_800_000, 10_000_000])
  }

  @Test func `a factor the book does not state is one`() throws {
    let rated = try Rating.rate(
      usage(input: 1000, speed: .fast, geography: .us), at: pricedModel())
    #expect(rated.list == NanoUSD(4_000_000))
  }

  @Test(arguments: [
    (Int64(1), Int64(500), Int64(0)), (1, 1500, 2), (1, 2500, 2), (1, 501, 1), (3, 500, 2),
    (1, 499, 0), (1, 3500, 4),
  ])
  func `a line is rounded to nano-USD half to even`(
    tokens: Int64, price: Int64, nano: Int64
  ) throws {
    let rated = try Rating.rate(usage(input: tokens), at: pricedModel(input: price))
    #expect(rated.list == NanoUSD(nano))
  }

  @Test(arguments: [
    (Int64(1), UInt32(500_000), Int64(0)), (3, 500_000, 2), (5, 500_000, 2), (10, 0, 0),
    (7, 1_000_000, 7), (1, 1_500_001, 2), (1_000_000_000, 1_000_000_000, 1_000_000_000_000),
  ])
  func `a charge is rounded once half to even`(
    list: Int64, multiplier: UInt32, charged: Int64
  ) throws {
    #expect(
      try Rating.charge(list: NanoUSD(list), multiplier: PartsPerMillion(multiplier))
        == NanoUSD(charged))
  }

  @Test func `the whole request is at the tier its input tokens exceed`() throws {
    let model = pricedModel(
      input: 1000, output: 2000,
      extra: [
        PriceKey(.input, aboveThousands: 200): 2000, PriceKey(.output, aboveThousands: 200): 3000,
        PriceKey(.input, aboveThousands: 500): 4000,
      ])
    let at = try Rating.rate(usage(input: 200_000, output: 1), at: model)
    #expect(at.inputTier == 0 && at.list.value == 200_002)
    let above = try Rating.rate(usage(input: 1, output: 1, read: 200_000), at: model)
    #expect(above.inputTier == 200)
    // 1 x 2000 + 1 x 3000 + 200,000 cached at their only stated price
    #expect(above.lines.map(\.amount.value) == [2, 3, 200_000])
    let highest = try Rating.rate(usage(input: 500_001, output: 1), at: model)
    #expect(highest.inputTier == 500)
    #expect(highest.lines.map(\.amount.value) == [2_000_004, 3])
  }

  @Test func `a service tier has its own prices where it states them`() throws {
    let model = pricedModel(
      input: 4000, output: 8000,
      extra: [
        PriceKey(.input, tier: .batch): 2000, PriceKey(.input, tier: .priority): 9000,
        PriceKey(.input, tier: .priority, aboveThousands: 200): 18_000,
        PriceKey(.input, aboveThousands: 200): 6000, PriceKey(.output, tier: .flex): 3000,
      ])
    func price(_ priceClass: PriceClass, _ tier: PriceTier, _ threshold: UInt16) -> Int64 {
      model.price(priceClass, tier: tier, threshold: threshold).value
    }
    #expect(price(.input, .batch, 0) == 2000)
    #expect(price(.input, .priority, 0) == 9000)
    #expect(price(.input, .priority, 200) == 18_000)
    #expect(price(.input, .flex, 200) == 6000)
    #expect(price(.output, .flex, 200) == 3000)
    #expect(price(.output, .batch, 200) == 8000)
    // No batch price above 200k: the dearer of the batch price below and the standard one above.
    #expect(price(.input, .batch, 200) == 6000)
  }

  @Test func `the lines sum up to the list price`() throws {
    for seed in UInt64(0)..<500 {
      var random = SeededPrices(state: seed)
      let model = pricedModel(
        input: random.next(50_000_000), output: random.next(90_000_000),
        factors: ["fast": PartsPerMillion(UInt32(random.next(5_000_000)))])
      let used = usage(
        input: random.next(900_000), output: random.next(90_000), read: random.next(900_000),
        write5m: random.next(9000), write1h: random.next(9000), speed: .fast)
      let rated = try Rating.rate(used, at: model)
      #expect(rated.lines.reduce(0) { $0 + $1.amount.value } == rated.list.value, "seed \(seed)")
      // Each line is within half a nano-USD of the exact product.
      for line in rated.lines {
        let exact =
          Int128(line.count) * Int128(line.unitPrice.value) * Int128(line.speedFactor.value)
        let off = exact - Int128(line.amount.value) * 1_000_000_000
        #expect(off.magnitude <= 500_000_000, "seed \(seed)")
      }
    }
  }

  @Test func `nothing used is nothing charged`() throws {
    let rated = try Rating.rate(TokenUsage(), at: pricedModel())
    #expect(rated.lines.isEmpty && rated.list == .zero)
  }

  @Test func `usage beyond the limits is out of range and never traps`() throws {
    let dear = pricedModel(
      input: PriceModel.priceLimit.value,
      factors: ["fast": PriceModel.factorLimit, "us": PriceModel.factorLimit])
    for bad in [
      usage(input: -1), usage(output: .max), usage(read: .min), usage(input: 1_000_000_001),
    ] {
      #expect(throws: RatingError.outOfRange) { try Rating.rate(bad, at: pricedModel()) }
    }
    #expect(throws: RatingError.outOfRange) {
      try Rating.rate(usage(input: 1_000_000_000, speed: .fast, geography: .us), at: dear)
    }
    #expect(throws: RatingError.outOfRange) {
      try Rating.charge(list: NanoUSD.chargeLimit, multiplier: PartsPerMillion(1_000_001))
    }
    #expect(try Rating.charge(list: NanoUSD.chargeLimit, multiplier: .one) == NanoUSD.chargeLimit)
    #expect(throws: RatingError.outOfRange) {
      try Rating.charge(list: NanoUSD(-1), multiplier: .one)
    }
  }

  @Test func `a search costs what its size costs and medium otherwise`() throws {
    let model = pricedModel(
      searchFees: [.medium: PicoUSD(10_000_000_000), .high: PicoUSD(14_000_000_000)])
    #expect(try Rating.rate(usage(searches: 2), at: model).list.value == 20_000_000)
    #expect(
      try Rating.rate(usage(searches: 1), at: model, searchSize: .high).list.value == 14_000_000)
    #expect(
      try Rating.rate(usage(searches: 1), at: model, searchSize: .low).list.value == 10_000_000)
  }
}

@Suite struct `Hold estimates` {
  @Test func `a hold takes the dearest input class the request can use`() throws {
    let model = try #require(PriceBook.builtIn.match("claude-opus-5-5")).model
    let plain = HoldEstimate(inputTokens: 1000, outputTokens: 4096)
    // 1000 x $5 (5 m write) + 4096 x $20 per million
    #expect(plain.amount(at: model, multiplier: .one) == NanoUSD(5_000_000 + 81_920_000))
    let cached = HoldEstimate(inputTokens: 1000, outputTokens: 4096, mayWrite1h: true)
    #expect(cached.amount(at: model, multiplier: .one) == NanoUSD(8_000_000 + 81_920_000))
    let fast = HoldEstimate(inputTokens: 1000, outputTokens: 0, speed: .fast)
    #expect(fast.amount(at: model, multiplier: PartsPerMillion(500_000)) == NanoUSD(5_000_000))
  }

  @Test func `a hold is rounded up`() {
    let model = pricedModel(input: 1, output: 0)
    let hold = HoldEstimate(inputTokens: 1, outputTokens: 0)
    #expect(hold.amount(at: model, multiplier: .one) == NanoUSD(1))
    #expect(hold.amount(at: model, multiplier: PartsPerMillion(0)) == .zero)
  }

  @Test func `a hold beyond the limit is the limit and never traps`() {
    let model = pricedModel(
      input: PriceModel.priceLimit.value, factors: ["fast": PriceModel.factorLimit])
    let hold = HoldEstimate(inputTokens: .max, outputTokens: .max, speed: .fast)
    #expect(hold.amount(at: model, multiplier: PartsPerMillion(.max)) == .chargeLimit)
    let negative = HoldEstimate(inputTokens: .min, outputTokens: -1)
    #expect(negative.amount(at: model, multiplier: .one) == .zero)
  }

  @Test func `a long request is held at the prices of its tier`() {
    let model = pricedModel(
      input: 1000, output: 0, extra: [PriceKey(.input, aboveThousands: 200): 3000])
    let hold = HoldEstimate(inputTokens: 300_000, outputTokens: 0)
    #expect(hold.amount(at: model, multiplier: .one) == NanoUSD(900_000))
  }
}

/// A seeded stream of numbers (SplitMix64).
struct SeededPrices {
  var state: UInt64
  mutating func next(_ limit: Int64) -> Int64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int64((z ^ (z >> 31)) % UInt64(limit))
  }
}
