// What a comparison found, for people and as JSON.
import Base
import Ledger
import Projections

extension ReconcileReport {
  private typealias Sides = (ours: ReconciliationSums, theirs: ReconciliationSums)

  private var kinds: [(kind: ReconciledClass, sides: Sides)] {
    ReconciledClass.allCases.map { ($0, comparison.sums[$0] ?? (.init(), .init())) }
  }
  /// Sums of everything that was compared.
  private func total() throws -> Sides {
    var total: Sides = (.init(), .init())
    for (_, sides) in kinds { try Self.add(sides, to: &total) }
    return total
  }
  private static func add(_ sides: Sides, to total: inout Sides) throws {
    total.ours = try total.ours.adding(sides.ours)
    total.theirs = try total.theirs.adding(sides.theirs)
  }

  /// Theirs - ours; nil where they state no cost, or the amounts leave all range.
  private static func difference(_ sides: Sides) -> Int64? {
    guard sides.ours.cost != nil || sides.theirs.cost != nil else { return nil }
    let (difference, overflow) =
      (sides.theirs.cost ?? 0).subtractingReportingOverflow(sides.ours.cost ?? 0)
    return overflow ? nil : difference
  }

  // MARK: - JSON

  func json() throws -> [UInt8] {
    let total = try total()
    var json = JSONWriter()
    json.object { json in
      json.member("file", file)
      json.member("format", format.rawValue)
      json.member("compared_by", comparison.isByID ? "id" : "day_and_model")
      json.member("time_zone", options.zone.name)
      let days = comparison.range
      json.member("from", optional: days?.lowerBound.description)
      json.member("to", optional: days?.upperBound.description)
      json.member("our_cost", options.cost.rawValue)
      json.member("tolerance_usd", money: options.tolerance.value)
      json.member(
        "rows",
        object: {
          $0.member("billed", comparison.rowCount)
          $0.member("unbilled", unbilled)
          $0.member("duplicates", comparison.duplicates)
          $0.member("outside", comparison.outside)
          $0.member("without_id", comparison.withoutID)
          $0.member("not_checked_for_duplicates", comparison.unremembered)
        })
      for (kind, sides) in kinds {
        json.name(kind.rawValue)
        Self.write(sides, to: &json)
      }
      json.name("total")
      Self.write(total, to: &json)
      for kind in ReconciledClass.allCases where kind != .matched {
        Self.write("\(kind.rawValue)_rows", shown[kind] ?? [], to: &json)
      }
      Self.write("duplicate_rows", shownDuplicates, to: &json)
      json.member(
        "late_settlements",
        object: { json in
          json.member("applied", isApplied)
          json.member("rows", array: { json in for row in late { json.value(row) } })
        })
    }
    return json.bytes
  }

  private static func write(_ sides: Sides, to json: inout JSONWriter) {
    json.object { json in
      json.name("ours")
      write(sides.ours, to: &json)
      json.name("theirs")
      write(sides.theirs, to: &json)
      json.member("difference_usd", money: Self.difference(sides))
    }
  }

  private static func write(_ sums: ReconciliationSums, to json: inout JSONWriter) {
    json.object { json in
      json.member("rows", sums.rows)
      json.member("input_tokens", count: sums.input)
      json.member("output_tokens", count: sums.output)
      json.member("cache_read_tokens", count: sums.cacheRead)
      json.member("cache_write_tokens", count: sums.cacheWrite)
      json.member("cost_usd", money: sums.cost)
    }
  }

