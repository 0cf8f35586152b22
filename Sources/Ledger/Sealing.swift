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
internal import Synchronization

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
    try sealing.withLock { _ throws(LedgerError) in
      try sealOldest(counting: count, isStopping: isStopping)
    }
  }

  private func sealOldest(
    counting count: ControlTotalsCounter, isStopping: @Sendable () -> Bool
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
    try replace([segment], of: logID, endingAt: .empty, counting: count, isStopping: isStopping)
  }

  /// Puts one dense copy of neighbouring segments, which nobody writes any more, in the place of
  /// the first of them. The others stay.
  /// - Parameter end: what stands behind the last block of each.
  func replace(
    _ sources: [SequenceNumber], of logID: LogID, endingAt end: WalkEnd,
    counting count: ControlTotalsCounter, isStopping: @Sendable () -> Bool
  ) throws(LedgerError) -> SealOutcome {
    guard let segment = sources.first else { return .nothingToDo }
    let path = path(of: segment)
    let temporary = path + ".tmp"
    do {
      var opened: [(first: SequenceNumber, file: any File)] = []
      for first in sources { opened.append((first, try files.open(self.path(of: first), .read))) }
      let target = try files.open(temporary, .replace)
      var copy = DenseCopy(from: opened, to: target, endingAt: end, of: logID)
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

/// All records of one segment file, block by block, fully checked.
struct SegmentRecords: ~Copyable {
  private let segment: SequenceNumber
  private var walker: BlockWalker
  private var decoder = BlockDecoder()
  /// Why the walk ended.
  private(set) var walkEnd: WalkEnd?

  /// - Parameter before: where the segment before it ended; nil = its own words are believed.
  init(
    _ file: any File, segment: SequenceNumber, of logID: LogID, after before: ChainState? = nil
  ) {
    self.segment = segment
    walker = BlockWalker(of: logID)
    walker.begin(file, segment: segment, state: before ?? (segment == .first ? .start : nil))
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
