// A bound on the bytes of all buffered request bodies together.

import Synchronization

/// Bytes that may be held in buffered bodies. Shared by all reactors.
public final class BodyBudget: Sendable {
  public let limit: Int
  private let used = Atomic<Int>(0)

  /// At most `limit` bytes at a time.
  public init(limit: Int) { self.limit = limit }
  /// Bytes reserved now.
  public var usedBytes: Int { used.load(ordering: .relaxed) }

  func reserve(_ bytes: Int) -> Bool {
    if used.add(bytes, ordering: .relaxed).newValue <= limit { return true }
    release(bytes)
    return false
  }
  /// Gives back what `readBody` reserved: the body's count of bytes.
  public func release(_ bytes: Int) { used.subtract(bytes, ordering: .relaxed) }
}

/// What one body has reserved; given back unless it is kept.
struct BodyReservation: ~Copyable {
  private let budget: BodyBudget?
  private var bytes = 0
  private var isKept = false

  init(_ budget: BodyBudget?) { self.budget = budget }
  deinit { if !isKept { budget?.release(bytes) } }

  mutating func grow(to count: Int) -> Bool {
    if count <= bytes { return true }
    guard budget?.reserve(count - bytes) ?? true else { return false }
    bytes = count
    return true
  }
  mutating func keep() { isKept = true }
}
