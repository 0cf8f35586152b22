// A book of prices, and how a model's name finds its price in it. The rules are tried in their
// order and the one that found is recorded with the charge (spec: projections, section 4):
// exact, alias, provider prefix, date, dots, longest prefix, family, default model.
internal import Base
internal import CPrices
public import Ledger

/// A price and the rule that found it.
public struct PriceMatch: Hashable, Sendable {
  public let model: PriceModel
  public let rule: PriceRule

  /// Found by no rule but the configured default: the charge is flagged.
  public var isUnpriced: Bool { rule == .defaultModel }
}

/// The prices of many models. Two books of the same models are equal and answer alike.
public struct PriceBook: Sendable {
  /// Sorted by name.
  public let models: [PriceModel]
  private var byName: [String: Int] = [:]
  private var byAlias: [String: Int] = [:]
  private var byPlainName: [String: Int] = [:]
  private var byUndatedName: [String: Int] = [:]
  private var byCanonicalName: [String: Int] = [:]
  private var byFamily: [ModelFamily: Int] = [:]

  /// A book of these models; of two with the same name the last one counts.
  public init(models: [PriceModel]) {
    let unique = Dictionary(models.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    self.models = unique.values.sorted { $0.name < $1.name }
    // Where several names share a form, the one without provider, without date, and then the
    // greatest (the newest date) has it: given first, it stays.
    let order = self.models.indices.map { (index: $0, rank: Rank(self.models[$0].name)) }
      .sorted { $0.rank < $1.rank }.map(\.index)
    var families: [ModelFamily: [Int]] = [:]
    for index in order {
      let name = self.models[index].name
      byName[name] = index
      for alias in self.models[index].aliases { byAlias.setIfAbsent(alias, index) }
      byAlias.setIfAbsent(name.lowercased(), index)
      let plain = ModelNameForms.withoutProvider(name)
      let canonical = ModelNameForms.canonical(name)
      byPlainName.setIfAbsent(plain, index)
      byUndatedName.setIfAbsent(ModelNameForms.withoutDate(plain), index)
      byCanonicalName.setIfAbsent(canonical, index)
      if let family = ModelFamily(canonical: canonical),
        let version = ModelFamily.version(ofPlain: canonical),
        version.lexicographicallyGreater(than: families[family])
      {
        families[family] = version
        byFamily[family] = index
      }
    }
  }

  /// The model that the book itself calls so.
  public func model(named name: String) -> PriceModel? { byName[name].map { models[$0] } }

  /// The price of a name by the rules exact ... longest prefix.
  public func match(_ name: String) -> PriceMatch? {
    if let index = byName[name] { return found(index, .exact) }
    if let index = byAlias[name] ?? byAlias[name.lowercased()] { return found(index, .alias) }
    let plain = ModelNameForms.withoutProvider(name)
    if let index = byPlainName[plain] ?? byAlias[plain] { return found(index, .providerPrefix) }
    let undated = ModelNameForms.withoutDate(plain)
    if let index = byUndatedName[undated] ?? byAlias[undated] { return found(index, .dateStripped) }
    let canonical = ModelNameForms.withoutDots(undated)
    if let index = byCanonicalName[canonical] { return found(index, .dotted) }
    for prefix in ModelNameForms.prefixes(canonical) {
      if let index = byCanonicalName[prefix] { return found(index, .longestPrefix) }
    }
    return nil
  }

  /// The price of the newest model of the name's family.
  public func matchFamily(_ name: String) -> PriceMatch? {
    guard let family = ModelFamily(canonical: ModelNameForms.canonical(name)),
      let index = byFamily[family]
    else { return nil }
    return found(index, .family)
  }

  /// The price of a request: of the model asked for by the rules exact ... longest prefix; else of
  /// the one an account maps it to; else by family; else of the default model, flagged unpriced.
  /// Nil: no price, the request is refused (spec: gateway, section 4).
  public func resolve(
    asked: String, mapped: String? = nil, defaultModel: String? = nil
  ) -> PriceMatch? {
    let mapped = mapped == asked ? nil : mapped
    if let match = match(asked) ?? mapped.flatMap(match) { return match }
    if let match = matchFamily(asked) ?? mapped.flatMap(matchFamily) { return match }
    guard let model = defaultModel.flatMap({ match($0) ?? matchFamily($0) })?.model else {
      return nil
    }
    return PriceMatch(model: model, rule: .defaultModel)
  }

  /// The book compiled in: current chat models of Anthropic, Google and OpenAI.
  public static let builtIn: PriceBook = {
    guard let file = try? PriceFile(builtInBytes), file.problems.isEmpty else {
      preconditionFailure("the built-in price book cannot be read")
    }
    return PriceBook(models: file.models)
  }()

  /// The price file of the built-in book.
  public static var builtInBytes: [UInt8] {
    unsafe [UInt8](UnsafeBufferPointer(start: cprices_bytes(), count: cprices_builtin_count))
  }

  private func found(_ index: Int, _ rule: PriceRule) -> PriceMatch {
    PriceMatch(model: models[index], rule: rule)
  }
}

/// Which of several names has a form that they share; smaller comes first.
private struct Rank: Comparable {
  let provider: Int
  let isDated: Bool
  let name: String

  init(_ name: String) {
    self.name = name
    provider = ModelNameForms.providerRank(name)
    let plain = ModelNameForms.withoutProvider(name)
    isDated = ModelNameForms.withoutDate(plain) != plain
  }

  static func < (a: Self, b: Self) -> Bool {
    if a.provider != b.provider { return a.provider < b.provider }
    if a.isDated != b.isDated { return b.isDated }
    return a.name > b.name
  }
}

extension Dictionary where Key == String, Value == Int {
  fileprivate mutating func setIfAbsent(_ key: String, _ value: Int) {
    if self[key] == nil { self[key] = value }
  }
}

extension Array where Element == Int {
  fileprivate func lexicographicallyGreater(than other: [Int]?) -> Bool {
    guard let other else { return true }
    return other.lexicographicallyPrecedes(self)
  }
}
