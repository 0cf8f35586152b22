// What a re-pricing says, as JSON: what was booked, what the other book makes of it, difference.
import Base
import Ledger
import Projections

/// A re-pricing with the names its answer needs.
struct RepricingAnswer {
  let plan: Repricing
  let names: EventNames
  /// What the other book is called.
  let version: String
  let problems: [String]
  let first: DayNumber?
  let last: DayNumber?
  /// Rows without a difference, too.
  let showsAll: Bool

  /// - Parameter job: the job that was applied; nil for a dry run, and when nothing was to change.
  func json(applied: Bool, job: UInt32?, book: PriceBookID?) -> [UInt8] {
    let changed = plan.changed
    return JSONWriter.text { json in
      json.object { json in
        json.member("applied", applied)
        Self.number("job", job.map(UInt64.init), &json)
        json.member("book", version)
        Self.number("price_book", book.map { UInt64($0.value) }, &json)
        json.member("base_sequence", plan.base.value)
        json.member("from", optional: (first ?? plan.cells.first?.key.day)?.description)
        json.member("to", optional: (last ?? plan.cells.last?.key.day)?.description)
        json.member("requests", plan.requests)
        json.member("cells", plan.cells.count)
        json.member("changed_cells", changed.count)
        json.member("kept_cells", plan.cells.count { $0.isKept && $0.matched > 0 })
        let (bookedList, booked) = (sum(\.standingList), sum(\.standing))
        let (listDelta, delta) = (sum(\.listDelta), sum(\.chargedDelta))
        json.member("booked_list_usd", Self.text(bookedList))
        json.member("new_list_usd", Self.text(bookedList + listDelta))
        json.member("booked_usd", Self.text(booked))
        json.member("new_usd", Self.text(booked + delta))
        json.member("difference_usd", Self.text(delta))
        json.member(
          "rows",
          array: { json in
            for cell in showsAll ? plan.cells : changed { write(cell, &json) }
          })
        json.member(
          "unmatched_models",
          array: { json in
            for model in plan.unmatched {
              json.object {
                $0.member("model", names.model(model.model) ?? "")
                $0.member("requests", model.requests)
                $0.member("charged_usd", money: model.charged)
              }
            }
          })
        json.member("out_of_range", plan.outOfRange)
        json.member("problems", texts: problems)
      }
    }
  }

  /// Wide: the sum of many cells may leave the range of one amount.
  private func sum(_ value: (RepricedCell) -> NanoUSD) -> Int128 {
    plan.cells.reduce(0) { $0 + Int128(value($1).value) }
  }
  private static func text(_ amount: Int128) -> String { DecimalText.text(amount, scale: 9) }

  private func write(_ cell: RepricedCell, _ json: inout JSONWriter) {
    json.object {
      $0.member("day", cell.key.day.description)
      $0.member("user", names.user(cell.key.user) ?? "")
      $0.member("key", names.key(cell.key.key) ?? "")
      $0.member("group", names.group(cell.key.group) ?? "")
      $0.member("model", names.model(cell.key.model) ?? "")
      $0.member("target", cell.key.target.name)
      $0.member("requests", cell.requests)
      $0.member("booked_list_usd", money: cell.standingList)
      $0.member("new_list_usd", money: cell.standingList + cell.listDelta)
      $0.member("booked_usd", money: cell.standing)
      $0.member("new_usd", money: cell.standing + cell.chargedDelta)
      $0.member("difference_usd", money: cell.chargedDelta)
    }
  }

  static func number(_ name: String, _ value: UInt64?, _ json: inout JSONWriter) {
    if let value { json.member(name, value) } else { json.member(null: name) }
  }
}
