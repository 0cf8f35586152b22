// Counters side by side, for hot paths: adding is one atomic instruction, nothing is looked up.
internal import Synchronization

/// A fixed number of counters that any thread may add to.
@safe public final class CounterArray: @unchecked Sendable {
  private let cells: UnsafeMutablePointer<Atomic<Int64>>
  public let count: Int

  public init(count: Int) {
    self.count = count
    unsafe cells = .allocate(capacity: count)
    for index in 0..<count { unsafe (cells + index).initialize(to: Atomic(0)) }
  }
  deinit {
    unsafe cells.deinitialize(count: count)
    unsafe cells.deallocate()
  }

  /// Adds to a counter. Out of range is a bug of ours.
  public func add(_ amount: Int64, at index: Int) {
    precondition(index >= 0 && index < count, "no counter \(index)")
    unsafe cells[index].wrappingAdd(amount, ordering: .relaxed)
  }
  /// A recent value.
  public subscript(_ index: Int) -> Int64 {
    precondition(index >= 0 && index < count, "no counter \(index)")
    return unsafe cells[index].load(ordering: .relaxed)
  }
}
