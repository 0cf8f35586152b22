// Checkpoints behind the traffic: a consistent cut in small steps under the lock of the books,
// then, without it, wait until the cut's last event is durable, and store it in one transaction.
import Base
import Ledger
import Synchronization

/// How the read model stands.
struct CheckpointState: Sendable {
  /// The last event stored.
  var sequence = SequenceNumber.none
  /// Why the last attempt failed; nil when it did not.
  var problem: String?
}

final class Checkpointer: Sendable {
  let ledger: Ledger
  let shared: SharedBooks
  let stores: any CheckpointStores

  private struct Work: Sendable {
    var store: any CheckpointStore
    /// A cut whose commit failed: it goes first, since later cuts build on it.
    var unfinished: (cut: Cut, header: CheckpointHeader)?
    /// A cut was lost: the stored state stays where it is, the next start folds from there.
    var isLost = false
    var isClosed = false
  }
  /// Held during a whole checkpoint or rebuild; never together with a wait for the books' users.
  private let work: Mutex<Work>
  private let status: Mutex<CheckpointState>

  init(
    _ ledger: Ledger, _ shared: SharedBooks, _ stores: any CheckpointStores,
    _ store: any CheckpointStore
  ) {
    self.ledger = ledger
    self.shared = shared
    self.stores = stores
    work = Mutex(Work(store: store))
    let header = try? store.header()
    status = Mutex(CheckpointState(sequence: header?.sequence ?? .none))
  }

  var state: CheckpointState { status.withLock { $0 } }

  /// Stores the state as of now. Does nothing when nothing happened since the last time.
  func checkpoint() throws(LiveLedgerError) {
    try work.withLock { work throws(LiveLedgerError) in try checkpoint(&work) }
  }

  private func checkpoint(_ work: inout Work) throws(LiveLedgerError) {
    if work.isClosed || work.isLost { return }
    do throws(LiveLedgerError) {
      if let (cut, header) = work.unfinished {
        try asLive { () throws(StoreError) in try work.store.commit(cut, header) }
        work.unfinished = nil
        note(cut.sequence)
      }
      if shared.mutex.withLock({ $0.lastSequence }) == state.sequence { return }
      let cut = takeCut()
      let header: CheckpointHeader
      do throws(LedgerError) {
        try ledger.durability.waitUntilDurable(cut.sequence)
        header = try CheckpointHeader(ledger.files, at: cut.sequence)
      } catch {
        work.isLost = true
        throw .ledger(error)
      }
      work.unfinished = (cut, header)
      try asLive { () throws(StoreError) in try work.store.commit(cut, header) }
      work.unfinished = nil
      note(cut.sequence)
    } catch {
      status.withLock { $0.problem = "\(error)" }
      throw error
    }
  }

  private func note(_ sequence: SequenceNumber) {
    status.withLock { $0 = CheckpointState(sequence: sequence, problem: nil) }
  }

  /// Takes a cut in steps: between two of them the books are free.
  private func takeCut() -> Cut {
    let begun = shared.mutex.withLock { $0.beginCut() }
    while !shared.mutex.withLock({ $0.continueCut() }) {}
    return shared.mutex.withLock { $0.takeCut(begun) }.encoded
  }

  /// One round behind the traffic. Checkpoints pause while the disk is short of space.
  func keep() {
    if ledger.wantsPreparing { _ = try? ledger.prepareAhead() }
    if ledger.canAdmit(openRequests: 0) { try? checkpoint() }
  }

  /// The last checkpoint. A failure is no reason not to close: the log has everything.
  func checkpointBeforeClosing() { try? checkpoint() }

  func close() {
    work.withLock {
      $0.isClosed = true
      $0.store.close()
    }
  }

  /// Reads the store while it stands still. What is not stored yet is, first.
  /// - Parameter look: takes what is needed from memory; nil while something waits to be stored.
  func read<Seen, Value: Sendable>(
    _ look: () -> Seen?,
    _ body: (Seen, any CheckpointStore) throws(LiveLedgerError) -> Value
  ) throws(LiveLedgerError) -> Value {
    try work.withLock { work throws(LiveLedgerError) -> Value in
      // A day may turn between a checkpoint and the next look: once more.
      for _ in 0..<3 {
        if work.isLost || work.isClosed { break }
        if work.unfinished == nil, let seen = look() {
          return try body(seen, work.store)
        }
        try checkpoint(&work)
      }
      throw .store(.failed(operation: "reading", code: 0, message: "it is behind the log"))
    }
  }

  /// Runs `body` with the store to itself; checkpoints wait meanwhile. `body` may replace the
  /// store.
  /// - Parameter body: gets the store after a checkpoint, and the sequence it stands at.
  func withStore<Value: Sendable>(
    _ body: (inout any CheckpointStore, SequenceNumber) throws(LiveLedgerError) -> Value
  ) throws(LiveLedgerError) -> Value {
    try work.withLock { work throws(LiveLedgerError) in
      try checkpoint(&work)
      return try body(&work.store, state.sequence)
    }
  }
  /// After a rebuild replaced the store.
  func noteReplaced(at sequence: SequenceNumber) { note(sequence) }
}
