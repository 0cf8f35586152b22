// What a run found: rows of value, yardstick measured in the same run, ratio and target.
import Glibc

/// How a ratio is judged.
enum Target {
  case atLeast(Double)
  case atMost(Double)
  case none

  func isMet(by value: Double) -> Bool? {
    switch self {
    case .atLeast(let bound): value >= bound
    case .atMost(let bound): value <= bound
    case .none: nil
    }
  }

  var text: String {
    switch self {
    case .atLeast(let bound): ">= \(Self.short(bound))"
    case .atMost(let bound): "<= \(Self.short(bound))"
    case .none: ""
    }
  }

  static func short(_ value: Double) -> String {
    value == value.rounded() && value.magnitude < 1e9 ? grouped(Int(value)) : decimal(value, 2)
  }
}

/// Collects and prints rows.
final class Report {
  private struct Row {
    var cells: [String]
    var isMet: Bool?
  }
  private var rows: [Row] = []
  private(set) var missing: [String] = []
  private var notes: [String] = []
  private let started = Stopwatch()

  /// A row with a yardstick: the target judges the ratio.
  func compare(
    _ what: String, _ value: String, to yardstick: String, ratio: Double, _ target: Target
  ) {
    add([what, value, yardstick, decimal(ratio, 2), target.text], target.isMet(by: ratio))
  }

  /// A row whose target judges the value itself.
  func state(_ what: String, _ value: String, _ number: Double, _ target: Target) {
    add([what, value, "", "", target.text], target.isMet(by: number))
  }

  /// A row without a target.
  func state(_ what: String, _ value: String) { add([what, value, "", "", ""], nil) }

  private func add(_ cells: [String], _ isMet: Bool?) {
    rows.append(Row(cells: cells, isMet: isMet))
    say("  " + cells.filter { !$0.isEmpty }.joined(separator: " | "))
  }

  /// What could not be measured, and why.
  func skip(_ what: String, because reason: String) {
    missing.append("\(what): \(reason)")
    say("  not measured: \(what): \(reason)")
  }

  /// A remark under the table.
  func note(_ text: String) {
    notes.append(text)
    say("  note: \(text)")
  }

  /// Progress, at once.
  func say(_ text: String) {
    print(text)
    fflush(nil)
  }

  func finish() {
    let heads = ["what", "measured", "yardstick, same run", "ratio", "target", ""]
    var table = [heads]
    for row in rows {
      table.append(row.cells + [row.isMet.map { $0 ? "met" : "MISSED" } ?? ""])
    }
    let widths = heads.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    print()
    for (index, cells) in table.enumerated() {
      let padded = cells.indices.map { column in
        cells[column] + String(repeating: " ", count: widths[column] - cells[column].count)
      }
      print("| " + padded.joined(separator: " | ") + " |")
      if index == 0 {
        print("|" + widths.map { String(repeating: "-", count: $0 + 2) + "|" }.joined())
      }
    }
    print()
    for note in notes { print("- \(note)") }
    for text in missing { print("- not measured: \(text)") }
    print("- \(decimal(started.seconds, 0)) s in all")
  }
}

/// 1234567.8 as "1,234,568".
func grouped(_ value: Int) -> String {
  var text = ""
  for (index, digit) in "\(value.magnitude)".reversed().enumerated() {
    if index > 0 && index % 3 == 0 { text.append(",") }
    text.append(digit)
  }
  return (value < 0 ? "-" : "") + String(text.reversed())
}

/// A number with a fixed count of decimals.
func decimal(_ value: Double, _ places: Int) -> String {
  guard value.isFinite else { return "\(value)" }
  let scale = pow(10, Double(places))
  let scaled = Int((value.magnitude * scale).rounded())
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard places > 0 else { return sign + grouped(scaled) }
  let fraction = "\(scaled % Int(scale))"
  return sign + grouped(scaled / Int(scale)) + "."
    + String(repeating: "0", count: places - fraction.count) + fraction
}

func perSecond(_ value: Double) -> String { grouped(Int(value.rounded())) + "/s" }
func microseconds(_ nanoseconds: Double) -> String { decimal(nanoseconds / 1000, 1) + " us" }
