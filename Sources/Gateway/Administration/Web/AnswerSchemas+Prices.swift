// What the answers of /admin/prices hold.

extension AnswerSchemas {
  static let prices: [(name: String, schema: Schema)] = [
    ("PriceBook", priceBook), ("PriceBooks", .list(of: .reference("PriceBook"))),
    ("ModelPrices", modelPrices), ("PriceDifference", difference),
    ("ChargeExplanation", explanation), ("ImportedPrices", imported),
  ]

  private static let priceBook = Schema.record([
    "book": .integer, "version": .text.orNull, "models": .integer, "published": .flag,
    "effective_from": .time.orNull.described("null: never in force"), "in_force": .flag,
    "sequence": .integer.orNull, "sha256": .text.orNull,
  ])

  private static let modelPrices = Schema.record([
    "model": .text, "book": .integer, "version": .text.orNull, "effective_from": .time.orNull,
    "price_rule": .text, "priced_model": .text,
    "prices": .list(
      of: .record([
        "class": .text, "tier": .text, "above_input_tokens": .integer,
        "usd_per_million_tokens": .text, "usd_per_token": .text,
      ])),
    "search_fees": .list(of: .record(["size": .text, "usd": .text])), "factors": .anyObject,
    "aliases": .list(of: .text),
    "unread_fields": .anyObject.described("fields of the price file that no rule reads"),
  ])

  private static let difference = Schema.record([
    "from": .text, "to": .text, "added": .list(of: .text), "removed": .list(of: .text),
    "changed": .list(
      of: .record([
        "model": .text,
        "fields": .list(
          of: .record([
            "field": .text,
            "unit": .choice(["usd_per_million_tokens", "usd_per_search", "factor"]),
            "before": .text.orNull, "after": .text.orNull,
          ])),
        "aliases_added": .list(of: .text), "aliases_removed": .list(of: .text),
      ])),
    "unchanged": .integer, "problems": .list(of: .text),
  ])

  private static let explanation = Schema.record([
    "sequence": .integer, "time": .time, "service_time": .time, "request_id": .text,
    "user": .text.orNull, "key": .text.orNull, "model": .text, "priced_model": .text.orNull,
    "price_book": .text.orNull, "price_rule": .text, "service_tier": .text,
    "above_input_tokens": .integer,
    "lines": .list(
      of: .record([
        "model": .text, "class": .text, "count": .integer, "above_input_tokens": .integer,
        "unit": .choice(["usd_per_million_tokens", "usd_per_search"]), "price": .text,
        "speed_factor": .text, "geography_factor": .text, "amount_usd": .usd,
      ])),
    "list_usd": .usd, "multiplier": .text, "charged_usd": .usd, "booked_list_usd": .usd,
    "booked_charged_usd": .usd, "agrees": .flag, "partial": .flag, "estimated": .flag,
    "reason": .text.orNull, "caveat": .text.orNull,
  ])

  private static let imported = Schema.record([
    "book": .integer, "version": .text, "models": .integer,
    "effective_from": .time.orNull.described("null: never in force"), "sha256": .text,
    "repeated": .flag.described("the file was recorded before: nothing was added"),
    "problems": .list(of: .text).described("models left out, and why"),
    "without_token_prices": .integer,
  ])
}
