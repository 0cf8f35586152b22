// The canonical JSON of a model's prices, as price_set events hold it: one object, names sorted.
//
//   input, output, cache_read, cache_write_5m, cache_write_1h      pico-USD per token, each also
//     with _above_200k (thousands of tokens) and then _batch, _priority or _flex
//   search_low, search_medium, search_high                         pico-USD per search
//   factor_NAME                                                    parts per million
internal import Base
public import Ledger

/// The texts of a price_set event do not make up a model.
public struct PriceModelError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
}

extension PriceModel {
  /// Prices, fees and factors by their canonical names, sorted: pico-USD per token or search,
  /// factors in parts per million.
  public var fields: [(name: String, value: Int64)] {
    var fields: [(name: String, value: Int64)] = prices.map {
      (PriceModel.fieldName($0.key), $0.value.value)
    }
    fields += searchFees.map { ("search_\($0.key.name)", $0.value.value) }
    fields += factors.map { ("factor_\($0.key)", Int64($0.value.value)) }
    return fields.sorted { $0.name < $1.name }
  }

  /// The canonical JSON object of prices, fees and factors: integers only.
  public var pricesText: String {
    var writer = JSONWriter()
    writer.object { json in
      for (name, value) in fields { json.member(name, value) }
    }
    return String(repairing: writer.bytes.span)
  }

  /// The JSON array of other names.
  public var aliasesText: String {
    var writer = JSONWriter()
    writer.array { json in for alias in aliases { json.string(alias) } }
    return String(repairing: writer.bytes.span)
  }

  /// The model of the texts of a price_set event.
  public init(
    name: String, pricesText: String, aliasesText: String = "[]", unknownText: String = "{}"
  ) throws(PriceModelError) {
    guard let fields = (try? JSONParser().parse(pricesText))?.object,
      let aliases = (try? JSONParser().parse(aliasesText))?.array
    else { throw PriceModelError(description: "prices of \(name) are not JSON") }
    var prices: [PriceKey: PicoUSD] = [:]
    var searchFees: [SearchSize: PicoUSD] = [:]
    var factors: [String: PartsPerMillion] = [:]
    for member in fields.members {
      guard let value = member.value.integer, value >= 0 else {
        throw PriceModelError(description: "\(name): \(member.name) is not a count")
      }
      if let key = PriceModel.key(fieldName: member.name), value <= PriceModel.priceLimit.value {
        prices[key] = PicoUSD(value)
      } else if let size = SearchSize.allCases.first(where: { member.name == "search_\($0.name)" })
      {
        searchFees[size] = PicoUSD(value)
      } else if member.name.hasPrefix("factor_"), value <= PriceModel.factorLimit.value {
        factors[String(member.name.dropFirst(7))] = PartsPerMillion(UInt32(value))
      } else {
        throw PriceModelError(description: "\(name): \(member.name) is not a price")
      }
    }
    guard PriceModel.tokenClasses.allSatisfy({ prices[PriceKey($0)] != nil }) else {
      throw PriceModelError(description: "\(name): a standard price is missing")
    }
    self.init(
      name: name, aliases: aliases.compactMap(\.string), prices: prices, searchFees: searchFees,
      factors: factors, unknown: unknownText)
  }

  /// "cache_read_above_200k_batch".
  static func fieldName(_ key: PriceKey) -> String {
    let threshold = key.aboveThousands == 0 ? "" : "_above_\(key.aboveThousands)k"
    return key.priceClass.name + threshold + key.tier.suffix
  }

  /// The key of a name that `fieldName` makes; nil for any other.
  static func key(fieldName: String) -> PriceKey? {
    var rest = Substring(fieldName)
    var tier = PriceTier.standard
    for candidate in PriceTier.allCases where candidate != .standard {
      if rest.hasSuffix(candidate.suffix) {
        tier = candidate
        rest = rest.dropLast(candidate.suffix.count)
      }
    }
    for priceClass in tokenClasses where rest.hasPrefix(priceClass.name) {
      let threshold = rest.dropFirst(priceClass.name.count)
      if threshold.isEmpty { return PriceKey(priceClass, tier: tier) }
      guard threshold.hasPrefix("_above_"), threshold.hasSuffix("k"),
        let thousands = UInt16(threshold.dropFirst(7).dropLast()), thousands > 0
      else { continue }
      let key = PriceKey(priceClass, tier: tier, aboveThousands: thousands)
      return PriceModel.fieldName(key) == fieldName ? key : nil
    }
    return nil
  }
}

extension PriceSet {
  /// The event of a model at a place of a book.
  public init(_ model: PriceModel, book: PriceBookID, index: UInt32) {
    self.init()
    self.book = book
    self.index = index
    self.model = model.name
    prices = model.pricesText
    aliases = model.aliasesText
    unknown = model.unknown
  }

  /// The model of this event.
  public func priceModel() throws(PriceModelError) -> PriceModel {
    try PriceModel(
      name: model, pricesText: prices, aliasesText: aliases, unknownText: unknown)
  }
}
