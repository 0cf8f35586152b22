// The monotonic clock: what deadlines, timers and durations are measured by. It never goes back and
// says nothing about the time of day. It is a parameter everywhere, so that tests move it by hand.

import Glibc
import Synchronization

/// A point on the monotonic clock: nanoseconds since an arbitrary start.
public struct MonotonicTime: Comparable, Hashable, Sendable {
  public let nanoseconds: Int64
  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// A deadline that never passes.
  public static var never: MonotonicTime { MonotonicTime(nanoseconds: .max) }

  public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

  /// This point moved by `nanoseconds` (may be negative); stops at the ends of the range.
  public func advanced(nanoseconds: Int64) -> MonotonicTime {
    let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
    if overflow { return MonotonicTime(nanoseconds: nanoseconds > 0 ? .max : .min) }
    return MonotonicTime(nanoseconds: sum)
  }
  /// This point moved by `milliseconds`; stops at the ends of the range.
  public func advanced(milliseconds: Int) -> MonotonicTime {
    let (n, overflow) = Int64(milliseconds).multipliedReportingOverflow(by: 1_000_000)
    return advanced(nanoseconds: overflow ? (milliseconds > 0 ? .max : .min) : n)
  }
  /// This point moved by `seconds`; stops at the ends of the range.
  public func advanced(seconds: Int) -> MonotonicTime {
    let (n, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return advanced(nanoseconds: overflow ? (seconds > 0 ? .max : .min) : n)
  }
  /// Nanoseconds from `earlier` to this point; stops at the ends of the range.
  public func nanoseconds(since earlier: MonotonicTime) -> Int64 {
    let (n, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
    return overflow ? (nanoseconds > earlier.nanoseconds ? .max : .min) : n
  }
}

/// Where deadlines come from.
public protocol MonotonicClock: Sendable {
  var now: MonotonicTime { get }
  /// Asks to be told when the clock was moved by hand; a clock that runs by itself ignores it.
  func whenMoved(_ wake: @escaping @Sendable () -> Void)
}

/// CLOCK_MONOTONIC of the kernel.
public struct SystemMonotonicClock: MonotonicClock {
  public init() {}
  public var now: MonotonicTime {
    var t = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &t)
    return MonotonicTime(nanoseconds: Int64(t.tv_sec) &* 1_000_000_000 &+ Int64(t.tv_nsec))
  }
  public func whenMoved(_ wake: @escaping @Sendable () -> Void) {}
}

/// A clock that stands still until a test moves it.
public final class ManualMonotonicClock: MonotonicClock {
  private struct State {
    var now: MonotonicTime
    var wakers: [@Sendable () -> Void] = []
  }
  private let state: Mutex<State>

  public init(start: MonotonicTime = MonotonicTime(nanoseconds: 1_000_000_000)) {
    state = Mutex(State(now: start))
  }
  public var now: MonotonicTime { state.withLock { $0.now } }

  /// Moves the clock forward and wakes everyone who waits by it.
  public func advance(milliseconds: Int) {
    precondition(milliseconds >= 0, "a monotonic clock never goes back")
    let wakers = state.withLock { state in
      state.now = state.now.advanced(milliseconds: milliseconds)
      return state.wakers
    }
    for wake in wakers { wake() }
  }
  public func whenMoved(_ wake: @escaping @Sendable () -> Void) {
    state.withLock { $0.wakers.append(wake) }
  }
}
