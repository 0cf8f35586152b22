// What every benchmark gets, and what it is.
import Base

/// One run of the program.
final class Run {
  let report = Report()
  var isSmoke = false
  /// Print what the figures are made of, too.
  var wantsDetails = false
  var seed: UInt64 = 1
  /// Leave the files of the run for inspection.
  var keepsFiles = false
  /// Names of the benchmarks wanted; empty = all.
  var wanted: [String] = []
  /// About how many events the long history has.
  var longEvents = 10_000_000
  /// See `longHistory`.
  var long: LongHistory?
}

protocol Benchmark {
  static var name: String { get }
  static var about: String { get }
  /// Measures and reports. Throws when something broke; what is merely missing is reported.
  static func run(_ run: Run) throws
}
