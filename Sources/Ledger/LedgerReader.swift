// Reads the log from any sequence number on, one block a time, while a writer may be appending:
// only what is durable is given out. Every block's checksums, its sequence and the chain are
// checked, across segments too; bad bytes are an error with their place, never skipped.
//
// Segments may be sealed while a reader is in them: it keeps the file it has, whose bytes stay.
internal import Base

public struct LedgerReader: ~Copyable {
  private let files: LedgerFiles
  private let isThorough: Bool
  private var walker: BlockWalker
  private var decoder = BlockDecoder()
  /// The sequence to give out next.
  private var wanted: SequenceNumber
  /// The durable end when the walker last looked at the file.
  private var believed = SequenceNumber.none

  /// - Parameters:
  ///   - start: the first sequence to give out.
  ///   - isThorough: recompute the checksums of the record bytes, too.
  public init(_ files: LedgerFiles, from start: SequenceNumber, isThorough: Bool = false) {
    self.files = files
    self.isThorough = isThorough
    wanted = max(start, .first)
    walker = BlockWalker(of: files.identity.logID)
  }

  /// The sequence that `next` will begin with.
  public var position: SequenceNumber { wanted }

  /// The rest of the block that holds the next sequence; nil at the durable end, where it may be
  /// called again later. The batch's `next()` begins with that sequence.
  @_lifetime(&self)
  public mutating func next() throws(LedgerError) -> RecordBatch? {
    guard let header = try nextBlock() else { return nil }
    let fault = Self.decode(header, walker, with: &decoder, isThorough)
    if case .bad(let why)? = fault { throw damage(why, at: walker.blockOffset) }
    var batch = RecordBatch(decoder.records, first: header.first, count: header.count)
    batch.skip(to: wanted)
    wanted = header.last.next
    return batch
  }

  /// Adds the next block's records to a chunk: what `next` gives, for another thread to use.
  /// - Returns: false at the durable end.
  mutating func next(into chunk: inout RecordChunk) throws(LedgerError) -> Bool {
    guard let header = try nextBlock() else { return false }
    let fault = Self.decode(header, walker, with: &decoder, isThorough)
    if case .bad(let why)? = fault { throw damage(why, at: walker.blockOffset) }
    chunk.take(from: &decoder, header, start: wanted)
    wanted = header.last.next
    return true
  }

  /// Header of the block `next` gave last: for sealing and verifying.
  var header: BlockHeader? { walker.header }

  private static func decode(
    _ header: BlockHeader, _ walker: borrowing BlockWalker, with decoder: inout BlockDecoder,
    _ isThorough: Bool
  ) -> BlockFault? {
    do throws(BlockFault) {
      try decoder.decode(header, block: walker.block, thorough: isThorough)
      return nil
    } catch {
      return error
    }
  }

  private mutating func nextBlock() throws(LedgerError) -> BlockHeader? {
    while true {
      if wanted > believed {
        if let failure = files.failure, failure != .closed { throw failure }
        believed = files.durable
        if wanted > believed { return nil }
        walker.refresh()
      }
      if !walker.isOpen { try seek() }
      switch try io({ () throws(FileError) in try walker.next() }) {
      case nil:
        if let header = walker.header, header.last >= wanted { return header }
      case .bad(let why):
        throw damage(why, at: walker.offset)
      case .empty, .footer:
        try openNext()
      }
    }
  }

  /// Opens the segment that follows the one that ended.
  private mutating func openNext() throws(LedgerError) {
    guard let state = walker.state else { throw damage("no block begins here", at: walker.offset) }
    let first = state.last.next
    guard first > walker.segment else {
      throw damage("no block begins here", at: walker.offset)
    }
    guard let file = try openSegment(first) else {
      // Compaction joined it with the one before: there it is found by the footer.
      if let holder = files.segment(holding: first), holder < first {
        wanted = max(wanted, first)
        return try seek()
      }
      if files.segments.contains(where: { $0 > first }) {
        throw .missingSegment(holding: first, path: files.directory.segments)
      }
      throw damage("the segment ends here, but events up to \(believed) exist", at: walker.offset)
    }
    walker.begin(file, segment: first, state: state)
  }

