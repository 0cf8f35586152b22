// The one primitive that waits for another thread: a slot, a durable record, a computed answer.
//
//   idle ---resume---> settled(.resumed)            (a resume before the wait counts)
//   idle ---wait-----> waiting ---resume---> settled(.resumed)
//                      waiting ---timer----> settled(.timedOut)
//                      waiting ---left-----> settled(.callerGone)
//                      waiting ---pause----> idle       (the waiter does something, waits on)
//
// The change of state under the lock decides who wins; the continuation only carries the answer. So
// `resume` knows whether the waiter got it: false means it had gone, and what was to be handed over
// (a slot) must go to the next one.

public import Base
import Synchronization

/// Waits once, resumable from any thread, once.
@safe public final class Suspension: Sendable {
  /// How a wait ended.
  public enum Outcome: Sendable {
    case resumed, timedOut, callerGone
    /// The moment to pause has come, nothing else: nothing is decided, `wait` again.
    case paused
  }
  @safe private enum State: @unchecked Sendable {
    case idle
    case waiting(UnsafeContinuation<Outcome, Never>)
    case settled(Outcome)
  }
  private let state = Mutex(State.idle)

  public init() {}

  /// Ends the wait, from any thread. True: this call did it, the waiter sees `.resumed`.
  @discardableResult
  public func resume() -> Bool { settle(.resumed) }

  /// Waits until `resume`, until the reactor's clock passes `deadline`, or until the caller leaves.
  /// Call it on the client's reactor, by one task; again only after it was paused.
  /// - Parameter pause: when to come back in between with `.paused`; never by default.
  public func wait(
    until deadline: MonotonicTime, on client: Client, pausingAt pause: MonotonicTime = .never
  ) async -> Outcome {
    await wait(until: deadline, pause, reactor: client.reactor, connection: client.connection)
  }
  /// The same for work that no caller waits for.
  public func wait(until deadline: MonotonicTime, on reactor: Reactor) async -> Outcome {
    await wait(until: deadline, .never, reactor: reactor, connection: nil)
  }

  private func wait(
    until deadline: MonotonicTime, _ pause: MonotonicTime, reactor: Reactor,
    connection: Connection?
  ) async -> Outcome {
    precondition(reactor.isCurrent, "a suspension is waited for on the reactor")
    if let connection, connection.isGone { settle(.callerGone) }
    if deadline <= reactor.now { settle(.timedOut) }
    if case .settled(let outcome) = state.withLock({ $0 }) { return outcome }
    if pause <= reactor.now { return .paused }

    let observer = SuspensionObserver(self)
    connection?.observers.append(observer)
    let pauses = pause < deadline
    let timer = ReactorTimer { [unowned self] in
      if pauses { self.pause() } else { settle(.timedOut) }
    }
    if min(pause, deadline) != .never { reactor.timers.arm(timer, min(pause, deadline)) }
    let outcome = unsafe await withUnsafeContinuation {
      (waiter: UnsafeContinuation<Outcome, Never>) in
      unsafe park(waiter)
    }
    reactor.timers.remove(timer)
    connection?.removeObserver(observer)
    return outcome
  }
  private func park(_ waiter: UnsafeContinuation<Outcome, Never>) {
    let settled: Outcome? = state.withLock { state in
      switch state {
      case .idle:
        unsafe state = .waiting(waiter)
        return nil
      case .settled(let outcome): return outcome
      case .waiting: preconditionFailure("a suspension is waited for once")
      }
    }
    if let settled { unsafe waiter.resume(returning: settled) }
  }
  /// Lets the waiter go without a decision: a resume may still come, and counts.
  private func pause() {
    let waiter = state.withLock { state -> State in
      let before = state
      if case .waiting = before { state = .idle }
      return before
    }
    if case .waiting(let continuation) = waiter {
      unsafe continuation.resume(returning: .paused)
    }
  }
  @discardableResult
  fileprivate func settle(_ outcome: Outcome) -> Bool {
    let before = state.withLock { state in
      let before = state
      if case .settled = before {} else { state = .settled(outcome) }
      return before
    }
    switch before {
    case .settled: return false
    case .idle: return true
    case .waiting(let waiter):
      unsafe waiter.resume(returning: outcome)
      return true
    }
  }
}

private final class SuspensionObserver: DepartureObserver {
  private let suspension: Suspension
  init(_ suspension: Suspension) { self.suspension = suspension }
  func callerLeft() { suspension.settle(.callerGone) }
}
