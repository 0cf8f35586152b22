// The scheduler behind its lock: take it, ask, release it, then resume whom it named.
import Base
import HTTP
import Ledger
import Synchronization

/// Shared by all reactors.
final class SharedScheduler: Sendable {
  private let state = Mutex(Scheduler())

  func withLock<R: Sendable>(_ body: (inout Scheduler) -> sending R) -> R {
    state.withLock { body(&$0) }
  }

  func adopt(_ plans: [AccountPlan]) {
    for (account, waiters) in withLock({ $0.adopt(plans) }) {
      resume(waiters) { $0.releaseAccount(account) }
    }
  }

  /// Gives an account's slot back.
  func releaseAccount(_ id: AccountID) {
    resume(withLock { $0.releaseAccount(id) }) { $0.releaseAccount(id) }
  }

  /// Gives a user's slot back.
  func releaseUser(_ id: UserID) {
    resume(withLock { $0.releaseUser(id) }) { $0.releaseUser(id) }
  }

  /// Hands slots in the air to their waiters. One that has left hands its slot on to the next.
  private func resume(
    _ waiters: [Suspension], handingOn release: (inout Scheduler) -> [Suspension]
  ) {
    var waiters = waiters
    var next = 0
    while next < waiters.count {
      if !waiters[next].resume() { waiters += withLock { release(&$0) } }
      next += 1
    }
  }
}

/// A slot that is given back exactly once, whichever path releases it first.
final class SlotLease {
  private var giveBack: (() -> Void)?
  init(_ giveBack: @escaping () -> Void) { self.giveBack = giveBack }
  func release() {
    giveBack?()
    giveBack = nil
  }
  deinit { precondition(giveBack == nil, "a slot was not given back") }
}
