// Reading price files of the LiteLLM format (model_prices_and_context_window.json): one object,
// model name -> fields. A model with a field that cannot be believed is left out and reported; the
// others stand. Numbers go from their decimal text to integers, rounded once to 1e-12 USD.
public import Base
internal import Ledger

/// Why a model of a price file is left out.
public struct PriceProblem: Hashable, Sendable, CustomStringConvertible {
  public let model: String
  public let field: String
  public let reason: String

  public var description: String {
    field.isEmpty ? "\(model): \(reason)" : "\(model): \(field): \(reason)"
  }
}

/// A price file as read.
public struct PriceFile: Sendable {
  /// In the order of the file.
  public private(set) var models: [PriceModel] = []
  /// Models left out because of a mistake.
  public private(set) var problems: [PriceProblem] = []
  /// Names without prices per input and output token (images, speech ...), left out.
  public private(set) var unpriced: [String] = []

  /// Bytes of unknown fields a model may bring along, so that its event fits in a record.
  public static let unknownLimit = 32_768

  /// - Throws: what makes the whole file unreadable: not JSON, not an object, a model twice.
  public init(_ bytes: Span<UInt8>) throws(JSONError) {
    let root = try JSONParser().parse(bytes)
    guard let object = root.object else {
      problems = [
        PriceProblem(
          model: "file", field: "", reason: "is \(root.kindName), not an object of models")
      ]
      return
    }
    for member in object.members where member.name != "sample_spec" {
      add(member)
    }
  }

  /// The price file of some bytes.
  public init(_ bytes: [UInt8]) throws(JSONError) { try self.init(bytes.span) }

  private mutating func add(_ member: JSONObject.Member) {
    do throws(PriceProblem) {
      guard let fields = member.value.object else {
        throw PriceProblem(
          model: member.name, field: "", reason: "is \(member.value.kindName), not an object")
      }
      var reader = PriceModelReader(name: member.name)
      for field in fields.members { try reader.read(field) }
      if let model = try reader.finish() {
        models.append(model)
      } else {
        unpriced.append(member.name)
      }
    } catch {
      problems.append(error)
    }
  }
}

extension PriceProblem: Error {}

/// Collects the fields of one model.
private struct PriceModelReader {
  let name: String
  private var aliases: [String] = []
  private var prices: [PriceKey: PicoUSD] = [:]
  private var searchFees: [SearchSize: PicoUSD] = [:]
  private var factors: [String: PartsPerMillion] = [:]
  private var unknown = JSONObject()
  private var provider = ""

  init(name: String) { self.name = name }

  mutating func read(_ field: JSONObject.Member) throws(PriceProblem) {
    if let key = PriceFieldName.key(field.name) {
      guard !field.value.isNull else { return }
      let limit = Int128(PriceModel.priceLimit.value)
      prices[key] = PicoUSD(try number(field.value, field.name, scale: 12, limit: limit))
      return
    }
    switch field.name {
    case "search_context_cost_per_query": try readSearchFees(field)
    case "provider_specific_entry": try readFactors(field)
    case "aliases": try readAliases(field)
    default:
      if field.name == "litellm_provider" { provider = field.value.string ?? "" }
      unknown.members.append(field)
    }
  }

  /// The model, nil if it has no prices per token.
  mutating func finish() throws(PriceProblem) -> PriceModel? {
    guard prices[PriceKey(.input)] != nil, prices[PriceKey(.output)] != nil else { return nil }
    guard (1...256).contains(name.utf8.count) else {
      throw problem("", "a name has 1 to 256 bytes")
    }
    let text = JSONValue.object(unknown).text
    guard text.utf8.count <= PriceFile.unknownLimit else {
      throw problem("", "more than \(PriceFile.unknownLimit) bytes of fields that are no prices")
    }
    fillCachePrices()
    guard prices.values.allSatisfy({ $0.value <= PriceModel.priceLimit.value }) else {
      throw problem(
        "", "a cache price that follows from the input price is above $1 a token: state it")
    }
    return PriceModel(
      name: name, aliases: aliases, prices: prices, searchFees: searchFees, factors: factors,
      unknown: text)
  }

