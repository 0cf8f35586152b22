// Metrics by the values of their labels. All values are known beforehand, so that counting is one
// atomic addition and nothing a caller sends becomes a label.
import Base
import Ledger

/// Counters of one name, by up to three labels.
final class CounterFamily: Sendable {
  let name: String
  let help: String
  private let labels: [Label]
  private let cells: CounterArray
  /// Amounts are counted in units of 10^-scale.
  private let scale: Int

  struct Label: Sendable {
    let name: String
    /// Values by index; "" where no index points.
    let values: [String]
    init(_ name: String, _ values: [String]) {
      self.name = name
      self.values = values
    }
    /// All values of a vocabulary; see `Int.init(_: some RecordCode)`.
    init<Code: RecordCode>(_ name: String, _ code: Code.Type) {
      self.init(name, code.labelValues)
    }
  }

  /// More cells than this, and those that are 0 are not shown.
  private static let fewCells = 64

  init(_ name: String, _ help: String, _ labels: Label..., scale: Int = 0) {
    self.name = name
    self.help = help
    self.labels = labels
    self.scale = scale
    cells = CounterArray(count: labels.reduce(1) { $0 * $1.values.count })
  }

  /// Adds at one index per label; an index that is out of its range is the label's last.
  func add(_ amount: Int64 = 1, _ first: Int = 0, _ second: Int = 0, _ third: Int = 0) {
    var cell = 0
    if labels.count > 0 { cell = place(first, in: 0) }
    if labels.count > 1 { cell = cell * labels[1].values.count + place(second, in: 1) }
    if labels.count > 2 { cell = cell * labels[2].values.count + place(third, in: 2) }
    cells.add(amount, at: cell)
  }
  private func place(_ index: Int, in label: Int) -> Int {
    let last = labels[label].values.count - 1
    return index >= 0 && index < last ? index : last
  }

  /// The sum over all labels.
  var total: Int64 {
    var sum: Int64 = 0
    for cell in 0..<cells.count { sum &+= cells[cell] }
    return sum
  }

  func write(to page: inout MetricsPage) {
    page.begin(name, "counter", help)
    let showsZeros = cells.count <= Self.fewCells
    for cell in 0..<cells.count {
      let value = cells[cell]
      if value == 0 && !showsZeros { continue }
      guard let labels = labelValues(of: cell) else { continue }
      // What is not recognized is shown when it happens.
      if value == 0 && labels.contains(where: { $0.value == "other" }) { continue }
      page.sample(name, labels, DecimalText.text(Int128(value), scale: scale))
    }
  }

  private func labelValues(of cell: Int) -> [(name: String, value: String)]? {
    var rest = cell
    var values: [(name: String, value: String)] = []
    for label in labels.reversed() {
      let value = label.values[rest % label.values.count]
      if value.isEmpty { return nil }
      values.append((label.name, value))
      rest /= label.values.count
    }
    return values.reversed()
  }
}

extension Platform {
  private static let labels = labelValues
  /// Its name, looked up.
  var label: String { Self.labels[min(Int(rawValue), Self.labels.count - 1)] }
}

extension RecordCode {
  /// The codes' names by their numbers; the last is for what is not recognized.
  static var labelValues: [String] {
    let known = allCases.filter { $0 != unrecognized }
    var values = [String](repeating: "", count: Int(known.map(\.rawValue).max() ?? 0) + 2)
    for code in known { values[Int(code.rawValue)] = code.name }
    values[values.count - 1] = "other"
    return values
  }
}

extension RefusedFor {
  static let labelValues = allCases.map(\.rawValue)
  var index: Int { Self.allCases.firstIndex(of: self) ?? Self.allCases.count - 1 }
}

/// Durations of one name in fixed buckets, by one label.
final class HistogramFamily: Sendable {
  let name: String
  let help: String
  private let label: String
  private let values: [String]
  private let bounds: [Int64]
  /// Per label value: a cell per bound, one for what is longer, and the sum.
  private let cells: CounterArray

  /// - Parameters:
  ///   - bounds: upper bounds of the buckets in nanoseconds, growing.
  ///   - values: of the label, by index; "" where no index points.
  init(
    _ name: String, _ help: String, bounds: [Int64], label: String, _ values: [String]
  ) {
    self.name = name
    self.help = help
    self.bounds = bounds
    self.label = label
    self.values = values
    cells = CounterArray(count: values.count * (bounds.count + 2))
  }

  /// From parts of a millisecond to the longest answers.
  static let requestBounds: [Int64] = milliseconds([
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000,
    300_000, 600_000,
  ])
  static let waitBounds: [Int64] = milliseconds([
    1, 10, 100, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000,
  ])
  private static func milliseconds(_ values: [Int64]) -> [Int64] { values.map { $0 * 1_000_000 } }

  func record(_ nanoseconds: Int64, _ index: Int) {
    let row = (index >= 0 && index < values.count ? index : values.count - 1) * (bounds.count + 2)
    var bucket = 0
    while bucket < bounds.count, nanoseconds > bounds[bucket] { bucket += 1 }
    cells.add(1, at: row + bucket)
    cells.add(max(0, nanoseconds), at: row + bounds.count + 1)
  }

  func write(to page: inout MetricsPage) {
    page.begin(name, "histogram", help)
    for (index, value) in values.enumerated() where !value.isEmpty {
      let row = index * (bounds.count + 2)
      // A label value without a duration so far would be a page of zeros.
      if (0...bounds.count).allSatisfy({ cells[row + $0] == 0 }) { continue }
      var total: Int64 = 0
      for (bucket, bound) in bounds.enumerated() {
        total += cells[row + bucket]
        let seconds = DecimalText.text(Int128(bound), scale: 9)
        page.sample("\(name)_bucket", [(label, value), ("le", seconds)], "\(total)")
      }
      total += cells[row + bounds.count]
      page.sample("\(name)_bucket", [(label, value), ("le", "+Inf")], "\(total)")
      let sum = DecimalText.text(Int128(cells[row + bounds.count + 1]), scale: 9)
      page.sample("\(name)_sum", [(label, value)], sum)
      page.sample("\(name)_count", [(label, value)], "\(total)")
    }
  }
}