  /// Opens the segment that holds `wanted`, at a block at or before it.
  private mutating func seek() throws(LedgerError) {
    var found = files.segment(holding: wanted)
    var opened = try found.flatMap { (segment) throws(LedgerError) in try openSegment(segment) }
    if opened == nil {
      // It may have been joined with the one before since it was looked up.
      found = files.segment(holding: wanted)
      opened = try found.flatMap { (segment) throws(LedgerError) in try openSegment(segment) }
    }
    guard let segment = found, let file = opened else {
      throw .missingSegment(holding: wanted, path: files.directory.segments)
    }
    if wanted == segment {
      return walker.begin(file, segment: segment, state: segment == .first ? .start : nil)
    }
    let logID = files.identity.logID
    let footer = try io { () throws(FileError) in try SegmentFooter.read(file, of: logID) }
    if case .success(let footer)? = footer {
      guard wanted <= footer.last else {
        throw .missingSegment(holding: wanted, path: files.directory.segments)
      }
      let index = footer.entries.partitioningIndex { $0.first > wanted } - 1
      return walker.begin(
        file, segment: segment, at: footer.entries[max(0, index)].offset, state: nil)
    }
    // The marks are those of the open segment.
    if segment == files.segments.last, let mark = files.mark(before: wanted), mark.first >= segment
    {
      return walker.begin(file, segment: segment, at: mark.offset, state: nil)
    }
    walker.begin(file, segment: segment, state: nil)
  }

  private func openSegment(_ segment: SequenceNumber) throws(LedgerError) -> (any File)? {
    do throws(FileError) {
      return try files.directory.files.open(files.directory.path(of: segment), .read)
    } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
  }

  private func damage(_ what: String, at offset: Int) -> LedgerError {
    .damaged(
      Damage(
        segment: LedgerDirectory.name(of: walker.segment), offset: offset,
        sequence: walker.state?.last.next ?? walker.segment, what: what))
  }
}

extension LedgerReader {
  /// The canonical bytes of one record.
  public static func record(
    at sequence: SequenceNumber, in files: LedgerFiles
  ) throws(LedgerError) -> [UInt8] {
    var reader = LedgerReader(files, from: sequence)
    if sequence >= .first, var batch = try reader.next(), let record = batch.next() {
      return [UInt8](record.bytes)
    }
    throw .noSuchSequence(sequence, last: files.durable)
  }

  /// One event, decoded; nil when this version does not know its type.
  public static func event(
    at sequence: SequenceNumber, in files: LedgerFiles
  ) throws(LedgerError) -> Event? {
    var reader = LedgerReader(files, from: sequence)
    if sequence >= .first, var batch = try reader.next(), let record = batch.next() {
      return Event(record)
    }
    throw .noSuchSequence(sequence, last: files.durable)
  }

  /// CRC-32C of all record bytes up to and with `sequence`: what a checkpoint remembers to know
  /// that it belongs to this log.
  public static func chain(
    through sequence: SequenceNumber, in files: LedgerFiles
  ) throws(LedgerError) -> UInt32 {
    if sequence == .none { return 0 }
    var reader = LedgerReader(files, from: sequence)
    guard var batch = try reader.next(), batch.next() != nil else {
      throw .noSuchSequence(sequence, last: files.durable)
    }
    let end = batch.offset
    let before = CRC32C.checksum(batch.bytes.extracting(0..<end))
    guard let chain = reader.header?.chain else { return 0 }
    return CRC32C.combine(chain, before, lengthOfB: UInt64(end))
  }
}

extension Array {
  /// The first index whose element satisfies the condition, which holds from there on.
  func partitioningIndex(where condition: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if condition(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
