// Prices for people: dollars per million tokens, a line each.
import Base

enum PriceText {
  /// The answer of `prices show`.
  static func model(_ answer: JSONValue) -> String {
    var text = heading(
      answer,
      [
        ("model", "model"), ("price book", "version"), ("in force from", "effective_from"),
        ("found by", "price_rule"), ("priced as", "priced_model"),
      ])
    var table = TextTable(["CLASS", "TIER", "ABOVE", "$/M TOKENS"])
    for price in answer["prices"]?.array ?? [] {
      table.add([
        field(price, "class"), field(price, "tier"), threshold(price),
        field(price, "usd_per_million_tokens"),
      ])
    }
    text += "\n" + table.text
    for fee in answer["search_fees"]?.array ?? [] {
      text += "web search (\(field(fee, "size")))  $\(field(fee, "usd")) each\n"
    }
    for factor in answer["factors"]?.object?.members ?? [] {
      text += "\(factor.name)  x \(Rendering.cell(factor.value, key: ""))\n"
    }
    let unread = answer["unread_fields"]?.object?.members.map(\.name) ?? []
    if !unread.isEmpty { text += "fields no rule reads: \(unread.joined(separator: ", "))\n" }
    return text
  }

  /// The answer of `prices diff`.
  static func difference(_ answer: JSONValue) -> String {
    let (added, removed) = (names(answer, "added"), names(answer, "removed"))
    let changed = answer["changed"]?.array ?? []
    var text =
      "\(field(answer, "from")) -> \(field(answer, "to")): \(added.count) added, "
      + "\(removed.count) removed, \(changed.count) changed, "
      + "\(field(answer, "unchanged")) the same\n"
    for problem in names(answer, "problems") { text += "left out: \(problem)\n" }
    for name in added { text += "+ \(name)\n" }
    for name in removed { text += "- \(name)\n" }
    for model in changed {
      text += "~ \(field(model, "model"))\n"
      for entry in model["fields"]?.array ?? [] {
        let unit = entry["unit"]?.string == "usd_per_million_tokens" ? " $/M tokens" : ""
        let values = "\(field(entry, "before")) -> \(field(entry, "after"))"
        text += "    \(field(entry, "field"))  \(values)\(unit)\n"
      }
      for name in names(model, "aliases_added") { text += "    + also called \(name)\n" }
      for name in names(model, "aliases_removed") { text += "    - also called \(name)\n" }
    }
    return text
  }

  /// The answer of `prices explain`.
  static func explanation(_ answer: JSONValue) -> String {
    var text = heading(
      answer,
      [
        ("sequence", "sequence"), ("request", "request_id"), ("user", "user"),
        ("asked for", "model"), ("priced as", "priced_model"), ("price book", "price_book"),
        ("found by", "price_rule"), ("served at", "service_time"),
      ])
    var table = TextTable(["MODEL", "CLASS", "COUNT", "PRICE", "FACTORS", "AMOUNT"])
    for line in answer["lines"]?.array ?? [] {
      let unit = line["unit"]?.string == "usd_per_search" ? " each" : "/M"
      let factors = [field(line, "speed_factor"), field(line, "geography_factor")]
        .filter { $0 != "1" }
      let above = threshold(line)
      table.add([
        field(line, "model"), field(line, "class"), field(line, "count"),
        "$\(field(line, "price"))\(unit)" + (above.isEmpty ? "" : " above \(above)"),
        factors.isEmpty ? "" : factors.map { "x \($0)" }.joined(separator: " "),
        "$\(field(line, "amount_usd"))",
      ])
    }
    text += "\n" + table.text
    text += "list price  $\(field(answer, "list_usd"))\n"
    text += "multiplier  \(field(answer, "multiplier"))\n"
    text += "charged     $\(field(answer, "charged_usd"))\n"
    if answer["agrees"] != .bool(true) {
      text += "booked      $\(field(answer, "booked_charged_usd")): the lines do not add up to it\n"
    }
    if let caveat = answer["caveat"]?.string { text += "note        \(caveat)\n" }
    return text
  }

  private static func heading(
    _ answer: JSONValue, _ rows: [(title: String, key: String)]
  ) -> String {
    let width = rows.map { $0.title.count }.max() ?? 0
    return rows.map { row in
      let gap = String(repeating: " ", count: width - row.title.count + 2)
      return "\(row.title)\(gap)\(field(answer, row.key))\n"
    }.joined()
  }

  private static func field(_ object: JSONValue, _ key: String) -> String {
    Rendering.cell(object[key], key: "")
  }
  private static func names(_ object: JSONValue, _ key: String) -> [String] {
    object[key]?.array?.map { Rendering.cell($0, key: "") } ?? []
  }
  /// "200k"; "" for base prices.
  private static func threshold(_ object: JSONValue) -> String {
    let tokens = object["above_input_tokens"]?.integer ?? 0
    return tokens == 0 ? "" : "\(tokens / 1000)k"
  }
}