  private static func write(_ name: String, _ rows: [ReconciledRow], to json: inout JSONWriter) {
    json.member(
      name,
      array: { json in
        for row in rows {
          json.object { json in
            json.member("line", count: row.line == 0 ? nil : Int64(row.line))
            json.member(
              "sequence", count: row.sequence == .none ? nil : Int64(row.sequence.value))
            json.member("message_id", optional: row.messageID.isEmpty ? nil : row.messageID)
            json.member("request_id", optional: row.requestID.isEmpty ? nil : row.requestID)
            json.member("day", optional: row.day?.description)
            json.member("model", optional: row.model.isEmpty ? nil : row.model)
            json.member("differing", texts: row.differing.map(\.rawValue))
            json.member("state", optional: row.state?.rawValue)
            json.name("ours")
            row.ours.rows == 0 ? json.null() : write(row.ours, to: &json)
            json.name("theirs")
            row.theirs.rows == 0 ? json.null() : write(row.theirs, to: &json)
          }
        }
      })
  }

  // MARK: - Text

  func text() throws -> String {
    var text = heading
    let total = try total()
    var table = TextTable([
      "", comparison.isByID ? "REQUESTS" : "DAYS", "OUR TOKENS", "THEIR TOKENS", "OUR COST",
      "THEIR COST", "DIFFERENCE",
    ])
    for (kind, sides) in kinds {
      let name = kind.rawValue.replacing("_", with: " ")
      let days = kind == .matched ? comparison.matchedCells : counts[kind] ?? 0
      let rows = comparison.isByID ? max(sides.ours.rows, sides.theirs.rows) : Int64(days)
      table.add([name, "\(rows)"] + cells(sides, in: total))
    }
    table.add(["all", ""] + cells(total, in: total))
    text += "\n" + table.text
    for kind in ReconciledClass.allCases where kind != .matched {
      text += findings(kind)
    }
    return text + duplicatesText + lateText
  }

  private var heading: String {
    var line = "\(file) (\(format.rawValue), \(comparison.rowCount) rows) and the ledger"
    if let days = comparison.range {
      line += ", \(days.lowerBound) to \(days.upperBound) \(options.zone.name)"
    }
    line += comparison.isByID ? ", by id" : ", by day and model"
    line += options.cost == .list ? "; our cost is the list price\n" : "; our cost is the charge\n"
    var notes: [String] = []
    if unbilled > 0 { notes.append("\(unbilled) without usage or cost") }
    if comparison.outside > 0 { notes.append("\(comparison.outside) of other days") }
    if comparison.duplicates > 0 {
      notes.append("\(comparison.duplicates) that repeat an id, counted once")
    }
    if comparison.withoutID > 0 { notes.append("\(comparison.withoutID) without an id") }
    if comparison.unremembered > 0 {
      notes.append("\(comparison.unremembered) not looked at for duplicates")
    }
    return notes.isEmpty ? line : line + "rows: \(notes.joined(separator: ", "))\n"
  }

  /// Tokens, but only of the kinds that they state; costs; theirs - ours.
  private func cells(_ sides: Sides, in total: Sides) -> [String] {
    let stated = total.theirs.tokens.map { $0 != nil }
    func tokens(_ sums: ReconciliationSums) -> String {
      guard stated.contains(true) else { return "-" }
      return "\(zip(sums.tokens, stated).reduce(Int64(0)) { $1.1 ? $0 &+ ($1.0 ?? 0) : $0 })"
    }
    func cost(_ value: Int64?) -> String {
      value.map { Rendering.money(DecimalText.text(Int128($0), scale: 9)) } ?? "-"
    }
    let hasCost = total.theirs.cost != nil
    return [
      tokens(sides.ours), tokens(sides.theirs), cost(sides.ours.cost), cost(sides.theirs.cost),
      hasCost ? cost(Self.difference(sides)) : "-",
    ]
  }

