// Text in Prometheus' format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
import Base
import Ledger

/// A page of metrics; every name is below `daybook_`, but for the standard ones of a process.
struct MetricsPage {
  private(set) var bytes: [UInt8] = []

  static let prefix = "daybook_"

  /// HELP and TYPE of a metric; its samples follow.
  mutating func begin(_ name: String, _ type: String, _ help: String, prefix: String = prefix) {
    line("# HELP \(prefix)\(name) \(help)")
    line("# TYPE \(prefix)\(name) \(type)")
  }

  mutating func sample(
    _ name: String, _ labels: [(name: String, value: String)], _ value: String,
    prefix: String = prefix
  ) {
    let text = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
    line("\(prefix)\(name)\(labels.isEmpty ? "" : "{\(text)}") \(value)")
  }

  mutating func counter(_ name: String, _ help: String, _ value: Int64) {
    begin(name, "counter", help)
    sample(name, [], "\(value)")
  }
  mutating func gauge(_ name: String, _ help: String, _ value: Int64) {
    begin(name, "gauge", help)
    sample(name, [], "\(value)")
  }
  mutating func histogram(_ name: String, _ help: String, _ times: LatencyHistogram.Snapshot) {
    begin(name, "histogram", help)
    var total = 0
    for (bound, count) in zip(LatencyHistogram.bounds, times.counts) {
      total += count
      let seconds = DecimalText.text(Int128(bound), scale: 9)
      sample("\(name)_bucket", [("le", seconds)], "\(total)")
    }
    sample("\(name)_bucket", [("le", "+Inf")], "\(times.count)")
    sample("\(name)_sum", [], DecimalText.text(Int128(times.sumNanoseconds), scale: 9))
    sample("\(name)_count", [], "\(times.count)")
  }

  private mutating func line(_ text: String) {
    bytes.append(contentsOf: text.utf8)
    bytes.append(10)
  }

  /// Account names are the operator's text: quotes, backslashes and line ends are escaped.
  private static func escaped(_ value: String) -> String {
    guard value.utf8.contains(where: { $0 == 0x22 || $0 == 0x5C || $0 == 0x0A }) else {
      return value
    }
    var text = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
