// A model's prices laid out for rating many settlements: the same sums as `Rating.rate`, without
// building lines. Re-pricing a month rates millions of answers.
import Ledger

/// The list price of usage at one model's prices. A class: it is handed around once a settlement.
final class RateCard: Sendable {
  private static let classes = PriceClass.allCases.count
  private let model: PriceModel
  /// Thresholds that hold prices, ascending, 0 first.
  private let thresholds: [UInt16]
  /// Pico-USD at (tier x threshold) x class.
  private let prices: [Int64]

  init(_ model: PriceModel) {
    self.model = model
    thresholds = Set([0] + model.prices.keys.map(\.aboveThousands)).sorted()
    var prices: [Int64] = []
    for tier in PriceTier.allCases {
      for threshold in thresholds {
        for priceClass in PriceClass.allCases {
          prices.append(
            priceClass == .webSearch
              ? model.searchFee(.medium).value
              : model.price(priceClass, tier: tier, threshold: threshold).value)
        }
      }
    }
    self.prices = prices
  }

  /// What `Rating.rate(usage, at: model).list` says.
  func list(_ usage: borrowing TokenUsage) throws(RatingError) -> NanoUSD {
    let speed = model.factor(usage.speed)
    let geography = model.factor(usage.geography)
    // A factor other than 1 is rare: the plain way.
    guard speed == .one, geography == .one else { return try Rating.rate(usage, at: model).list }
    let tierTokens = usage.tierTokens
    var place = thresholds.count - 1
    while place > 0, tierTokens <= Int64(thresholds[place]) * 1000 { place -= 1 }
    let row = (Int(PriceTier(usage.serviceTier).rawValue) * thresholds.count + place) * Self.classes
    var list: Int64 = 0
    list += try amount(usage.input, row)
    list += try amount(usage.output, row + 1)
    list += try amount(usage.cacheRead, row + 2)
    list += try amount(usage.cacheWrite5m, row + 3)
    list += try amount(usage.cacheWrite1h, row + 4)
    list += try amount(usage.webSearches, row + 5)
    guard list <= NanoUSD.chargeLimit.value else { throw .outOfRange }
    return NanoUSD(list)
  }

  /// Nano-USD, rounded half to even; at most the limit of a charge.
  private func amount(_ count: Int64, _ place: Int) throws(RatingError) -> Int64 {
    if count == 0 { return 0 }
    guard (0...TokenUsage.countLimit).contains(count) else { throw .outOfRange }
    let (pico, overflow) = count.multipliedReportingOverflow(by: prices[place])
    if overflow {
      let exact = Rating.divideHalfEven(Int128(count) * Int128(prices[place]), by: 1000)
      guard exact <= Int128(NanoUSD.chargeLimit.value) else { throw .outOfRange }
      return Int64(exact)
    }
    let (quotient, rest) = pico.quotientAndRemainder(dividingBy: 1000)
    let nano = rest > 500 || (rest == 500 && quotient & 1 == 1) ? quotient + 1 : quotient
    guard nano <= NanoUSD.chargeLimit.value else { throw .outOfRange }
    return nano
  }
}
