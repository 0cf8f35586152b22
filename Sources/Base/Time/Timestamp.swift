// Points in time, and the clocks that tell them.
internal import Glibc
internal import Synchronization

/// A point in time: microseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted.
public struct Timestamp: Hashable, Comparable, Sendable {
  public let microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// Whole seconds since 1970, saturating at the ends of the range.
  public init(seconds: Int64) {
    let product = seconds.multipliedReportingOverflow(by: 1_000_000)
    microseconds = product.overflow ? (seconds < 0 ? .min : .max) : product.partialValue
  }

  /// Whole seconds since 1970, rounded down.
  public var seconds: Int64 { microseconds.flooringDivision(by: 1_000_000) }

  public static func < (a: Self, b: Self) -> Bool { a.microseconds < b.microseconds }

  /// The point `microseconds` later (earlier if negative), saturating at the ends of the range.
  public func advanced(byMicroseconds delta: Int64) -> Timestamp {
    let sum = microseconds.addingReportingOverflow(delta)
    return Timestamp(microseconds: sum.overflow ? (delta < 0 ? .min : .max) : sum.partialValue)
  }

  /// The point `seconds` later (earlier if negative), saturating at the ends of the range.
  public func advanced(bySeconds delta: Int64) -> Timestamp {
    advanced(byMicroseconds: Timestamp(seconds: delta).microseconds)
  }

  /// Microseconds from `earlier` to this, saturating.
  public func microseconds(since earlier: Timestamp) -> Int64 {
    let difference = microseconds.subtractingReportingOverflow(earlier.microseconds)
    return difference.overflow ? (microseconds < 0 ? .min : .max) : difference.partialValue
  }
}

extension FixedWidthInteger {
  /// The quotient rounded towards minus infinity; the divisor must be positive.
  func flooringDivision(by divisor: Self) -> Self {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

/// Tells the time of day. A parameter wherever time is asked, so that tests can set it.
/// Durations are measured with the monotonic clock instead.
public protocol WallClock: Sendable {
  func now() -> Timestamp
}

/// The system's CLOCK_REALTIME.
public struct SystemWallClock: WallClock {
  public init() {}

  public func now() -> Timestamp {
    var time = timespec()
    let status = unsafe clock_gettime(CLOCK_REALTIME, &time)
    precondition(status == 0, "CLOCK_REALTIME cannot be read")
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}

/// A clock that stands still until it is set.
public final class ManualWallClock: WallClock {
  private let time: Atomic<Int64>

  public init(_ start: Timestamp) { time = Atomic(start.microseconds) }

  public func now() -> Timestamp { Timestamp(microseconds: time.load(ordering: .relaxed)) }

  /// Sets the time, forwards or backwards.
  public func set(_ now: Timestamp) { time.store(now.microseconds, ordering: .relaxed) }

  /// Moves the time on (back if negative).
  public func advance(bySeconds seconds: Int64) { set(now().advanced(bySeconds: seconds)) }
}