  private func findings(_ kind: ReconciledClass) -> String {
    guard let rows = shown[kind], !rows.isEmpty else { return "" }
    var table = TextTable(["LINE", "SEQUENCE", "DAY", "MODEL", "ID", "WHAT"])
    for row in rows {
      let id = row.messageID.isEmpty ? row.requestID : row.messageID
      let fields: [(String, JSONValue?)] = [
        ("", row.line == 0 ? nil : .number("\(row.line)")),
        ("", row.sequence == .none ? nil : .number("\(row.sequence)")),
        ("", row.day.map { .string($0.description) }), ("", .string(row.model)),
        ("", .string(id)), ("", .string(what(row))),
      ]
      table.add(fields.map { Rendering.cell($0.1, key: $0.0) })
    }
    let left = (counts[kind] ?? 0) - rows.count
    return "\n\(kind.rawValue.replacing("_", with: " "))\n" + table.text
      + (left > 0 ? "and \(left) more: --csv FILE has them all\n" : "")
  }

  /// "input_tokens 100, theirs 120"; of rows that one side has only, its cost or tokens.
  private func what(_ row: ReconciledRow) -> String {
    if let state = row.state {
      return state == .open ? "the request is under way" : "the request's outcome is unknown"
    }
    guard row.kind == .differing else {
      let sums = row.kind == .oursOnly ? row.ours : row.theirs
      let tokens = sums.tokens.reduce(Int64(0)) { $0 &+ ($1 ?? 0) }
      let cost = sums.cost.map { ", $" + DecimalText.text(Int128($0), scale: 9) } ?? ""
      return "\(tokens) tokens\(cost)"
    }
    return row.differing.map { part in
      let (ours, theirs) = (row.ours.text(of: part), row.theirs.text(of: part))
      return "\(part.rawValue) \(ours), theirs \(theirs)"
    }.joined(separator: "; ")
  }

  private var duplicatesText: String {
    guard !shownDuplicates.isEmpty else { return "" }
    let lines = shownDuplicates.map { row in
      let id = row.messageID.isEmpty ? row.requestID : row.messageID
      return "\(row.line)  \(Rendering.cell(.string(id), key: ""))\n"
    }
    let left = comparison.duplicates - Int64(shownDuplicates.count)
    return "\nrepeated ids, by line\n" + lines.joined()
      + (left > 0 ? "and \(left) more: --csv FILE has them all\n" : "")
  }

  private var lateText: String {
    guard !late.isEmpty else { return "" }
    var table = TextTable(["LINE", "REQUEST", "OUTCOME", "CHARGE", "SEQUENCE"])
    for row in late {
      let outcome = row["outcome"]?.string ?? ""
      table.add([
        Rendering.cell(row["line"], key: ""), Rendering.cell(row["request_id"], key: ""),
        row["why"]?.string.map { "refused: \($0)" } ?? outcome.replacing("_", with: " "),
        Rendering.cell(row["charged_usd"], key: "charged_usd"),
        Rendering.cell(row["sequence"], key: ""),
      ])
    }
    let can = late.contains { $0["outcome"]?.string == "can_be_settled" }
    return "\nrequests whose outcome was unknown\n" + table.text
      + (can ? "nothing was changed: --apply settles them\n" : "")
  }
}

extension ReconciliationSums {
  var tokens: [Int64?] { [input, output, cacheRead, cacheWrite] }

  func text(of part: ReconciledPart) -> String {
    switch part {
    case .input: "\(input ?? 0)"
    case .output: "\(output ?? 0)"
    case .cacheRead: "\(cacheRead ?? 0)"
    case .cacheWrite: "\(cacheWrite ?? 0)"
    case .cost: "$" + DecimalText.text(Int128(cost ?? 0), scale: 9)
    }
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, texts: [String]) {
    member(name, array: { json in for text in texts { json.string(text) } })
  }
  fileprivate mutating func member(_ name: String, optional text: String?) {
    guard let text else { return member(null: name) }
    member(name, text)
  }
  fileprivate mutating func member(_ name: String, money value: Int64?) {
    guard let value else { return member(null: name) }
    member(name, DecimalText.text(Int128(value), scale: 9))
  }
  fileprivate mutating func member(_ name: String, count value: Int64?) {
    guard let value else { return member(null: name) }
    member(name, value)
  }
}
