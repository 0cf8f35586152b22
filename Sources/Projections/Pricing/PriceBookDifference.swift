// What one price book has and another has not, model by model, field by field. The fields are the
// canonical ones of price_set events (PriceModel+JSON.swift); those that no rule reads do not
// count.

/// A field whose value two books state differently; nil = not stated.
public struct PriceFieldDifference: Hashable, Sendable {
  /// "cache_read_above_200k"; fees "search_medium"; factors "factor_fast".
  public let field: String
  /// Pico-USD per token or search; of factors parts per million.
  public let before: Int64?
  public let after: Int64?
  /// Whether the values are factors, not prices.
  public var isFactor: Bool { field.hasPrefix("factor_") }
}

/// A model that two books price differently.
public struct PriceModelDifference: Hashable, Sendable {
  public let model: String
  /// By field name; empty when only other names differ.
  public let fields: [PriceFieldDifference]
  /// Other names that only the second or only the first book has.
  public let aliasesAdded: [String]
  public let aliasesRemoved: [String]
}

/// The difference of two books. All lists are sorted by name.
public struct PriceBookDifference: Hashable, Sendable {
  public private(set) var added: [String] = []
  public private(set) var removed: [String] = []
  public private(set) var changed: [PriceModelDifference] = []
  /// Models that both have with the same prices and names.
  public private(set) var unchanged = 0

  public init(from before: PriceBook, to after: PriceBook) {
    let old = Dictionary(uniqueKeysWithValues: before.models.map { ($0.name, $0) })
    let new = Dictionary(uniqueKeysWithValues: after.models.map { ($0.name, $0) })
    added = after.models.map(\.name).filter { old[$0] == nil }
    removed = before.models.map(\.name).filter { new[$0] == nil }
    for model in before.models {
      guard let other = new[model.name] else { continue }
      if let difference = Self.difference(model, other) {
        changed.append(difference)
      } else {
        unchanged += 1
      }
    }
  }

  public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

  private static func difference(
    _ before: PriceModel, _ after: PriceModel
  ) -> PriceModelDifference? {
    let old = Dictionary(uniqueKeysWithValues: before.fields.map { ($0.name, $0.value) })
    let new = Dictionary(uniqueKeysWithValues: after.fields.map { ($0.name, $0.value) })
    let names = Set(old.keys).union(new.keys).sorted()
    let fields = names.filter { old[$0] != new[$0] }
      .map { PriceFieldDifference(field: $0, before: old[$0], after: new[$0]) }
    let (oldNames, newNames) = (Set(before.aliases), Set(after.aliases))
    let difference = PriceModelDifference(
      model: before.name, fields: fields,
      aliasesAdded: newNames.subtracting(oldNames).sorted(),
      aliasesRemoved: oldNames.subtracting(newNames).sorted())
    return fields.isEmpty && oldNames == newNames ? nil : difference
  }
}
