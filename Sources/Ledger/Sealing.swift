// Sealing: a segment that is full becomes a dense copy of itself. Behind the
// traffic, on the keeper's thread, oldest first.
//
//   read every block, checked -> blocks of 256 KiB and more, LZ4 HC, no padding, into NAME.tmp
//   -> sync -> read both again and compare them record by record -> footer -> sync
//   -> rename over NAME -> sync the directory
//
// Until the rename the old file is untouched; a crash leaves NAME.tmp, which the next open removes.
// Sequences, record bytes, epochs and the chain stay; blocks of different epochs are never joined.
internal import Base
import Glibc

/// What a call of `sealIfNeeded` came to.
public enum SealOutcome: Equatable, Sendable {
  /// Every segment but the open one is sealed.
  case nothingToDo
  /// The segment with this first sequence is sealed now; there may be more.
  case sealed(SequenceNumber)
  /// The disk has no room for the copy. Nothing is lost, the segment stays as it is.
  case noRoom
  /// `isStopping` said so.
  case stopped
}

extension Ledger {
  /// Seals the oldest segment that is full and not sealed. For the keeper's thread; takes seconds.
  /// - Parameters:
  ///   - count: adds a record to the segment's control totals.
  ///   - isStopping: asked between blocks.
  public func sealIfNeeded(
    counting count: ControlTotalsCounter, isStopping: @Sendable () -> Bool = { false }
  ) throws(LedgerError) -> SealOutcome {
    var oldest: SequenceNumber?
    let directory = files.directory
    for first in files.segments.dropLast().reversed() {
      let logID = files.identity.logID
      let footer = try io { () throws(FileError) in
        try SegmentFooter.read(
          try directory.files.open(directory.path(of: first), .read), of: logID)
      }
      if footer != nil { break }
      oldest = first
    }
    guard let oldest else { return .nothingToDo }
    return try directory.seal(
      oldest, of: files.identity.logID, counting: count, isStopping: isStopping)
  }
}

extension LedgerDirectory {
  /// Replaces one segment, which nobody writes any more, by its dense copy.
  func seal(
    _ segment: SequenceNumber, of logID: LogID, counting count: ControlTotalsCounter,
    isStopping: @Sendable () -> Bool
  ) throws(LedgerError) -> SealOutcome {
    let path = path(of: segment)
    let temporary = path + ".tmp"
    do {
      let source = try files.open(path, .read)
      let target = try files.open(temporary, .replace)
      var copy = DenseCopy(from: source, to: target, segment: segment, of: logID)
      guard try copy.write(counting: count, isStopping: isStopping),
        try copy.compare(isStopping: isStopping)
      else {
        try files.remove(temporary)
        return .stopped
      }
      try copy.finish()
      try files.rename(temporary, to: path)
      try files.syncDirectory(segments)
      return .sealed(segment)
    } catch let error as LedgerError {
      try? files.remove(temporary)
      throw error
    } catch let error as FileError {
      try? files.remove(temporary)
      if error.isOutOfSpace { return .noRoom }
      throw .file(error)
    } catch {
      preconditionFailure("\(error) is neither the ledger's nor a file's")
    }
  }
}

/// The copy being made. Calls must come in the order write, compare, finish.
private struct DenseCopy: ~Copyable {
  private static let leastRawBytes = 256 << 10

  private let source: any File
  private let target: any File
  private let segment: SequenceNumber
  private let logID: LogID
  private var encoder = BlockEncoder(level: LZ4Compressor.dense)
  private let hash = SHA256()
  private var footer: SegmentFooter?
  /// Records of the block being gathered, and what its header will say.
  private var records: [UInt8] = []
  private var gathered: BlockHeader?

  init(from source: any File, to target: any File, segment: SequenceNumber, of logID: LogID) {
    self.source = source
    self.target = target
    self.segment = segment
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
    var input = SegmentRecords(source, segment: segment, of: logID)
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
    guard input.walkEnd == .empty, let chain = input.chain else {
      throw damage(input.offset, "the segment cannot be read to its end")
    }
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
    var old = SegmentRecords(source, segment: segment, of: logID)
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

/// All records of one segment file, block by block, fully checked.
struct SegmentRecords: ~Copyable {
  private let segment: SequenceNumber
  private var walker: BlockWalker
  private var decoder = BlockDecoder()
  /// Why the walk ended.
  private(set) var walkEnd: WalkEnd?

  init(_ file: any File, segment: SequenceNumber, of logID: LogID) {
    self.segment = segment
    walker = BlockWalker(of: logID)
    walker.begin(file, segment: segment, state: segment == .first ? .start : nil)
  }

  /// Bytes of the file that were walked.
  var offset: Int { walker.offset }
  var chain: ChainState? { walker.state }
  /// The block read last, as it stands in the file.
  var block: Span<UInt8> {
    @_lifetime(borrow self) get { walker.block }
  }
  /// The records of the block read last.
  var records: Span<UInt8> {
    @_lifetime(borrow self) get { decoder.records }
  }

  /// Decodes the next block; nil at the end, which `walkEnd` tells.
  mutating func nextBlock() throws(LedgerError) -> BlockHeader? {
    let before = walker.offset
    walkEnd = try io { () throws(FileError) in try walker.next() }
    if case .bad(let what)? = walkEnd { throw damage(before, what) }
    guard let header = walker.header else { return nil }
    if before == 0 && header.first != segment {
      throw damage(0, "the first block begins with sequence \(header.first)")
    }
    if let fault = Self.decode(header, walker, with: &decoder) { throw damage(before, fault) }
    return header
  }

  private func damage(_ offset: Int, _ what: String) -> LedgerError {
    .damaged(
      Damage(
        segment: LedgerDirectory.name(of: segment), offset: offset,
        sequence: walker.state?.last.next ?? segment, what: what))
  }

  private static func decode(
    _ header: BlockHeader, _ walker: borrowing BlockWalker, with decoder: inout BlockDecoder
  ) -> String? {
    do throws(BlockFault) {
      try decoder.decode(header, block: walker.block, thorough: true)
      return nil
    } catch {
      if case .bad(let why) = error { return why }
      return "the block cannot be decoded"
    }
  }
}

extension Span<UInt8> {
  /// Equality of all bytes.
  func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    return unsafe withUnsafeBytes { a in
      unsafe other.withUnsafeBytes { b in
        if a.count == 0 { return true }
        return unsafe memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0
      }
    }
  }
}
