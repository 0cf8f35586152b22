// rebuild: fold the whole log again beside the live state, compare, and put the result in its
// place.
//
// The checkpoint of the live state at S is compared with a second store folded from 1 to S: that
// covers everything, old days included. Then, under the lock of the books, the fold is finished
// with what happened since, compared once more, and takes the place of the live state.
import Ledger
import Base
import Synchronization

/// What a rebuild found.
public struct RebuildReport: Equatable, Sendable {
  /// Events folded.
  public let events: UInt64
  /// Where the folded state is not the live one; empty when they are equal, as they must be.
  public let differences: [String]
}

extension LiveLedger {
  /// Folds everything from sequence 1, compares with the live state and replaces it. Blocks the
  /// calling thread; the traffic goes on but for the last moments.
  public func rebuild(
    progress: (@Sendable (FoldProgress) -> Void)? = nil
  ) throws(LiveLedgerError) -> RebuildReport {
    try checkpointer.withStore { store, stands throws(LiveLedgerError) in
      let stores = checkpointer.stores
      let second = try asLive { () throws(StoreError) in try stores.makeSecond() }
      var fresh = Books()
      let replay = Replay(files: ledger.files, store: second, progress: progress)
      var events = try replay.fold(&fresh, through: stands)
      try replay.checkpoint(&fresh)
      var differences = try asLive { () throws(StoreError) in
        try storedDifferences(store, second)
      }
      try finish(&fresh, replay, &differences, &events)
      store = try asLive { () throws(StoreError) in
        try stores.replace(store, with: second)
      }
      checkpointer.noteReplaced(at: stands)
      return RebuildReport(events: events, differences: differences)
    }
  }

  private func storedDifferences(
    _ live: any CheckpointStore, _ rebuilt: any CheckpointStore
  ) throws(StoreError) -> [String] {
    guard let sequence = try live.header()?.sequence else { return [] }
    var (mine, theirs) = (Books(), Books())
    try mine.load(from: live, at: sequence)
    try theirs.load(from: rebuilt, at: sequence)
    var lines = mine.differences(from: &theirs).map { "stored \($0)" }
    let (a, b) = (try CellDigest(of: live), try CellDigest(of: rebuilt))
    lines += a.differences(from: b)
    return lines
  }

  /// Folds what happened since under the lock, compares, and replaces the live state.
  private func finish(
    _ fresh: inout Books, _ replay: Replay, _ differences: inout [String],
    _ events: inout UInt64
  ) throws(LiveLedgerError) {
    // Most of it without the lock.
    events += try replay.fold(&fresh, through: durable)
    var rebuilt = fresh
    var found: [String] = []
    var folded: UInt64 = 0
    try books.mutex.withLock { live throws(LiveLedgerError) in
      // What the writer has taken becomes durable without the lock; the rest is in the batch.
      let taken = SequenceNumber(live.batch.first.value - 1)
      try waitUnderLock(for: taken)
      folded = try replay.fold(&rebuilt, through: taken)
      let bytes = live.batch.bytes
      var batch = RecordBatch(bytes.span, first: live.batch.first, count: live.batch.count)
      do throws(FoldFault) {
        while let record = batch.next() {
          try rebuilt.apply(record, sequence: batch.sequence)
          folded += 1
        }
      } catch { throw LiveLedgerError.fold(error) }
      found = live.differences(from: &rebuilt)
      do throws(BooksError) { try live.replaceState(with: rebuilt) } catch {
        throw LiveLedgerError.refused(error)
      }
    }
    events += folded
    differences += found
  }
}

extension LiveLedger {
  /// Waits for what the writer has taken, without being called by it: another waiter's call could
  /// want the lock that is held here.
  private func waitUnderLock(for sequence: SequenceNumber) throws(LiveLedgerError) {
    let clock = SystemMonotonicClock()
    let pause = Doorbell()
    while durable < sequence {
      if let failure = ledger.durability.failure { throw .ledger(failure) }
      pause.wait(until: clock.now.advanced(milliseconds: 1))
    }
  }
}

/// A digest of the daily cells per day, for comparing stores that are larger than memory.
private struct CellDigest {
  private var days: [DayNumber: (count: Int, crc: CRC32C)] = [:]

  init(of store: any CheckpointStore) throws(StoreError) {
    var days = days
    try store.eachCell(from: DayNumber(.min)) { (cell: DailyCell) throws(StoreError) in
      var check: [UInt8] = []
      check.append(littleEndian: RowCheck.of(0, cell.values))
      days[cell.key.day, default: (0, CRC32C())].count += 1
      days[cell.key.day]?.crc.update(check)
    }
    self.days = days
  }

  func differences(from other: CellDigest) -> [String] {
    Set(days.keys).union(other.days.keys).sorted().compactMap { day in
      let (mine, theirs) = (days[day], other.days[day])
      if mine?.count == theirs?.count, mine?.crc == theirs?.crc { return nil }
      return "daily cells of day \(day.value): \(mine?.count ?? 0) against \(theirs?.count ?? 0)"
        + " cells, or other sums"
    }
  }
}
