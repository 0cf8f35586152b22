// The dense copy of one segment, or of several neighbours as one: blocks of 256 KiB and more, LZ4
// HC, no padding, and a footer. Record bytes, sequences, epochs and the chain stay; blocks of
// different epochs are never joined. See Sealing.swift for the order on disk.
internal import Base

/// The copy being made. Calls must come in the order write, compare, finish.
struct DenseCopy: ~Copyable {
  private static let leastRawBytes = 256 << 10

  private let sources: [(first: SequenceNumber, file: any File)]
  private let target: any File
  private let segment: SequenceNumber
  private let end: WalkEnd
  private let logID: LogID
  private var encoder = BlockEncoder(level: LZ4Compressor.dense)
  private let hash = SHA256()
  private var footer: SegmentFooter?
  /// Records of the block being gathered, and what its header will say.
  private var records: [UInt8] = []
  private var gathered: BlockHeader?

  /// - Parameters:
  ///   - sources: neighbours, in the order of the log; at least one.
  ///   - end: what stands behind the last block of each.
  init(
    from sources: [(first: SequenceNumber, file: any File)], to target: any File,
    endingAt end: WalkEnd, of logID: LogID
  ) {
    self.sources = sources
    self.target = target
    self.end = end
    segment = sources[0].first
    self.logID = logID
  }

  private func damage(_ offset: Int, _ what: String) -> LedgerError {
    .damaged(
      Damage(
        segment: LedgerDirectory.name(of: segment), offset: offset,
        sequence: footer?.last ?? segment, what: what))
  }

  /// - Returns: false when it was stopped.
  mutating func write(
    counting count: ControlTotalsCounter, isStopping: () -> Bool
  ) throws -> Bool {
    var input = JoinedRecords(sources, endingAt: end, of: logID)
    var totals = ControlTotals()
    while let header = try input.nextBlock() {
      if isStopping() { return false }
      footer = footer ?? SegmentFooter(logID: logID, first: segment, chainBefore: header.chain)
      if let epoch = gathered?.epoch, epoch != header.epoch { try flush() }
      var batch = RecordBatch(input.records, first: header.first, count: header.count)
      while let record = batch.next() {
        count(record, &totals)
        let time = record.time.microseconds
        if gathered == nil {
          gathered = BlockHeader(
            logID: logID, epoch: header.epoch, first: batch.sequence, count: 0, leastTime: time,
            greatestTime: time, chain: footer?.chainAfter ?? 0)
        }
        records.append(contentsOf: record.bytes)
        gathered?.count += 1
        gathered?.greatestTime = time
        if records.count >= Self.leastRawBytes { try flush() }
      }
    }
    guard let chain = input.chain else { throw damage(0, "the segment is empty") }
    try flush()
    footer?.totals = totals
    guard footer?.last == chain.last, footer?.chainAfter == chain.chain else {
      throw damage(input.offset, "the copy's chain is not the segment's")
    }
    try target.sync()
    try target.dropCache()
    return true
  }

  private mutating func flush() throws {
    guard let started = gathered else { return }
    let header = Self.encode(records, started, with: &encoder)
    try target.writeFully(encoder.block, at: footer?.offset ?? 0)
    hash.update(encoder.block)
    footer?.add(header)
    records.removeAll(keepingCapacity: true)
    gathered = nil
  }

  private static func encode(
    _ records: borrowing [UInt8], _ header: BlockHeader, with encoder: inout BlockEncoder
  ) -> BlockHeader {
    encoder.encode(records.span, header: header, aligned: false)
  }

  /// Reads both files again; every record must be the same.
  /// - Returns: false when it was stopped.
  func compare(isStopping: () -> Bool) throws -> Bool {
    var old = JoinedRecords(sources, endingAt: end, of: logID)
    var new = SegmentRecords(target, segment: segment, of: logID)
    var pending: [UInt8] = []
    var offset = 0
    while let header = try new.nextBlock() {
      if isStopping() { return false }
      var batch = RecordBatch(new.records, first: header.first, count: header.count)
      while let record = batch.next() {
        if offset == pending.count, try old.nextBlock() != nil {
          pending = [UInt8](old.records)
          offset = 0
        }
        let end = offset + record.bytes.count
        guard end <= pending.count, pending.span.extracting(offset..<end).equals(record.bytes)
        else { throw damage(old.offset, "the copy differs at sequence \(batch.sequence)") }
        offset = end
      }
    }
    guard offset == pending.count, try old.nextBlock() == nil,
      old.chain?.last == new.chain?.last, old.chain?.chain == new.chain?.chain
    else { throw damage(old.offset, "the copy ends before the segment") }
    return true
  }

  mutating func finish() throws {
    guard var footer else { preconditionFailure("a segment is written before it is finished") }
    footer.hash = hash.finish()
    try target.writeFully(footer.encode().span, at: footer.offset)
    try target.sync()
  }
}

/// The records of neighbouring segment files, one after another.
private struct JoinedRecords: ~Copyable {
  private let sources: [(first: SequenceNumber, file: any File)]
  private let end: WalkEnd
  private let logID: LogID
  private var index = 0
  private var current: SegmentRecords

  init(
    _ sources: [(first: SequenceNumber, file: any File)], endingAt end: WalkEnd, of logID: LogID
  ) {
    self.sources = sources
    self.end = end
    self.logID = logID
    current = SegmentRecords(sources[0].file, segment: sources[0].first, of: logID)
  }

  /// Bytes of the current file that were walked.
  var offset: Int { current.offset }
  var chain: ChainState? { current.chain }
  var records: Span<UInt8> {
    @_lifetime(borrow self) get { current.records }
  }

  /// Decodes the next block; nil behind the last one.
  mutating func nextBlock() throws(LedgerError) -> BlockHeader? {
    while true {
      if let header = try current.nextBlock() { return header }
      guard current.walkEnd == end, let state = current.chain else {
        throw damage("the segment cannot be read to its end")
      }
      guard index + 1 < sources.count else { return nil }
      index += 1
      let next = sources[index]
      guard next.first == state.last.next else {
        throw damage("the next segment begins with \(next.first)")
      }
      current = SegmentRecords(next.file, segment: next.first, of: logID, after: state)
    }
  }

  private func damage(_ what: String) -> LedgerError {
    .damaged(
      Damage(
        segment: LedgerDirectory.name(of: sources[index].first), offset: current.offset,
        sequence: current.chain?.last.next ?? sources[index].first, what: what))
  }
}
