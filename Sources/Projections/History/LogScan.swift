// Reads a part of the log on several threads, for sums whose order does not matter. Each thread
// takes the next piece of sequence numbers, reads, checks and decompresses it by itself, and adds
// up in a part of its own; the parts are merged by the caller.
public import Base
public import Ledger
import Synchronization

/// What one thread of a scan adds up.
public protocol LogScanPart: Sendable {
  /// Takes one record. Records come in ascending order within a piece, pieces in any order.
  mutating func take(_ record: RecordView, sequence: SequenceNumber) throws(FoldFault)
}

public enum LogScan {
  /// Events of a piece: some 30 MB of records.
  private static let pieceEvents: UInt64 = 250_000

  /// Scans `first ... last`.
  /// - Parameters:
  ///   - threads: at most so many; a short range takes fewer.
  ///   - part: what each thread begins with.
  ///   - progress: told on any thread how many events are done, and of how many.
  /// - Returns: one part for each thread, in no order.
  public static func run<Part: LogScanPart>(
    _ files: LedgerFiles, from first: SequenceNumber, through last: SequenceNumber,
    threads: Int = ProcessFacts.cores, part: Part,
    progress: (@Sendable (_ done: UInt64, _ total: UInt64) -> Void)? = nil
  ) throws(LiveLedgerError) -> [Part] {
    guard first <= last else { return [part] }
    let total = last.value - first.value + 1
    let pieces = (total + pieceEvents - 1) / pieceEvents
    let shared = Shared<Part>(files, first, last, pieces, progress)
    let count = max(1, min(threads, Int(clamping: pieces)))
    var running: [SystemThread] = []
    for _ in 1..<max(count, 1) {
      // Without another thread this one does its pieces, too.
      guard let thread = try? SystemThread.start(name: "scan", { shared.work(part) }) else { break }
      running.append(thread)
    }
    shared.work(part)
    for thread in running { thread.join() }
    return try shared.result()
  }

  private final class Shared<Part: LogScanPart>: Sendable {
    private let files: LedgerFiles
    private let first: SequenceNumber
    private let last: SequenceNumber
    private let pieces: UInt64
    private let progress: (@Sendable (UInt64, UInt64) -> Void)?
    private let next = Atomic<UInt64>(0)
    private let done = Atomic<UInt64>(0)
    private let isFailed = Atomic(false)
    private let outcome = Mutex<(parts: [Part], failure: LiveLedgerError?)>(([], nil))

    init(
      _ files: LedgerFiles, _ first: SequenceNumber, _ last: SequenceNumber, _ pieces: UInt64,
      _ progress: (@Sendable (UInt64, UInt64) -> Void)?
    ) {
      self.files = files
      self.first = first
      self.last = last
      self.pieces = pieces
      self.progress = progress
    }

    func work(_ empty: Part) {
      var part = empty
      do throws(LiveLedgerError) {
        while !isFailed.load(ordering: .relaxed) {
          let piece = next.add(1, ordering: .relaxed).oldValue
          guard piece < pieces else { break }
          let start = first.value + piece * LogScan.pieceEvents
          let end = min(last.value, start + LogScan.pieceEvents - 1)
          try LogScan.read(files, SequenceNumber(start), SequenceNumber(end), into: &part)
          let count = done.add(end - start + 1, ordering: .relaxed).newValue
          progress?(count, last.value - first.value + 1)
        }
        outcome.withLock { $0.parts.append(part) }
      } catch {
        isFailed.store(true, ordering: .relaxed)
        outcome.withLock { $0.failure = $0.failure ?? error }
      }
    }

    func result() throws(LiveLedgerError) -> [Part] {
      let (parts, failure) = outcome.withLock { $0 }
      if let failure { throw failure }
      return parts
    }
  }

  private static func read<Part: LogScanPart>(
    _ files: LedgerFiles, _ first: SequenceNumber, _ last: SequenceNumber, into part: inout Part
  ) throws(LiveLedgerError) {
    var reader = LedgerReader(files, from: first)
    while reader.position <= last {
      guard try takeBlock(&reader, through: last, into: &part) else { return }
    }
  }

  private static func takeBlock<Part: LogScanPart>(
    _ reader: inout LedgerReader, through last: SequenceNumber, into part: inout Part
  ) throws(LiveLedgerError) -> Bool {
    guard var batch = try next(&reader) else { return false }
    do throws(FoldFault) {
      while let record = batch.next() {
        if batch.sequence > last { break }
        try part.take(record, sequence: batch.sequence)
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
}
