// DATA/snapshots/SEQUENCE.lz4: the state as it stood every 2.5 million events, so that no
// question to history folds more than that many. Derived: missing, damaged or foreign ones are made
// again from the log.
import Base
public import Ledger

/// The snapshots of a ledger.
public struct Snapshots: Sendable {
  /// Events between two snapshots: a fold of so many takes about a third of a second.
  public static let distance: UInt64 = 2_500_000

  private let files: LedgerFiles
  let distance: UInt64
  private var directory: String { files.directory.snapshots }

  /// - Parameter distance: events between two; tests choose few.
  public init(_ files: LedgerFiles, distance: UInt64 = Snapshots.distance) {
    self.files = files
    self.distance = max(1, distance)
  }

  /// The last event at or before `sequence` that has a snapshot, made or not.
  func place(before sequence: SequenceNumber) -> SequenceNumber {
    SequenceNumber(sequence.value / distance * distance)
  }

  /// Where snapshots are, ascending.
  public var stored: [SequenceNumber] {
    let names = (try? files.directory.files.list(directory)) ?? []
    return names.compactMap { name in
      guard name.hasSuffix(".lz4"), let value = UInt64(name.dropLast(4)), value > 0 else {
        return nil
      }
      return SequenceNumber(value)
    }.sorted()
  }

  private func path(_ sequence: SequenceNumber) -> String {
    let digits = "\(sequence)"
    return directory + "/" + String(repeating: "0", count: max(0, 20 - digits.count)) + digits
      + ".lz4"
  }

  /// The newest state that a snapshot holds at or before `sequence`; nil when there is none.
  public func newest(through sequence: SequenceNumber) -> Books? {
    for place in stored.reversed() where place <= sequence {
      if let books = try? load(place) { return books }
    }
    return nil
  }

  /// - Throws: when it does not belong to the log, or is damaged.
  func load(_ sequence: SequenceNumber) throws(StoreError) -> Books {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try files.directory.files.readFile(path(sequence)) } catch {
      throw .failed(operation: "reading \(path(sequence))", code: 0, message: "\(error)")
    }
    var reader = try SnapshotReader(bytes)
    let header = try reader.header()
    guard header.sequence == sequence else { throw .damaged("it is another event's snapshot") }
    let mismatch: String?
    do throws(LedgerError) { mismatch = try header.mismatch(files) } catch {
      throw .damaged("it cannot be compared with the log: \(error)")
    }
    if let mismatch { throw .damaged(mismatch) }
    return try Books(snapshot: &reader, at: sequence)
  }

  /// Keeps the state as it stands. What a checkpoint stores of older days is not in it.
  func store(_ books: inout Books) throws(LiveLedgerError) {
    let header = try asLive { () throws(LedgerError) in
      try CheckpointHeader(files, at: books.lastSequence)
    }
    let bytes = books.snapshot(header)
    try asLive { () throws(LedgerError) in
      do throws(FileError) {
        let system = files.directory.files
        if try system.status(of: directory) == nil { try system.makeDirectory(directory) }
        try system.replaceFile(path(books.lastSequence), in: directory, with: bytes)
      } catch { throw .file(error) }
    }
  }

  // MARK: - The state at any event

  /// The state as it stood after an event: the newest snapshot before it and the events between.
  /// Snapshots that are missing on the way are kept; where that fails, nothing is lost but time.
  /// - Parameters:
  ///   - sequence: durable.
  ///   - isStopped: asked now and then; true ends the fold early.
  public func books(
    at sequence: SequenceNumber, progress: (@Sendable (FoldProgress) -> Void)? = nil,
    isStopped: () -> Bool = { false }
  ) throws(LiveLedgerError) -> Books {
    var books = newest(through: sequence) ?? Books()
    try fold(&books, through: sequence, progress: progress, isStopped: isStopped)
    return books
  }

  /// Goes on with books that stand somewhere before, as `books(at:)` does.
  func fold(
    _ books: inout Books, through sequence: SequenceNumber,
    progress: (@Sendable (FoldProgress) -> Void)?, isStopped: () -> Bool = { false }
  ) throws(LiveLedgerError) {
    let first = books.nextSequence
    let replay = Replay(
      files: files, store: nil,
      progress: progress.map { progress in
        { @Sendable in
          progress(FoldProgress(sequence: $0.sequence, first: first, last: sequence))
        }
      })
    while books.lastSequence < sequence, !isStopped() {
      let next = SequenceNumber((books.lastSequence.value / distance + 1) * distance)
      let folded = try replay.fold(&books, through: min(next, sequence))
      if folded == 0 { break }
      books.forgetOlderCells()
      if books.lastSequence == next { try? store(&books) }
    }
    do throws(BooksError) { try books.adoptZone() } catch { throw .refused(error) }
  }
}

extension Books {
  /// Cells of days that left memory: only a checkpoint keeps them.
  mutating func forgetOlderCells() { _ = dailyCells.takeOlder() }

  mutating func snapshot(_ header: CheckpointHeader) -> [UInt8] {
    var writer = SnapshotWriter()
    writer.header(header)
    noteScalars()
    do { try visitTables(&writer) } catch { preconditionFailure("\(error)") }
    writer.rows(DailyCell.table, dailyCells.cells.occupied)
    return writer.finish()
  }

  init(
    snapshot reader: inout SnapshotReader, at sequence: SequenceNumber
  ) throws(StoreError) {
    self.init()
    try visitTables(&reader)
    try finishLoading(at: sequence) { (_, load) throws(StoreError) in
      try reader.rows { (_: Int, cell: DailyCell) throws(StoreError) in load(cell) }
    }
    try reader.finish()
  }
}
