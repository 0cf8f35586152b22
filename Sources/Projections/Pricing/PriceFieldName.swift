// The names of prices in LiteLLM's format:
//   input_cost_per_token | output_cost_per_token | cache_read_input_token_cost
//   | cache_creation_input_token_cost [_above_1hr]
//   then [_above_Nk_tokens] and [_batches | _priority | _flex], each at most once.
// A name with any other part (_above_12hr, _ultrafast, _audio_ ...) is not one of these.

enum PriceFieldName {
  /// What the price of this name is for; nil if it is not one of these names.
  static func key(_ name: String) -> PriceKey? {
    for (base, priceClass) in bases where name.hasPrefix(base) {
      return key(rest: name.dropFirst(base.count), of: priceClass)
    }
    return nil
  }

  private static let bases: [(String, PriceClass)] = [
    ("input_cost_per_token", .input),
    ("output_cost_per_token", .output),
    ("cache_read_input_token_cost", .cacheRead),
    ("cache_creation_input_token_cost", .cacheWrite5m),
  ]

  private static let tiers: [(String, PriceTier)] = [
    ("_batches", .batch), ("_priority", .priority), ("_flex", .flex),
  ]

  private static func key(rest start: Substring, of priceClass: PriceClass) -> PriceKey? {
    var key = PriceKey(priceClass)
    var rest = start
    if priceClass == .cacheWrite5m, rest.hasPrefix("_above_1hr") {
      key.priceClass = .cacheWrite1h
      rest = rest.dropFirst("_above_1hr".count)
    }
    if rest.hasPrefix("_above_") {
      let digits = rest.dropFirst("_above_".count).prefix { $0.isASCII && $0.isNumber }
      guard let thousands = UInt16(digits), thousands > 0 else { return nil }
      rest = rest.dropFirst("_above_".count + digits.count)
      guard rest.hasPrefix("k_tokens") else { return nil }
      key.aboveThousands = thousands
      rest = rest.dropFirst("k_tokens".count)
    }
    for (suffix, tier) in tiers where rest == suffix {
      key.tier = tier
      rest = ""
    }
    return rest.isEmpty ? key : nil
  }
}
