// Compaction: neighbouring sealed segments that are small become one. The dense copy is sealing's,
// and so is the order on disk:
//
//   copy of all into NAME.tmp -> compare record by record -> sync -> rename over the first one
//   -> sync the directory -> remove the others -> sync the directory
//
// After a crash in between, segments stand here whose events the one before holds, too. They are
// passed over by every reader and removed by the next open for writing.
internal import Base
internal import Synchronization

extension Ledger {
  /// Joins the oldest neighbours that fit into one segment. For the keeper's thread; takes seconds.
  /// - Parameters:
  ///   - limit: bytes of a segment, as files.
  ///   - count: adds a record to the segment's control totals.
  /// - Returns: `.sealed` with the joined segment; there may be more.
  public func compactOnce(
    limit: Int, counting count: ControlTotalsCounter,
    isStopping: @Sendable () -> Bool = { false }
  ) throws(LedgerError) -> SealOutcome {
    try sealing.withLock { _ throws(LedgerError) in
      try join(limit: limit, counting: count, isStopping: isStopping)
    }
  }

  private func join(
    limit: Int, counting count: ControlTotalsCounter, isStopping: @Sendable () -> Bool
  ) throws(LedgerError) -> SealOutcome {
    let directory = files.directory
    let logID = files.identity.logID
    var run: [SequenceNumber] = []
    var bytes = 0
    // The open segment is never among them.
    for first in files.segments.dropLast() {
      let size = try io { () throws(FileError) in
        let file = try directory.files.open(directory.path(of: first), .read)
        return try SegmentFooter.read(file, of: logID) == nil ? nil : try file.size()
      }
      if let size, bytes + size <= limit {
        run.append(first)
        bytes += size
        continue
      }
      if run.count > 1 { break }
      run = size.map { $0 <= limit ? [first] : [] } ?? []
      bytes = run.isEmpty ? 0 : size ?? 0
    }
    guard run.count > 1 else { return .nothingToDo }
    let outcome = try directory.replace(
      run, of: logID, endingAt: .footer, counting: count, isStopping: isStopping)
    guard case .sealed = outcome else { return outcome }
    // Whoever looks now finds the joined one; who has an old file keeps it.
    files.forgetSegments(Array(run.dropFirst()))
    try directory.remove(run.dropFirst())
    return outcome
  }
}

extension LedgerDirectory {
  /// Segments without those whose events the sealed one before holds, and these.
  func withoutCovered(
    _ segments: [SequenceNumber], of logID: LogID
  ) throws(LedgerError) -> (kept: [SequenceNumber], covered: [SequenceNumber]) {
    var kept: [SequenceNumber] = []
    var covered: [SequenceNumber] = []
    var end = SequenceNumber.none
    for first in segments {
      if !kept.isEmpty, first <= end {
        covered.append(first)
        continue
      }
      kept.append(first)
      // Only a footer says where a segment ends; of the last one nothing is asked.
      guard first != segments.last else { continue }
      let footer = try io { () throws(FileError) in
        try SegmentFooter.read(try files.open(path(of: first), .read), of: logID)
      }
      if case .success(let footer)? = footer { end = footer.last } else { end = .none }
    }
    return (kept, covered)
  }

  func remove(_ segments: some Sequence<SequenceNumber>) throws(LedgerError) {
    try io { () throws(FileError) in
      for first in segments { try files.remove(path(of: first)) }
      try files.syncDirectory(self.segments)
    }
  }
}
