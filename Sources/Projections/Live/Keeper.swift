// The thread behind the traffic: space ahead of the log ten times a second when wanted, a
// checkpoint once a second.
import Base
import Ledger
import Synchronization

final class Keeper: Sendable {
  private static let stepMilliseconds = 100
  private static let stepsPerCheckpoint = 10

  private let checkpointer: Checkpointer
  private let sealer: Sealer
  private let onTrouble: @Sendable (String) -> Void
  private let doorbell = Doorbell()
  private let isStopping = Atomic(false)
  private let thread = Mutex<SystemThread?>(nil)

  private init(
    _ checkpointer: Checkpointer, _ sealer: Sealer,
    onTrouble: @escaping @Sendable (String) -> Void
  ) {
    self.checkpointer = checkpointer
    self.sealer = sealer
    self.onTrouble = onTrouble
  }

  static func start(
    _ checkpointer: Checkpointer, _ sealer: Sealer,
    onTrouble: @escaping @Sendable (String) -> Void
  ) throws(LiveLedgerError) -> Keeper {
    let keeper = Keeper(checkpointer, sealer, onTrouble: onTrouble)
    do throws(SystemThread.StartError) {
      let started = try SystemThread.start(name: "keeper") { keeper.run() }
      keeper.thread.withLock { $0 = started }
    } catch { throw .thread(error) }
    return keeper
  }

  private func run() {
    let clock = SystemMonotonicClock()
    var watch = TroubleWatch(checkpointer, sealer, report: onTrouble)
    var step = 0
    while !isStopping.load(ordering: .sequentiallyConsistent) {
      doorbell.wait(until: clock.now.advanced(milliseconds: Self.stepMilliseconds))
      step += 1
      if step % Self.stepsPerCheckpoint == 0 {
        checkpointer.keep()
        sealer.seal { self.isStopping.load(ordering: .relaxed) }
      } else if checkpointer.ledger.wantsPreparing {
        _ = try? checkpointer.ledger.prepareAhead()
      }
      watch.look(openRequests: checkpointer.shared.mutex.withLock { $0.openRequests.openCount })
    }
  }

  /// Ends the thread and waits for it.
  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    doorbell.ring()
    thread.withLock { running in
      running?.join()
      running = nil
    }
  }
}
