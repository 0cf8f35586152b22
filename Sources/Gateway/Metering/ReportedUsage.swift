// What an upstream says an answer used, field by field, as far as it says it.
import Ledger

/// One number an upstream reported.
enum ReportedCount: Equatable {
  case absent
  /// Not a whole number of 0 ... 10^9: not believed, like a missing one.
  case invalid
  case count(Int64)

  /// - Parameter text: the number's JSON text.
  init(jsonNumber text: some StringProtocol) {
    guard let value = Int64(text), value >= 0, value <= TokenUsage.countLimit else {
      self = .invalid
      return
    }
    self = .count(value)
  }
  var value: Int64? { if case .count(let value) = self { value } else { nil } }
}

/// The `usage` object of an answer or of a stream's event.
struct ReportedUsage: Equatable {
  var input = ReportedCount.absent
  var output = ReportedCount.absent
  var cacheRead = ReportedCount.absent
  /// All cache writes, both lifetimes.
  var cacheCreation = ReportedCount.absent
  var ephemeral5m = ReportedCount.absent
  var ephemeral1h = ReportedCount.absent
  var webSearches = ReportedCount.absent
  var serviceTier = ServiceTier.none
  var speed = Speed.none
  var geography = Geography.none
  /// Numeric fields that have no price here, by name, with their JSON text.
  var unknown: [String: String] = [:]
  /// Iterations that may be lines of their own.
  var lines: [Line] = []

  /// One of an answer's iterations.
  struct Line: Equatable {
    /// "" = the answer's own model.
    var model: String
    var isCompaction: Bool
    var usage: TokenUsage
  }

  var isEmpty: Bool { self == ReportedUsage() }

  /// Takes over what a later report carries: a value > 0 replaces, nothing is added up
  /// (spec: gateway, section 4). `output` is replaced whatever it says.
  mutating func merge(later: ReportedUsage) {
    func take(_ field: inout ReportedCount, _ new: ReportedCount) {
      switch new {
      case .absent: break
      case .invalid: if field.value == nil { field = .invalid }
      case .count(let value): if value > 0 || field.value == nil { field = new }
      }
    }
    take(&input, later.input)
    take(&cacheRead, later.cacheRead)
    take(&cacheCreation, later.cacheCreation)
    take(&ephemeral5m, later.ephemeral5m)
    take(&ephemeral1h, later.ephemeral1h)
    take(&webSearches, later.webSearches)
    if later.output != .absent { output = later.output }
    if later.serviceTier != .none { serviceTier = later.serviceTier }
    if later.speed != .none { speed = later.speed }
    if later.geography != .none { geography = later.geography }
    unknown.merge(later.unknown) { $1 }
    if !later.lines.isEmpty { lines = later.lines }
  }
}
