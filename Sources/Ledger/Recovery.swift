// What an open finds: where the log ends, and whether what stands behind the end may be cut.
//
// Sealed segments were synced and compared when they were sealed: the last of them is believed by
// its footer. Everything behind it is read, after a sync and with the page cache dropped, so that
// what counts is the disk's content. The tail may be cut only if it begins at confirmed + 1 or
// later, in the last segment, with no valid header of this log and a later sequence after it.
// Everything else is damage: `verify` and `repair` have the word. A valid block is never cut.
public import Base

/// Where the log ends, and what stands behind that.
struct LogEnd {
  /// After the last valid block.
  var state = ChainState.start
  /// The last segment, if it is not sealed: the log goes on in it.
  var open: SequenceNumber?
  /// Bytes of valid blocks in it, and its length.
  var position = 0
  var size = 0
  /// The last valid block, if it stands in the open segment.
  var lastBlock: Range<Int>?
  /// Bytes behind the last valid block that are no block and not zero.
  var torn: Range<Int>?
}

/// What an open for writing did to the log's end.
public struct Recovery: Equatable, Sendable {
  /// Bytes that were no whole block, copied away and zeroed.
  public struct Cut: Equatable, Sendable {
    /// The segment's first sequence.
    public let segment: SequenceNumber
    /// Bytes from the start of the segment.
    public let offset: Int
    public let byteCount: Int
    /// Where they are kept.
    public let copy: String
  }
  /// The last event of the log, `.none` when it is empty.
  public var last: SequenceNumber
  /// CRC-32C of all record bytes up to it.
  public var chain: UInt32
  /// Its time; `Int64.min` microseconds when the log is empty.
  public var lastTime: Timestamp
  public var cut: Cut?
  /// Whether the log did not exist before.
  public var isNew: Bool
}

extension LedgerDirectory {
  /// Finds the log's end, and refuses what must not be cut. Changes nothing.
  /// - Parameters:
  ///   - confirmed: the greatest sequence that something else proves to have been acknowledged.
  ///   - dropsCache: sync and forget cached pages first. Needs write access.
  func findEnd(
    of logID: LogID, segments: [SequenceNumber], confirmed: SequenceNumber, dropsCache: Bool
  ) throws(LedgerError) -> LogEnd {
    var end = LogEnd()
    var confirmed = confirmed
    var unsealed: [(first: SequenceNumber, file: any File)] = []
    for first in segments.reversed() {
      let file = try io { () throws(FileError) in
        let file = try files.open(path(of: first), dropsCache ? .write : .read)
        if dropsCache {
          try file.sync()
          try file.dropCache()
        }
        return file
      }
      let footer = try io { () throws(FileError) in try SegmentFooter.read(file, of: logID) }
      guard let footer else {
        unsealed.insert((first, file), at: 0)
        continue
      }
      switch footer {
      case .failure(let fault):
        throw damage(first, 0, first, "\(fault)")
      case .success(let footer):
        guard footer.first == first else {
          throw damage(first, footer.offset, first, "the footer names sequence \(footer.first)")
        }
        end.state = ChainState(
          last: footer.last, chain: footer.chainAfter,
          time: Timestamp(microseconds: footer.greatestTime), epoch: footer.greatestEpoch)
        confirmed = max(confirmed, footer.last)
      }
      break
    }
    var isFirst = segments.count == unsealed.count
    for (index, segment) in unsealed.enumerated() {
      let isLast = index == unsealed.count - 1
      try walk(
        segment.first, segment.file, logID: logID, isFirst: isFirst, isLast: isLast, &end)
      isFirst = false
    }
    guard end.state.last >= confirmed else {
      throw damage(
        end.open ?? segments.last ?? .first, end.position, end.state.last.next,
        "the log ends here, but events up to \(confirmed) were acknowledged")
    }
    return end
  }

