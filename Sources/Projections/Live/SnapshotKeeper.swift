// The thread that makes snapshots behind the traffic: it folds the log by itself, up to what is
// durable, and never asks for the lock of the books.
import Base
import Ledger
import Synchronization

final class SnapshotKeeper: Sendable {
  private static let stepMilliseconds = 1000

  private let snapshots: Snapshots
  private let files: LedgerFiles
  private let doorbell = Doorbell()
  private let isStopping = Atomic(false)
  private let thread = Mutex<SystemThread?>(nil)

  private init(_ files: LedgerFiles, _ snapshots: Snapshots) {
    self.files = files
    self.snapshots = snapshots
  }

  static func start(
    _ files: LedgerFiles, _ snapshots: Snapshots
  ) throws(LiveLedgerError) -> SnapshotKeeper {
    let keeper = SnapshotKeeper(files, snapshots)
    do throws(SystemThread.StartError) {
      let started = try SystemThread.start(name: "snapshots") { keeper.run() }
      keeper.thread.withLock { $0 = started }
    } catch { throw .thread(error) }
    return keeper
  }

  private func run() {
    let clock = SystemMonotonicClock()
    // What could not be kept (no room, damage) is not tried again until the next place is reached.
    var tried = SequenceNumber.none
    while !isStopping.load(ordering: .sequentiallyConsistent) {
      let place = snapshots.place(before: files.durable)
      if place > tried {
        tried = place
        step(to: place)
      }
      doorbell.wait(until: clock.now.advanced(milliseconds: Self.stepMilliseconds))
    }
  }

  /// Makes what is missing up to a place.
  private func step(to place: SequenceNumber) {
    if let newest = snapshots.stored.last, newest >= place, (try? snapshots.load(place)) != nil {
      return
    }
    _ = try? snapshots.books(at: place, isStopped: { self.isStopping.load(ordering: .relaxed) })
  }

  /// Ends the thread and waits for it: at most the fold of one distance.
  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    doorbell.ring()
    thread.withLock { running in
      running?.join()
      running = nil
    }
  }
}
