// The prices a request is admitted under: chosen once, from the book in force at the service time,
// for each name the request may go upstream as (spec: gateway, section 4, "Priced model").
import Base
import Ledger
import Projections

/// A line billed at another model's price, rated.
struct RatedLine {
  let model: String
  let usage: TokenUsage
  let list: NanoUSD
}

/// What an answer costs under its quote.
struct RatedAnswer {
  var list = NanoUSD.zero
  var charged = NanoUSD.zero
  /// Threshold of the price tier in thousands of tokens, 0 = base prices.
  var inputTier: UInt16 = 0
  var lines: [RatedLine] = []
  /// Beyond the ledger's limits: the amounts are cut to them.
  var isOutOfRange = false
}

struct Quote {
  let book: PriceBookID
  private let prices: PriceBook
  private let asked: String
  private let fallback: String?
  /// The name asked for and what the group's accounts map it to, with their prices.
  private let priced: [(sent: String, match: PriceMatch)]

  /// nil when no name the request may go upstream as has a price.
  init?(
    asked: String, mapped: [String], book: PriceBookID, prices: PriceBook, fallback: String?
  ) {
    self.book = book
    self.prices = prices
    self.asked = asked
    self.fallback = fallback
    priced = ([asked] + mapped).compactMap { sent in
      prices.resolve(asked: asked, mapped: sent, defaultModel: fallback).map { (sent, $0) }
    }
    if priced.isEmpty { return nil }
  }

  /// The price of a request that goes upstream as `sent`; nil when it has none.
  func price(sent: String) -> PriceMatch? {
    priced.first { $0.sent == sent }?.match
      ?? prices.resolve(asked: asked, mapped: sent, defaultModel: fallback)
  }

  /// The hold, by the dearest of the prices that may apply.
  func hold(
    for basis: HoldBasis, outputLimit: Int64, multiplier: PartsPerMillion
  ) -> NanoUSD {
    let estimate = HoldEstimate(
      inputTokens: basis.inputTokens, outputTokens: basis.outputTokens(atMost: outputLimit),
      mayWrite1h: basis.wantsHourCache)
    return priced.map { estimate.amount(at: $0.match.model, multiplier: multiplier) }.max()
      ?? .zero
  }

  /// Rates usage, and the lines billed at other models' prices: each line by the model it names, at
  /// the answer's own price when that has none. Never fails: what is out of the ledger's range is
  /// cut to its limit, and says so.
  func rate(
    _ usage: TokenUsage, lines: [ReportedUsage.Line], at model: PriceModel,
    multiplier: PartsPerMillion
  ) -> RatedAnswer {
    var rated = RatedAnswer()
    do {
      let own = try Rating.rate(usage, at: model)
      var list = own.list
      for line in lines {
        let named = line.model.isEmpty ? nil : prices.match(line.model)?.model
        let part = try Rating.rate(line.usage, at: named ?? model)
        list += part.list
        rated.lines.append(
          RatedLine(model: (named ?? model).name, usage: line.usage, list: part.list))
      }
      rated.charged = try Rating.charge(list: list, multiplier: multiplier)
      rated.list = list
      rated.inputTier = own.inputTier
    } catch {
      rated = RatedAnswer()
      rated.isOutOfRange = true
      rated.list = .chargeLimit
      rated.charged =
        (try? Rating.charge(list: .chargeLimit, multiplier: multiplier)) ?? .chargeLimit
    }
    return rated
  }
}
