// Money as integers. A charge is nano-USD (1e-9 USD), a price is pico-USD (1e-12 USD) per token.
// Neither is ever a floating point number (spec: ledger, section 4).

/// An amount of money in nano-USD. Any Int64; limits of the ledger keep sums below 2^62.
public struct NanoUSD: Hashable, Comparable, Sendable {
  public var value: Int64
  public init(_ value: Int64) { self.value = value }
  public static let zero = NanoUSD(0)
  /// Nano-USD in one USD.
  public static let perUSD: Int64 = 1_000_000_000
  /// The greatest charge one event may carry: $1 M. Beyond it usage is settled partial,
  /// reason `out_of_range`.
  public static let chargeLimit = NanoUSD(1_000_000 * perUSD)

  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
  /// Sums of amounts within the ledger's limits cannot overflow; one that does is our own bug.
  public static func + (a: Self, b: Self) -> Self { Self(a.value + b.value) }
  public static func - (a: Self, b: Self) -> Self { Self(a.value - b.value) }
  public static prefix func - (a: Self) -> Self { Self(-a.value) }
  public static func += (a: inout Self, b: Self) { a.value += b.value }
  public static func -= (a: inout Self, b: Self) { a.value -= b.value }

  /// The sum, or nil when it leaves the range of Int64.
  public func adding(_ other: NanoUSD) -> NanoUSD? {
    let (sum, overflow) = value.addingReportingOverflow(other.value)
    return overflow ? nil : NanoUSD(sum)
  }
}

/// A price in pico-USD per token, or per request for fees. 0 is a price; absent is `nil` elsewhere.
public struct PicoUSD: Hashable, Comparable, Sendable {
  public var value: Int64
  public init(_ value: Int64) { self.value = value }
  /// Pico-USD in one USD.
  public static let perUSD: Int64 = 1_000_000_000_000
  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

/// A factor in parts per million: 1,000,000 is 1.0. Range of a multiplier: 0 ... 1,000.0.
public struct PartsPerMillion: Hashable, Comparable, Sendable {
  public var value: UInt32
  public init(_ value: UInt32) { self.value = value }
  public static let one = PartsPerMillion(1_000_000)
  /// The greatest multiplier a group may have (spec: gateway, section 4).
  public static let multiplierLimit = PartsPerMillion(1_000_000_000)
  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}
