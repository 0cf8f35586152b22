// `daybook reconcile`: an upstream's bill, or a client's log, against the ledger.
import Base
import Foundation
import Gateway
import Ledger
import Projections

enum ReconcileCommand {
  static let command = Command(
    CommandSpec(
      name: "reconcile",
      options: [
        .value(
          "invoice", "FILE", "a bill as CSV with a header, or a log of one JSON object a line"),
        .value("from", "DAY", "first day compared, YYYY-MM-DD (default: the file's first)"),
        .value("to", "DAY", "last day compared (default: the file's last)"),
        .value(
          "account", "NAME",
          "only what this upstream account served; with --apply: the one that did"),
        .value("user", "USER", "only this user's requests, such as a client's log has"),
        .value("key", "KEY", "only this key's requests"),
        .value("zone", "ZONE", "where the file's days begin, such as UTC (default: the ledger's)"),
        .value(
          "by", "id|day", "compare requests, or sums by day and model (default: by id if any)"),
        .value("cost", "list|charged", "our amount to compare with (default list)"),
        .value("tolerance", "USD", "costs may differ by so much (default 0.000001)"),
        .value("rows", "N", "findings shown of each kind (default 20, as JSON 1000)"),
        .value("csv", "FILE", "write all findings to a file"),
        .flag("apply", "settle requests of unknown outcome by what the file says they used"),
        .value(
          "reason", "TEXT", "why, recorded with each late settlement (default: the file's name)"),
      ],
      summary: "compare the ledger with an upstream's bill or a client's log",
      notes: "Says what matches, differs, and what only one side has. Changes nothing without "
        + "--apply.")
  ) { invocation in
    let values = invocation.parsed.values
    guard let path = values["invoice"] else { throw UsageError("--invoice FILE is missing") }
    let isApplied = invocation.parsed.flags.contains("apply")
    let reason = try reason(values["reason"], file: path, isApplied: isApplied)
    let shown =
      try invocation.integer("rows", in: 0...100_000) ?? (invocation.wantsJSON ? 1000 : 20)
    let stated = try Stated(values)
    let source = try ReconcileSource(invocation)
    let options = try stated.options(zoneName: values["zone"] ?? source.zoneName)
    let csv = try values["csv"].map { try output($0, besides: path) }
    var run = ReconcileRun(path, source, options, shownLimit: shown, csv: csv)
    let report = try run.perform(reason: isApplied ? reason : nil)
    try Console.write(
      invocation.wantsJSON ? try report.json() + [10] : Array(try report.text().utf8))
  }

  /// Without one the file's name is the reason: a settlement by a bill is explained by the bill.
  private static func reason(
    _ text: String?, file: String, isApplied: Bool
  ) throws(UsageError) -> String {
    let text = text ?? ""
    if !isApplied, !text.isEmpty { throw UsageError("--reason belongs to --apply") }
    let name = file.split(separator: "/").last.map(String.init) ?? file
    return text.isEmpty ? "reconciled with \(name)" : text
  }

  private static func output(_ path: String, besides invoice: String) throws -> ReconcileCSV {
    guard Invocation.absolute(path) != Invocation.absolute(invoice) else {
      throw UsageError("--csv would replace the invoice itself")
    }
    do { return try ReconcileCSV(path) } catch { throw CommandFailure("\(error)") }
  }

  /// Options that are no zone.
  private struct Stated {
    var from: DayNumber?
    var to: DayNumber?
    var byDay = false
    var cost = BookedCost.list
    var tolerance = NanoUSD(1000)

    init(_ values: [String: String]) throws {
      from = try Self.day("from", values)
      to = try Self.day("to", values)
      if let from, let to, to < from {
        throw UsageError("--from \(from) is after --to \(to)")
      }
      switch values["by"] {
      case nil, "id": break
      case "day": byDay = true
      case let other?: throw UsageError("--by must be id or day, not \"\(other)\"")
      }
      if let text = values["cost"] {
        guard let known = BookedCost(rawValue: text) else {
          throw UsageError("--cost must be list or charged, not \"\(text)\"")
        }
        cost = known
      }
      if let text = values["tolerance"] {
        guard let number = try? DecimalText.parse(text, scale: 9), number.isExact,
          (0...1_000_000 * Int128(NanoUSD.perUSD)).contains(number.value)
        else {
          throw UsageError("--tolerance must be an amount of USD such as 0.01, not \"\(text)\"")
        }
        tolerance = NanoUSD(Int64(number.value))
      }
    }

    private static func day(
      _ name: String, _ values: [String: String]
    ) throws(UsageError) -> DayNumber? {
      guard let text = values[name] else { return nil }
      guard let day = DayNumber(text: text), (1970...9000).contains(day.date.year) else {
        throw UsageError("--\(name) must be a day such as 2026-11-30, not \"\(text)\"")
      }
      return day
    }

    func options(zoneName: String) throws -> ReconciliationOptions {
      let zone: LocalZone
      do { zone = try LocalZone(named: zoneName) } catch { throw UsageError("--zone: \(error)") }
      var options = ReconciliationOptions(zone: zone)
      options.from = from
      options.to = to
      options.byDay = byDay
      options.cost = cost
      options.tolerance = tolerance
      return options
    }
  }
}
