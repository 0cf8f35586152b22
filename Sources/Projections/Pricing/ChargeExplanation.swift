// How a charge came about, from what the log holds: the settlement, and the prices of the book it
// names. Every line is rated anew; the sums must be those that were booked.
public import Ledger

/// One amount of a charge: a class of one model's tokens, or web searches.
public struct ExplainedLine: Hashable, Sendable {
  /// The model whose price was used, as its book names it.
  public let model: String
  /// The price tier: thousands of tokens that were exceeded, 0 = base prices.
  public let inputTier: UInt16
  public let rating: RatingLine
}

/// A charge, line by line.
public struct ChargeExplanation: Sendable {
  public let settlement: Settlement
  public let lines: [ExplainedLine]
  /// The sum of the lines, cut to the ledger's limit as the settlement's is.
  public let list: NanoUSD
  /// list x multiplier.
  public let charged: NanoUSD
  /// Why the lines are not the whole charge; nil when they are.
  public let caveat: String?

  /// Whether the lines add up to what was booked.
  public var agrees: Bool { list == settlement.list && charged == settlement.charged }

  /// - Parameters:
  ///   - pricedModel: the name of the settlement's priced model; nil when it has none.
  ///   - book: the settlement's price book.
  public init(_ settlement: Settlement, pricedModel: String?, book: PriceBook) {
    self.settlement = settlement
    var explained: [ExplainedLine] = []
    var caveat: String?
    var list = Int128(0)
    do {
      if let model = pricedModel.flatMap({ book.model(named: $0) }) {
        list += try Self.add(settlement.usage, at: model, to: &explained)
        let others = SettledLines.parse(settlement.lines)
        if others == nil { caveat = "the settlement's lines cannot be read" }
        for line in others ?? [] {
          guard let model = book.model(named: line.model) else {
            caveat = "the book has no model \(line.model)"
            continue
          }
          list += try Self.add(line.usage, at: model, to: &explained)
        }
      } else if settlement.list != .zero {
        caveat = "the book has no price of the settlement's priced model"
      }
    } catch {
      // Cut to the limit when it was settled, too.
      list = Int128(NanoUSD.chargeLimit.value)
      caveat = "out of the ledger's range: cut to its limit"
    }
    lines = explained
    self.caveat = caveat
    self.list = NanoUSD(Int64(min(list, Int128(NanoUSD.chargeLimit.value))))
    charged =
      (try? Rating.charge(list: self.list, multiplier: settlement.multiplier)) ?? .chargeLimit
  }

  private static func add(
    _ usage: TokenUsage, at model: PriceModel, to lines: inout [ExplainedLine]
  ) throws(RatingError) -> Int128 {
    let rated = try Rating.rate(usage, at: model)
    lines += rated.lines.map {
      ExplainedLine(model: model.name, inputTier: rated.inputTier, rating: $0)
    }
    return Int128(rated.list.value)
  }
}
