// Upkeep of a ledger that may be serving: its segments are joined. The traffic goes on meanwhile.
import Base
import Ledger

/// What a compaction did.
public struct CompactionReport: Equatable, Sendable {
  public var segmentsBefore = 0
  public var segmentsAfter = 0
  public var bytesBefore = 0
  public var bytesAfter = 0
  /// The disk had no room for a copy: what was done by then stays done.
  public var isOutOfRoom = false
}

extension LiveLedger {
  /// Seals every segment but the open one, then joins neighbours that fit into one.
  /// - Parameter progress: told the segments done and those there were.
  public func compact(
    progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws(LiveLedgerError) -> CompactionReport {
    var report = CompactionReport()
    report.segmentsBefore = files.segments.count
    report.bytesBefore = segmentBytes
    let total = UInt64(report.segmentsBefore)
    var done: UInt64 = 0
    try asLive { () throws(LedgerError) in
      steps: while true {
        var outcome = try ledger.sealIfNeeded(counting: Sealer.count)
        if outcome == .nothingToDo {
          outcome = try ledger.compactOnce(limit: ledger.segmentBytes, counting: Sealer.count)
        }
        switch outcome {
        case .sealed:
          done += 1
          progress(min(done, total), total)
        case .noRoom:
          report.isOutOfRoom = true
          break steps
        case .nothingToDo, .stopped: break steps
        }
      }
    }
    report.segmentsAfter = files.segments.count
    report.bytesAfter = segmentBytes
    return report
  }

  /// Bytes of all segment files; what cannot be asked counts nothing.
  private var segmentBytes: Int {
    let folder = files.directory.path + "/segments/"
    let names = (try? files.directory.files.list(folder)) ?? []
    return names.reduce(0) {
      $0 + ((try? files.directory.files.status(of: folder + $1)?.size) ?? 0)
    }
  }

  /// Appends what a command did to the files while the ledger was closed.
  static func event(of note: PendingNote, epoch: UInt64) -> any RecordPayload {
    switch note.kind {
    case .repaired:
      var event = Repaired()
      event.first = note.first
      event.offset = note.offset
      event.length = note.length
      event.segment = note.segment
      event.kept = note.kept
      event.authorship = note.authorship
      return event
    case .restored:
      var event = LedgerRestored()
      event.epoch = epoch
      event.last = note.first
      event.authorship = note.authorship
      return event
    }
  }
}
