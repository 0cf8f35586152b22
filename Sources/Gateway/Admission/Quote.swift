// The prices a request is admitted under: chosen once, from the book in force at the service time,
// for each name the request may go upstream as (spec: gateway, section 4, "Priced model").
import Base
import Ledger
import Projections

/// What an answer costs under its quote.
struct RatedAnswer {
  var list = NanoUSD.zero
  var charged = NanoUSD.zero
  /// Threshold of the price tier in thousands of tokens, 0 = base prices.
  var inputTier: UInt16 = 0
  var lines: [SettledLine] = []
  /// Beyond the ledger's limits: the amounts are cut to them.
  var isOutOfRange = false
}

struct Quote {
  let book: PriceBookID
  private let prices: PriceBook
  private let asked: String
  private let fallback: String?
  /// The price of the name asked for: it holds whatever account serves the request.
  private let own: PriceMatch?
  /// Where that has none: the prices of what the group's accounts map it to, by the name sent.
  private let mapped: [String: PriceMatch]

  /// nil when no name the request may go upstream as has a price.
  init?(
    asked: String, mapped: [String], book: PriceBookID, prices: PriceBook, fallback: String?
  ) {
    self.book = book
    self.prices = prices
    self.asked = asked
    self.fallback = fallback
    own = prices.match(asked)
    var found: [String: PriceMatch] = [:]
    for sent in own == nil ? [asked] + mapped : [] {
      found[sent] = prices.resolve(asked: asked, mapped: sent, defaultModel: fallback)
    }
    self.mapped = found
    if own == nil && found.isEmpty { return nil }
  }

  /// The price of a request that goes upstream as `sent`; nil when it has none.
  func price(sent: String) -> PriceMatch? {
    own ?? mapped[sent] ?? prices.resolve(asked: asked, mapped: sent, defaultModel: fallback)
  }

  /// Whether a request that goes upstream as `sent` has a price. Asked of each account of a group.
  func hasPrice(sent: String) -> Bool { own != nil || price(sent: sent) != nil }

  /// The hold, by the dearest of the prices that may apply.
  func hold(
    for basis: HoldBasis, outputLimit: Int64, multiplier: PartsPerMillion
  ) -> NanoUSD {
    let estimate = HoldEstimate(
      inputTokens: basis.inputTokens, outputTokens: basis.outputTokens(atMost: outputLimit),
      mayWrite1h: basis.wantsHourCache)
    if let own { return estimate.amount(at: own.model, multiplier: multiplier) }
    return mapped.values.map { estimate.amount(at: $0.model, multiplier: multiplier) }.max()
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
          SettledLine(model: (named ?? model).name, usage: line.usage, list: part.list))
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
