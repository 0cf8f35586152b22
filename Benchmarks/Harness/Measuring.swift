// Stopwatch, medians, percentiles, and the order A B B A in which two things are compared.
import Base

struct Stopwatch {
  private let start = SystemMonotonicClock().now
  var nanoseconds: Double { Double(SystemMonotonicClock().now.nanoseconds(since: start)) }
  var seconds: Double { nanoseconds / 1e9 }
}

func monotonicNanoseconds() -> Int64 { SystemMonotonicClock().now.nanoseconds }

extension Array where Element: Comparable {
  /// The value below which `share` (0 ... 1) of the values lie.
  /// - Precondition: not empty.
  func percentile(_ share: Double) -> Element {
    precondition(!isEmpty)
    let ordered = sorted()
    return ordered[Swift.min(ordered.count - 1, Int(Double(ordered.count) * share))]
  }
}

extension Array where Element == Double {
  var median: Double {
    let ordered = sorted()
    let middle = ordered.count / 2
    return ordered.count % 2 == 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2
  }
}

/// Runs several things in turn, forth and back (A B B A A B), so that a slow minute of the machine
/// hits all of them.
/// - Returns: the results of each, one per round.
func interleave<Result>(
  rounds: Int, _ things: [() throws -> Result]
) throws -> [[Result]] {
  var results = [[Result]](repeating: [], count: things.count)
  for round in 0..<rounds {
    let order = round % 2 == 0 ? Array(things.indices) : things.indices.reversed()
    for index in order { results[index].append(try things[index]()) }
  }
  return results
}

/// The median of the ratios a / b round by round.
func medianRatio(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).map { $0 / $1 }.median
}
