// Folding the log from some place on, with checkpoints on the way so that memory stays bounded.
// A long fold has two threads: one reads, checks and decompresses, the caller's folds.
import Base
public import Ledger

/// How far a fold has come.
public struct FoldProgress: Equatable, Sendable {
  /// The last event folded.
  public let sequence: SequenceNumber
  /// Where the fold began and where it will end.
  public let first: SequenceNumber
  public let last: SequenceNumber
}

struct Replay {
  /// Events between two checkpoints of a long fold, at most: what an interrupted start repeats.
  static let checkpointDistance: UInt64 = 10_000_000
  /// Cells of older days that may wait in memory for a checkpoint: some 40 MB.
  static let greatestOlderCells = 200_000
  /// Events between two calls of `progress`.
  static let progressDistance: UInt64 = 100_000

  let files: LedgerFiles
  /// Where checkpoints go; nil = nowhere: what a checkpoint would store stays in memory.
  let store: (any CheckpointStore)?
  var progress: (@Sendable (FoldProgress) -> Void)?
  /// Fewer events than this are not worth a second thread.
  var readAheadDistance: UInt64 = 50_000

  /// Folds everything up to `last` into the books.
  /// - Returns: how many events that were.
  func fold(
    _ books: inout Books, through last: SequenceNumber
  ) throws(LiveLedgerError) -> UInt64 {
    let first = books.nextSequence
    var course = Course(first: first, last: last, standing: books.lastSequence)
    if last.value >= first.value, last.value - first.value >= readAheadDistance {
      try foldAhead(&books, &course)
    } else {
      var reader = LedgerReader(files, from: first)
      while books.lastSequence < last {
        guard try Self.foldBlock(&reader, into: &books, through: last) else { break }
        try note(&books, &course)
      }
    }
    return books.nextSequence.value - first.value
  }

  /// Where a fold began, where it is to end, and what was stored and told of it.
  private struct Course {
    let first: SequenceNumber
    let last: SequenceNumber
    var stored: SequenceNumber
    var told: SequenceNumber

    init(first: SequenceNumber, last: SequenceNumber, standing: SequenceNumber) {
      self.first = first
      self.last = last
      stored = standing
      told = standing
    }
  }

  /// Folds here what another thread reads, checks and decompresses.
  private func foldAhead(
    _ books: inout Books, _ course: inout Course
  ) throws(LiveLedgerError) {
    let reading: ReadAhead
    do throws(SystemThread.StartError) {
      reading = try ReadAhead(files, from: course.first, through: course.last)
    } catch { throw .thread(error) }
    defer { reading.stop() }
    var chunk: RecordChunk?
    while books.lastSequence < course.last {
      let used = chunk
      chunk = nil
      do throws(LedgerError) { chunk = try reading.next(returning: used) } catch {
        throw .ledger(error)
      }
      guard let records = chunk else { break }
      try Self.fold(records.batch, into: &books, through: course.last)
      try note(&books, &course)
    }
  }

  /// After some events: stores and tells what is due.
  private func note(
    _ books: inout Books, _ course: inout Course
  ) throws(LiveLedgerError) {
    let now = books.lastSequence
    if now.value - course.stored.value >= Self.checkpointDistance
      || books.dailyCells.olderCount >= Self.greatestOlderCells
    {
      course.stored = now
      try checkpoint(&books)
    }
    if now.value - course.told.value >= Self.progressDistance || now == course.last {
      course.told = now
      progress?(FoldProgress(sequence: now, first: course.first, last: course.last))
    }
  }

  private static func foldBlock(
    _ reader: inout LedgerReader, into books: inout Books, through last: SequenceNumber
  ) throws(LiveLedgerError) -> Bool {
    guard let batch = try next(&reader) else { return false }
    try fold(batch, into: &books, through: last)
    return true
  }

  private static func fold(
    _ batch: consuming RecordBatch, into books: inout Books, through last: SequenceNumber
  ) throws(LiveLedgerError) {
    var batch = batch
    do throws(FoldFault) {
      if batch.last <= last {
        try books.apply(batch: batch)
      } else {
        while books.lastSequence < last, let record = batch.next() {
          try books.apply(record, sequence: batch.sequence)
        }
      }
    } catch { throw .fold(error) }
  }

  @_lifetime(&reader)
  private static func next(
    _ reader: inout LedgerReader
  ) throws(LiveLedgerError) -> RecordBatch? {
    do throws(LedgerError) { return try reader.next() } catch { throw .ledger(error) }
  }

  /// Stores the state where the fold stands.
  func checkpoint(_ books: inout Books) throws(LiveLedgerError) {
    guard let store else { return }
    let cut = books.cut()
    let header = try asLive { () throws(LedgerError) in
      try CheckpointHeader(files, at: cut.sequence)
    }
    try asLive { () throws(StoreError) in try store.commit(cut, header) }
  }
}

extension Books {
  /// Folds everything durable up to and with `last` that these books have not seen, for questions
  /// that no checkpoint answers: what one would store stays in memory.
  /// - Returns: how many events that were.
  @discardableResult
  public mutating func fold(
    _ files: LedgerFiles, through last: SequenceNumber
  ) throws(LiveLedgerError) -> UInt64 {
    try Replay(files: files, store: nil).fold(&self, through: last)
  }
}

extension CheckpointHeader {
  /// What a checkpoint at a durable sequence of this log states.
  init(_ files: LedgerFiles, at sequence: SequenceNumber) throws(LedgerError) {
    self.init(
      logID: files.identity.logID, epoch: files.identity.epoch, sequence: sequence,
      chain: try LedgerReader.chain(through: sequence, in: files),
      foldLevel: Books.foldLevel)
  }

  /// Why a stored state does not belong to this log as it stands; nil when it does.
  func mismatch(_ files: LedgerFiles) throws(LedgerError) -> String? {
    if logID != files.identity.logID { return "it belongs to another ledger" }
    if epoch > files.identity.epoch { return "it is of a later epoch than the ledger" }
    if sequence > files.durable { return "it stands at \(sequence), behind the ledger's end" }
    if foldLevel != Books.foldLevel { return "another version of daybook wrote it" }
    let chain = try LedgerReader.chain(through: sequence, in: files)
    return chain == self.chain ? nil : "its chain value is not the ledger's at \(sequence)"
  }
}