  /// Cache prices that are stated nowhere: for Anthropic's models read 0.1, write 1.25 and 1 h
  /// write 2 times the input price of the same tier; for others the input price, and the 1 h write
  /// as any write. A class that has a stated standard price is left as it is.
  private mutating func fillCachePrices() {
    let isAnthropic = provider.contains("anthropic") || name.lowercased().contains("claude")
    let rules: [(PriceClass, from: PriceClass, thousandths: Int64)] =
      isAnthropic
      ? [(.cacheRead, .input, 100), (.cacheWrite5m, .input, 1250), (.cacheWrite1h, .input, 2000)]
      : [
        (.cacheRead, .input, 1000), (.cacheWrite5m, .input, 1000),
        (.cacheWrite1h, .cacheWrite5m, 1000),
      ]
    for (priceClass, source, thousandths) in rules where prices[PriceKey(priceClass)] == nil {
      for (key, stated) in prices where key.priceClass == source {
        let wanted = PriceKey(priceClass, tier: key.tier, aboveThousands: key.aboveThousands)
        guard prices[wanted] == nil else { continue }
        let exact = Int128(stated.value) * Int128(thousandths)
        prices[wanted] = PicoUSD(Int64(Rating.divideHalfEven(exact, by: 1000)))
      }
    }
  }

  private mutating func readSearchFees(_ field: JSONObject.Member) throws(PriceProblem) {
    guard !field.value.isNull else { return }
    guard let fees = field.value.object else { throw wrongType(field, "an object") }
    for size in SearchSize.allCases {
      let name = "search_context_size_\(size.name)"
      guard let fee = fees[name], !fee.isNull else { continue }
      let limit = Int128(PicoUSD.perUSD) * 1000
      searchFees[size] = PicoUSD(try number(fee, name, scale: 12, limit: limit))
    }
  }

  /// Reads the factors this version knows; whatever else stands there is kept as unknown.
  private mutating func readFactors(_ field: JSONObject.Member) throws(PriceProblem) {
    guard let entry = field.value.object else {
      unknown.members.append(field)
      return
    }
    var rest = JSONObject()
    for member in entry.members {
      guard member.name == "us" || member.name == "fast" else {
        rest.members.append(member)
        continue
      }
      let limit = Int128(PriceModel.factorLimit.value)
      let factor = try number(member.value, "\(field.name).\(member.name)", scale: 6, limit: limit)
      guard factor > 0 else { throw problem(field.name, "a factor of 0 would make usage free") }
      factors[member.name] = PartsPerMillion(UInt32(factor))
    }
    if !rest.members.isEmpty {
      unknown.members.append(JSONObject.Member(name: field.name, value: .object(rest)))
    }
  }

  private mutating func readAliases(_ field: JSONObject.Member) throws(PriceProblem) {
    guard let names = field.value.array else { throw wrongType(field, "an array of names") }
    for name in names {
      guard let text = name.string, (1...256).contains(text.utf8.count) else {
        throw problem(field.name, "a name is a string of 1 to 256 bytes")
      }
      aliases.append(text)
    }
  }

  private func number(
    _ value: JSONValue, _ field: String, scale: Int, limit: Int128
  ) throws(PriceProblem) -> Int64 {
    guard let text = value.numberText else {
      throw problem(field, "is \(value.kindName), not a number")
    }
    guard let scaled = try? DecimalText.parse(text, scale: scale), scaled.value <= limit else {
      throw problem(field, "\(text.prefix(40)) is too large to be a price")
    }
    guard scaled.value >= 0 else { throw problem(field, "\(text.prefix(40)) is negative") }
    return Int64(scaled.value)
  }

  private func wrongType(_ field: JSONObject.Member, _ expected: String) -> PriceProblem {
    problem(field.name, "is \(field.value.kindName), not \(expected)")
  }

  private func problem(_ field: String, _ reason: String) -> PriceProblem {
    PriceProblem(model: name, field: field, reason: reason)
  }
}
