// Folding the log from some place on, with checkpoints on the way so that memory stays bounded.
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
  /// Events between two checkpoints of a long fold.
  static let checkpointDistance: UInt64 = 1_000_000
  /// Events between two calls of `progress`.
  static let progressDistance: UInt64 = 100_000

  let files: LedgerFiles
  let store: any CheckpointStore
  var progress: (@Sendable (FoldProgress) -> Void)?

  /// Folds everything up to `last` into the books.
  /// - Returns: how many events that were.
  func fold(
    _ books: inout Books, through last: SequenceNumber
  ) throws(LiveLedgerError) -> UInt64 {
    let first = books.nextSequence
    var reader = LedgerReader(files, from: first)
    var stored = books.lastSequence
    var told = books.lastSequence
    while books.lastSequence < last {
      guard try Self.foldBlock(&reader, into: &books, through: last) else { break }
      let now = books.lastSequence
      if now.value - stored.value >= Self.checkpointDistance {
        stored = now
        try checkpoint(&books)
      }
      if now.value - told.value >= Self.progressDistance || now == last {
        told = now
        progress?(FoldProgress(sequence: now, first: first, last: last))
      }
    }
    return books.nextSequence.value - first.value
  }

  private static func foldBlock(
    _ reader: inout LedgerReader, into books: inout Books, through last: SequenceNumber
  ) throws(LiveLedgerError) -> Bool {
    guard var batch = try next(&reader) else { return false }
    do throws(FoldFault) {
      if batch.last <= last {
        try books.apply(batch: batch)
      } else {
        while books.lastSequence < last, let record = batch.next() {
          try books.apply(record, sequence: batch.sequence)
        }
      }
    } catch { throw .fold(error) }
    return true
  }

  @_lifetime(&reader)
  private static func next(
    _ reader: inout LedgerReader
  ) throws(LiveLedgerError) -> RecordBatch? {
    do throws(LedgerError) { return try reader.next() } catch { throw .ledger(error) }
  }

  /// Stores the state where the fold stands.
  func checkpoint(_ books: inout Books) throws(LiveLedgerError) {
    let cut = books.cut()
    let header = try asLive { () throws(LedgerError) in
      try CheckpointHeader(files, at: cut.sequence)
    }
    try asLive { () throws(StoreError) in try store.commit(cut, header) }
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