  /// Walks one unsealed segment; `end` comes in as the state before it.
  private func walk(
    _ first: SequenceNumber, _ file: any File, logID: LogID, isFirst: Bool, isLast: Bool,
    _ end: inout LogEnd
  ) throws(LedgerError) {
    // The oldest segment that is here may follow archived ones: then its own words are believed.
    let isBeginning = isFirst && first != .first
    guard isBeginning || first == end.state.last.next else {
      throw damage(
        first, 0, end.state.last.next,
        "the segment begins with \(first), but the one before it ends with \(end.state.last)")
    }
    var walker = BlockWalker(of: logID)
    walker.begin(file, segment: first, state: isBeginning ? nil : end.state)
    var lastBlock: Range<Int>?
    var stop: WalkEnd?
    while stop == nil {
      stop = try io { () throws(FileError) in try walker.next() }
      if stop == nil { lastBlock = walker.blockOffset..<walker.offset }
    }
    if isBeginning && walker.state == nil {
      throw damage(first, 0, first, "the segment's first block cannot be read")
    }
    end.state = walker.state ?? end.state
    let position = walker.offset
    if stop == .footer {
      throw damage(first, position, end.state.last.next, "a footer stands here without its end")
    }
    let tail = try Tail(file, from: position, logID: logID, after: end.state)
    if let fault = tail.fault { throw damage(first, fault.offset, end.state.last.next, fault.what) }
    if !tail.bytes.isEmpty && !isLast {
      throw damage(first, position, end.state.last.next, "this is not a block, and not the end")
    }
    end.open = isLast ? first : nil
    end.position = position
    end.size = tail.size
    end.lastBlock = lastBlock
    end.torn = tail.bytes.isEmpty ? nil : tail.bytes
  }

  private func damage(
    _ segment: SequenceNumber, _ offset: Int, _ sequence: SequenceNumber, _ what: String
  ) -> LedgerError {
    .damaged(
      Damage(segment: Self.name(of: segment), offset: offset, sequence: sequence, what: what))
  }
}

/// What stands behind the last valid block of an unsealed segment.
private struct Tail {
  /// Length of the file.
  var size: Int
  /// From the last valid block's end to the last byte that is not zero; empty when all are zero.
  var bytes: Range<Int>
  /// Something that a torn write cannot have left, and where what is no block begins.
  var fault: (offset: Int, what: String)?

  init(_ file: any File, from start: Int, logID: LogID, after state: ChainState)
    throws(LedgerError)
  {
    size = try io { () throws(FileError) in try file.size() }
    bytes = start..<start
    let step = 64 * BlockHeader.alignment
    var buffer = [UInt8](repeating: 0, count: step)
    var offset = start
    while offset < size {
      let at = offset
      let count = try io { () throws(FileError) in
        try file.readFully(into: &buffer, buffer.indices, at: at)
      }
      if count == 0 { break }
      if !buffer.span.extracting(0..<count).isZero {
        for index in stride(from: 0, to: count, by: BlockHeader.alignment) {
          let end = min(index + BlockHeader.alignment, count)
          let page = buffer.span.extracting(index..<end)
          if page.isZero { continue }
          bytes = start..<offset + end
          if fault == nil,
            let what = Self.fault(page, at: offset + index, from: start, logID: logID, after: state)
          {
            fault = (start, what)
          }
        }
      }
      offset += count
    }
  }

  /// What speaks against cutting a page of the tail.
  private static func fault(
    _ page: Span<UInt8>, at offset: Int, from start: Int, logID: LogID, after state: ChainState
  ) -> String? {
    let found: BlockHeader
    do throws(BlockFault) { found = try BlockHeader(page, of: logID) } catch { return nil }
    if found.first <= state.last { return nil }
    if offset == start && found.first == state.last.next {
      // The header of the block that was being written: its body is torn, or it does not belong.
      return state.fault(found)
    }
    return "no whole block stands here, but one with sequence \(found.first) at offset \(offset)"
  }
}
