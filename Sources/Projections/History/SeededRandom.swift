// Randomness that repeats: the same seed gives the same history, on any machine with the same
// mathematical library. Not for secrets.
import Glibc

/// SplitMix64 (https://prng.di.unimi.it/splitmix64.c): small, fast, and every seed is a good one.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed &>> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed &>> 31)
  }

  /// 0 ..< bound, the bias of a multiplication being of no importance here.
  /// - Precondition: 0 < bound <= 2^32.
  mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0 && bound <= 1 << 32)
    return Int(truncatingIfNeeded: ((next() &>> 32) &* UInt64(bound)) &>> 32)
  }

  /// 0 ..< 1.
  mutating func unit() -> Double { Double(next() &>> 11) * 0x1p-53 }

  mutating func happens(_ probability: Double) -> Bool { unit() < probability }

  /// Exponentially distributed: gaps between arrivals that know nothing of each other.
  mutating func exponential(mean: Double) -> Double { -log(1 - unit()) * mean }

  /// Log-normally distributed: sizes and durations. `spread` is the deviation of the logarithm.
  mutating func logNormal(median: Double, spread: Double) -> Double {
    let normal = sqrt(-2 * log(1 - unit())) * cos(2 * Double.pi * unit())
    return median * exp(spread * normal)
  }

  /// A log-normal count within limits.
  mutating func count(median: Double, spread: Double, in limits: ClosedRange<Int>) -> Int {
    let value = logNormal(median: median, spread: spread)
    return value >= Double(limits.upperBound)
      ? limits.upperBound : max(limits.lowerBound, Int(value))
  }

  /// A random identifier in the form of Anthropic's: `prefix`, then 128 bits as 22 characters of
  /// base58. `milliseconds` above 0 stand in the top 48 bits, as in a UUID of version 7.
  mutating func identifier(_ prefix: String, milliseconds: Int64 = 0) -> String {
    var number = UInt128(next()) << 64 | UInt128(next())
    if milliseconds > 0 {
      number = number & (1 << 80 - 1) | UInt128(UInt64(milliseconds)) << 80
    }
    var digits = [UInt8](repeating: 0, count: 22)
    for place in digits.indices.reversed() {
      let (quotient, digit) = number.quotientAndRemainder(dividingBy: 58)
      digits[place] = Self.base58[Int(digit)]
      number = quotient
    }
    return prefix + String(decoding: digits, as: UTF8.self)
  }

  private static let base58 = Array(
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)
}

/// Picks ranks 0 ..< count with probability proportional to 1 / (rank + 1)^exponent (Zipf).
struct RankPicker: Sendable {
  private let cumulative: [Double]

  /// - Precondition: count > 0.
  init(count: Int, exponent: Double) {
    precondition(count > 0)
    var sum = 0.0
    cumulative = (0..<count).map {
      sum += pow(Double($0 + 1), -exponent)
      return sum
    }
  }

  func pick(_ random: inout SeededRandom) -> Int {
    let wanted = random.unit() * cumulative[cumulative.count - 1]
    var low = 0
    var high = cumulative.count - 1
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] <= wanted { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Picks one of several with given weights.
struct WeightedPicker<Element: Sendable>: Sendable {
  private let elements: [(element: Element, until: Double)]

  /// - Precondition: at least one, weights above 0.
  init(_ weighted: [(Element, Double)]) {
    precondition(!weighted.isEmpty && weighted.allSatisfy { $0.1 > 0 })
    let total = weighted.reduce(0) { $0 + $1.1 }
    var sum = 0.0
    elements = weighted.map {
      sum += $0.1
      return ($0.0, sum / total)
    }
  }

  func pick(_ random: inout SeededRandom) -> Element {
    let wanted = random.unit()
    for entry in elements where wanted < entry.until { return entry.element }
    return elements[elements.count - 1].element
  }
}
