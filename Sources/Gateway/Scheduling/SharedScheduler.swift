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
    for waiter in withLock({ $0.adopt(plans) }) { waiter.resume() }
  }

  /// Gives an account's slot back. A waiter that has left hands it on to the next.
  func releaseAccount(_ id: AccountID) {
    while let next = withLock({ $0.releaseAccount(id) }) {
      if next.resume() { return }
    }
  }

  /// Gives a user's slot back.
  func releaseUser(_ id: UserID) {
    while let next = withLock({ $0.releaseUser(id) }) {
      if next.resume() { return }
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
