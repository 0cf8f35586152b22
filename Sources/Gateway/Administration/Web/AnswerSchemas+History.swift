// What the answers about history hold.

extension AnswerSchemas {
  static let history: [(name: String, schema: Schema)] = [
    ("Repriced", repriced), ("RepricingReverted", reverted),
    ("RepricingJobs", .list(of: job)), ("AsOf", .anyObject), ("Statement", .anyObject),
  ]

  private static let repriced = Schema.record([
    "applied": .flag, "job": .integer.orNull, "book": .text, "price_book": .integer.orNull,
    "base_sequence": .integer.described("settlements up to here were rated"),
    "from": .text.orNull, "to": .text.orNull, "requests": .integer, "cells": .integer,
    "changed_cells": .integer, "kept_cells": .integer, "booked_list_usd": .usd,
    "new_list_usd": .usd,
    "booked_usd": .usd, "new_usd": .usd, "difference_usd": .usd,
    "rows": .list(
      of: .record([
        "day": .text, "user": .text, "key": .text, "group": .text, "model": .text,
        "target": .text, "requests": .integer, "booked_list_usd": .usd, "new_list_usd": .usd,
        "booked_usd": .usd, "new_usd": .usd, "difference_usd": .usd,
      ])),
    "unmatched_models": .list(
      of: .record(["model": .text, "requests": .integer, "charged_usd": .usd])),
    "out_of_range": .integer.described("settlements that keep their charge"),
    "problems": .list(of: .text),
  ])

  private static let reverted = Schema.record([
    "job": .integer, "reverts": .integer, "corrections": .integer, "difference_usd": .usd,
  ])

  private static let job = Schema.record([
    "job": .integer, "progress": .text, "book": .text.orNull, "base_sequence": .integer,
    "corrections": .integer, "difference_usd": .usd, "reverts": .integer.orNull,
  ])
}
