// From usage to money, exactly (spec: ledger, section 4, "Rating"). Version 1:
//
//   tier     by input + cache read + cache write tokens, the whole request at that tier
//   line     tokens x price x speed factor x geography factor, in Int128, rounded once to
//            nano-USD, half to even; web searches x fee, without factors, a line too
//   list     the sum of the lines
//   charged  list x multiplier, rounded once, half to even
public import Ledger

/// Usage whose price leaves the ledger's limits, or is not a count: settled as out_of_range.
public enum RatingError: Error, Hashable, Sendable {
  case outOfRange
}

/// One class of an answer's usage and what it costs.
public struct RatingLine: Hashable, Sendable {
  public let priceClass: PriceClass
  /// Tokens, or searches.
  public let count: Int64
  /// Per token or search, without factors.
  public let unitPrice: PicoUSD
  public let speedFactor: PartsPerMillion
  public let geographyFactor: PartsPerMillion
  public let amount: NanoUSD
}

/// An answer's usage at a model's prices.
public struct RatedUsage: Hashable, Sendable {
  /// Of each class that was used, in the order of `PriceClass`.
  public let lines: [RatingLine]
  /// The sum of the lines.
  public let list: NanoUSD
  /// The price tier: thousands of tokens that were exceeded, 0 = base prices.
  public let inputTier: UInt16
}

public enum Rating {
  /// The version of these rules that settlements state.
  public static let version: UInt8 = 1

  /// The list price of one answer's usage. Counts must be 0 ... 10^9.
  public static func rate(
    _ usage: TokenUsage, at model: PriceModel, searchSize: SearchSize = .medium
  ) throws(RatingError) -> RatedUsage {
    let counts = [
      usage.input, usage.output, usage.cacheRead, usage.cacheWrite5m, usage.cacheWrite1h,
      usage.webSearches,
    ]
    for count in counts where !(0...TokenUsage.countLimit).contains(count) { throw .outOfRange }
    let threshold = model.threshold(inputTokens: usage.tierTokens)
    let tier = PriceTier(usage.serviceTier)
    var lines: [RatingLine] = []
    var list: Int64 = 0
    for (priceClass, count) in zip(PriceClass.allCases, counts) where count > 0 {
      let isSearch = priceClass == .webSearch
      let line = try line(
        priceClass, count,
        price: isSearch
          ? model.searchFee(searchSize)
          : model.price(priceClass, tier: tier, threshold: threshold),
        speed: isSearch ? .one : model.factor(usage.speed),
        geography: isSearch ? .one : model.factor(usage.geography))
      lines.append(line)
      list += line.amount.value
    }
    guard list <= NanoUSD.chargeLimit.value else { throw .outOfRange }
    return RatedUsage(lines: lines, list: NanoUSD(list), inputTier: threshold)
  }

  /// list x multiplier, rounded once, half to even. Both amounts are 0 ... $1 M.
  public static func charge(
    list: NanoUSD, multiplier: PartsPerMillion
  ) throws(RatingError) -> NanoUSD {
    guard (NanoUSD.zero...NanoUSD.chargeLimit).contains(list) else { throw .outOfRange }
    let charged = divideHalfEven(Int128(list.value) * Int128(multiplier.value), by: 1_000_000)
    guard charged <= Int128(NanoUSD.chargeLimit.value) else { throw .outOfRange }
    return NanoUSD(Int64(charged))
  }

  /// The quotient of a number >= 0 by one > 0, rounded half to even.
  static func divideHalfEven(_ number: Int128, by divisor: Int128) -> Int128 {
    let (quotient, rest) = number.quotientAndRemainder(dividingBy: divisor)
    let half = divisor - rest  // rest is above half of the divisor when it exceeds this
    if rest > half || (rest == half && quotient & 1 == 1) { return quotient + 1 }
    return quotient
  }

  /// At most 10^9 x 10^15 pico-USD x 1 for searches, 10^9 x 10^12 x 10^8 x 10^8 for tokens: no
  /// product leaves Int128.
  private static func line(
    _ priceClass: PriceClass, _ count: Int64, price: PicoUSD, speed: PartsPerMillion,
    geography: PartsPerMillion
  ) throws(RatingError) -> RatingLine {
    let pico = Int128(count) * Int128(price.value)
    let factors = Int128(speed.value) * Int128(geography.value)
    let exact = pico.multipliedReportingOverflow(by: factors)
    guard !exact.overflow else { throw .outOfRange }
    let nano = divideHalfEven(exact.partialValue, by: 1_000_000_000_000_000)
    guard nano <= Int128(NanoUSD.chargeLimit.value) else { throw .outOfRange }
    return RatingLine(
      priceClass: priceClass, count: count, unitPrice: price, speedFactor: speed,
      geographyFactor: geography, amount: NanoUSD(Int64(nano)))
  }
}
