// What `repair` would do, found without changing anything: the longest run of whole events from the
// first on is kept, everything behind it is cut. A footer that does not fit is cut by itself: its
// segment is sealed anew.
internal import Base

public struct RepairPlan: Equatable, Sendable {
  /// Bytes to be removed from the log and kept in cut/.
  public struct Cut: Equatable, Sendable {
    /// The segment's first sequence.
    public let segment: SequenceNumber
    /// Bytes from the start of the file; 0 = the whole file.
    public let offset: Int
    public let byteCount: Int
  }
  /// The last event that stays.
  public internal(set) var keeps = SequenceNumber.none
  /// In the order of the log.
  public internal(set) var cuts: [Cut] = []
  /// What is wrong, in the order of the log.
  public internal(set) var damages: [Damage] = []
  /// The greatest sequence that anything in the directory proves to have been written: headers in
  /// what is cut, the read model, the signed heads.
  public internal(set) var written = SequenceNumber.none
  /// The greatest sequence that is proven to have been acknowledged.
  public internal(set) var confirmed = SequenceNumber.none
  /// Events that the last signed head covers.
  public internal(set) var signed: UInt64 = 0

  /// Events that are lost by it.
  public var lostEvents: UInt64 {
    max(written, confirmed).value - min(keeps, max(written, confirmed)).value
  }
  /// Whether signed heads cover events that are lost: then the tree ends, and another begins under
  /// another name and key.
  public var endsTree: Bool { signed > keeps.value }
  public var isNeeded: Bool { !cuts.isEmpty || lostEvents > 0 }
}

extension RepairPlan {
  /// Looks at a directory. The caller holds its lock.
  /// - Parameter confirmed: the greatest sequence known to have been acknowledged.
  public init(
    _ directory: LedgerDirectory, of logID: LogID, confirmed: SequenceNumber
  ) throws(LedgerError) {
    self.confirmed = confirmed
    signed = try TreeBuilder.confirmed(in: directory).value
    written = max(confirmed, SequenceNumber(signed))
    let all = try io { () throws(FileError) in try directory.listSegments() }
    let segments = try directory.withoutCovered(all, of: logID).kept
    var state: ChainState?
    for (index, first) in segments.enumerated() {
      let file = try io { () throws(FileError) in
        try directory.files.open(directory.path(of: first), .read)
      }
      let size = try io { () throws(FileError) in try file.size() }
      let expected = state?.last.next ?? (index == 0 ? first : .first)
      var isBroken = first != expected
      if isBroken {
        note(first, 0, expected, "events \(expected) to \(first.value - 1) are in no segment here")
        try cut(file, first, from: 0, size, logID)
      } else {
        let walk = try Walk(file, first, after: state, of: logID)
        state = walk.state ?? state
        keeps = state?.last ?? keeps
        if let damage = walk.damage {
          isBroken = true
          damages.append(damage)
          try cut(file, first, from: walk.end, size, logID)
        } else {
          try cutTail(file, first, walk, size, isLast: index == segments.count - 1, logID)
        }
      }
      if isBroken {
        for later in segments.dropFirst(index + 1) { try cutWhole(later, directory, logID) }
        break
      }
    }
  }

  private mutating func note(
    _ segment: SequenceNumber, _ offset: Int, _ sequence: SequenceNumber, _ what: String
  ) {
    damages.append(
      Damage(
        segment: LedgerDirectory.name(of: segment), offset: offset, sequence: sequence, what: what))
  }

  /// What stands behind the last whole block of a segment whose blocks are all whole.
  private mutating func cutTail(
    _ file: any File, _ first: SequenceNumber, _ walk: Walk, _ size: Int, isLast: Bool,
    _ logID: LogID
  ) throws(LedgerError) {
    if walk.isFooter {
      let footer = try io { () throws(FileError) in try SegmentFooter.read(file, of: logID) }
      if case .success(let footer)? = footer, footer.last == walk.state?.last,
        footer.offset == walk.end, footer.chainAfter == walk.state?.chain
      {
        return
      }
      note(first, walk.end, keeps.next, "the footer does not describe the segment")
      return try cut(file, first, from: walk.end, size, logID)
    }
    guard let end = try Self.lastByte(of: file, behind: walk.end) else { return }
    note(first, walk.end, keeps.next, "bytes behind the last block are not zero")
    try cut(file, first, from: walk.end, end, logID)
  }

  private mutating func cutWhole(
    _ segment: SequenceNumber, _ directory: LedgerDirectory, _ logID: LogID
  ) throws(LedgerError) {
    let file = try io { () throws(FileError) in
      try directory.files.open(directory.path(of: segment), .read)
    }
    try cut(file, segment, from: 0, try io { () throws(FileError) in try file.size() }, logID)
  }

  private mutating func cut(
    _ file: any File, _ segment: SequenceNumber, from offset: Int, _ end: Int, _ logID: LogID
  ) throws(LedgerError) {
    if let last = try Self.greatestSequence(in: file, from: offset, end, of: logID) {
      written = max(written, last)
    }
    if offset == 0 { written = max(written, segment) }
    // Behind whole blocks zeros may stand: nothing to keep of them.
    if offset > 0, end <= offset { return }
    cuts.append(Cut(segment: segment, offset: offset, byteCount: max(0, end - offset)))
  }

  // MARK: - Reading

  /// Behind the last byte that is not zero; nil when there is none.
  private static func lastByte(
    of file: any File, behind start: Int
  ) throws(LedgerError) -> Int? {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset = start
    var end: Int?
    while true {
      let at = offset
      let count = try io { () throws(FileError) in
        try file.readFully(into: &buffer, buffer.indices, at: at)
      }
      if count == 0 { return end }
      if !buffer.span.extracting(0..<count).isZero,
        let index = buffer[..<count].lastIndex(where: { $0 != 0 })
      {
        end = offset + index + 1
      }
      offset += count
    }
  }

  /// The greatest sequence that a header in some bytes names, looked for where the open segment has
  /// blocks; a footer's last.
  private static func greatestSequence(
    in file: any File, from start: Int, _ end: Int, of logID: LogID
  ) throws(LedgerError) -> SequenceNumber? {
    var greatest: SequenceNumber?
    let footer = try io { () throws(FileError) in try SegmentFooter.read(file, of: logID) }
    if case .success(let footer)? = footer { greatest = footer.last }
    var page = [UInt8](repeating: 0, count: BlockHeader.length)
    let aligned = (start + BlockHeader.alignment - 1) / BlockHeader.alignment
    for offset in stride(
      from: aligned * BlockHeader.alignment, to: end, by: BlockHeader.alignment)
    {
      let count = try io { () throws(FileError) in
        try file.readFully(into: &page, page.indices, at: offset)
      }
      guard count == page.count, let header = try? BlockHeader(page.span, of: logID) else {
        continue
      }
      greatest = max(greatest ?? .none, header.last)
    }
    return greatest
  }
}

/// One segment walked up to its first fault.
private struct Walk {
  /// After the last whole block; nil without one.
  var state: ChainState?
  /// Bytes of whole blocks.
  var end = 0
  var damage: Damage?
  var isFooter = false

  init(
    _ file: any File, _ segment: SequenceNumber, after before: ChainState?, of logID: LogID
  ) throws(LedgerError) {
    var input = SegmentRecords(file, segment: segment, of: logID, after: before)
    do throws(LedgerError) {
      while try input.nextBlock() != nil {
        state = input.chain
        end = input.offset
      }
      isFooter = input.walkEnd == .footer
    } catch {
      guard case .damaged(let found) = error else { throw error }
      damage = found
    }
  }
}
