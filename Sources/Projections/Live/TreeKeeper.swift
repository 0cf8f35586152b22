// The thread that hashes the log behind the traffic and signs tree heads. It is not the keeper's: a
// long seal or a checkpoint must not make heads late.
import Base
import Ledger
import Synchronization

final class TreeKeeper: Sendable {
  /// How long a new event may wait to be looked at.
  private static let stepMilliseconds = 100
  /// Steps at the end, at most: a tree that is far behind is gone on with at the next start.
  private static let lastSteps = 8

  private let tree: TreeBuilder
  private let onTrouble: @Sendable (String) -> Void
  private let doorbell = Doorbell()
  private let isStopping = Atomic(false)
  private let thread = Mutex<SystemThread?>(nil)

  private init(_ tree: TreeBuilder, onTrouble: @escaping @Sendable (String) -> Void) {
    self.tree = tree
    self.onTrouble = onTrouble
  }

  static func start(
    _ tree: TreeBuilder, onTrouble: @escaping @Sendable (String) -> Void
  ) throws(LiveLedgerError) -> TreeKeeper {
    let keeper = TreeKeeper(tree, onTrouble: onTrouble)
    do throws(SystemThread.StartError) {
      let started = try SystemThread.start(name: "tree keeper") { keeper.run() }
      keeper.thread.withLock { $0 = started }
    } catch { throw .thread(error) }
    return keeper
  }

  private func run() {
    let clock = SystemMonotonicClock()
    var hasTold = false
    while !isStopping.load(ordering: .sequentiallyConsistent) {
      let hasMore = tree.step()
      if !hasTold, let problem = tree.status.problem {
        hasTold = true
        onTrouble("no tree head is signed any more: \(problem)")
      }
      if !hasMore { doorbell.wait(until: clock.now.advanced(milliseconds: Self.stepMilliseconds)) }
    }
    for _ in 0..<Self.lastSteps where !tree.step(signsNow: true) { return }
  }

  /// Signs what is durable, ends the thread and waits for it.
  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    doorbell.ring()
    thread.withLock { running in
      running?.join()
      running = nil
    }
  }
}
