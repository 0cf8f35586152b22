// Who waits for which event to be durable. Reactors leave a closure, which the writer's thread
// calls once; the command line blocks. When the log is poisoned, everyone learns it at once.
internal import Base
internal import Synchronization

/// What became of an event that somebody waited for.
public enum DurabilityResult: Equatable, Sendable {
  case durable
  /// The outcome is unknown, or the ledger was closed: nothing may be promised.
  case failed(LedgerError)
}

/// The log's durable end, and who waits for it to move.
public final class Durability: Sendable {
  private struct Waiter: Sendable {
    let sequence: SequenceNumber
    let since: MonotonicTime
    let resume: @Sendable (DurabilityResult) -> Void
  }
  private struct State {
    var waiting: [Waiter] = []
    /// A buffer to gather waiters in, kept from one commit to the next.
    var spare: [Waiter] = []
    var failure: LedgerError?
  }

  private let files: LedgerFiles
  private let clock: any MonotonicClock
  private let state = Mutex(State())
  /// Nanoseconds from `wait` to durable.
  public let waitTimes = LatencyHistogram()

  init(_ files: LedgerFiles, clock: any MonotonicClock) {
    self.files = files
    self.clock = clock
  }

  /// The greatest sequence number that is durable.
  public var last: SequenceNumber { files.durable }

  /// Why nothing can become durable any more; nil while all is well.
  public var failure: LedgerError? { state.withLock { $0.failure } }

  /// Calls `resume` once: at once on this thread when the event is durable already or never will
  /// be, else later on the writer's thread, which must not be kept.
  public func wait(
    for sequence: SequenceNumber, resume: @escaping @Sendable (DurabilityResult) -> Void
  ) {
    if sequence <= files.durable { return resume(.durable) }
    let waiter = Waiter(sequence: sequence, since: clock.now, resume: resume)
    let result: DurabilityResult? = state.withLock { state in
      if sequence <= files.durable { return .durable }
      if let failure = state.failure { return .failed(failure) }
      state.waiting.append(waiter)
      return nil
    }
    if let result { resume(result) }
  }

  /// Blocks the calling thread until the event is durable. Not for reactors.
  public func waitUntilDurable(_ sequence: SequenceNumber) throws(LedgerError) {
    let answer = Answer()
    wait(for: sequence) { answer.give($0) }
    if case .failed(let error) = answer.take() { throw error }
  }

  /// Makes everything up to `last` believed, then wakes who waited for it.
  func publish(_ last: SequenceNumber) {
    files.publish(last)
    var ready = state.withLock { state in
      var ready: [Waiter] = []
      swap(&ready, &state.spare)
      var kept = 0
      for index in state.waiting.indices {
        if state.waiting[index].sequence <= last {
          ready.append(state.waiting[index])
        } else {
          state.waiting.swapAt(kept, index)
          kept += 1
        }
      }
      state.waiting.removeLast(state.waiting.count - kept)
      return ready
    }
    if !ready.isEmpty {
      let now = clock.now
      waitTimes.record(ready.lazy.map { now.nanoseconds(since: $0.since) })
      for waiter in ready { waiter.resume(.durable) }
      ready.removeAll(keepingCapacity: true)
    }
    state.withLock { swap(&ready, &$0.spare) }
  }

  /// Nothing becomes durable any more. The first reason stays.
  func fail(_ error: LedgerError) {
    var left: [Waiter] = []
    state.withLock { state in
      if state.failure == nil { state.failure = error }
      swap(&left, &state.waiting)
    }
    files.fail(error)
    for waiter in left { waiter.resume(.failed(error)) }
  }
}

/// One result handed from one thread to another.
private final class Answer: Sendable {
  private let answer = Mutex<DurabilityResult?>(nil)
  private let doorbell = Doorbell()

  func give(_ result: DurabilityResult) {
    answer.withLock { $0 = result }
    doorbell.ring()
  }

  func take() -> DurabilityResult {
    while true {
      if let result = answer.withLock({ $0 }) { return result }
      doorbell.wait()
    }
  }
}
