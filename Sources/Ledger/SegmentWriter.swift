// The open segment: every block is one pwrite at a multiple of 4,096 and one fdatasync, into space
// that holds synced zeros already. At most one block is un-synced at any time.
//
// Roll: the last block is durable -> next.tmp is renamed to its first sequence -> the directory is
// synced -> the first block. A write that was interrupted, short or out of room may be repeated
// with the same bytes at the same offset. Any other failure, and every failed sync, is final: the
// kernel may have dropped the pages and would report success the next time.
internal import Base

struct SegmentWriter: BlockStore, ~Copyable {
  private let files: LedgerFiles
  private let space: SpaceAhead
  private let segmentBytes: Int
  private let syncTimes: LatencyHistogram
  private let clock = SystemMonotonicClock()
  /// Nil until the first block of a new segment.
  private var file: (any File)?
  private var position: Int

  /// - Parameters:
  ///   - file: the open segment, whose first `position` bytes are blocks and `size` bytes are
  ///     written; nil when the next block begins a new segment.
  init(
    _ files: LedgerFiles, space: SpaceAhead, segmentBytes: Int, open first: SequenceNumber?,
    position: Int, size: Int, syncTimes: LatencyHistogram
  ) throws(FileError) {
    self.files = files
    self.space = space
    self.segmentBytes = segmentBytes
    self.position = position
    self.syncTimes = syncTimes
    file = nil
    if let first {
      let path = files.directory.path(of: first)
      file = try files.directory.files.open(path, .write)
      space.begin(
        try files.directory.files.open(path, .write), used: position,
        zeroed: size / BlockHeader.alignment * BlockHeader.alignment)
    }
  }

  var alignsBlocks: Bool { true }

  mutating func append(_ block: Span<UInt8>, header: BlockHeader) -> BlockOutcome {
    do throws(FileError) {
      if file == nil || (position > 0 && position + block.count > segmentBytes) {
        try roll(to: header.first)
      }
      try ensureSpace(for: block, header)
      guard let file else { preconditionFailure("a roll opens the segment") }
      let written = try file.write(block, at: position)
      if written < block.count { return .failed("short write to \(file.path)") }
      let before = clock.now
      try file.sync()
      syncTimes.record(clock.now.nanoseconds(since: before))
    } catch {
      let isRepeatable = error.isInterrupted || error.isOutOfSpace
      if isRepeatable && error.operation != .sync && error.operation != .syncDirectory {
        return .failed(error.description)
      }
      return .unknown(error.description)
    }
    position += block.count
    space.advance(used: position)
    files.noteBlock(at: header.first, offset: position - block.count)
    return .durable
  }

  /// Makes sure that zeros are where the block goes. When the open segment cannot grow any more,
  /// the space prepared for the next one is used: it is part of the reserve.
  private mutating func ensureSpace(
    for block: Span<UInt8>, _ header: BlockHeader
  ) throws(FileError) {
    do throws(FileError) {
      try space.ensure(position + block.count)
    } catch {
      guard error.isOutOfSpace, position > 0, space.nextHolds(block.count) else { throw error }
      try roll(to: header.first)
    }
  }

  private mutating func roll(to first: SequenceNumber) throws(FileError) {
    try space.takeNext(as: first)
    file = try files.directory.files.open(files.directory.path(of: first), .write)
    position = 0
    files.noteSegment(first)
  }

  /// Gives the zeros behind the last block back, so that the file is an ordinary .lz4 file.
  mutating func close() throws(LedgerError) {
    try io { () throws(FileError) in try space.end() }
    guard let open = file else { return }
    file = nil
    let end = position
    try io { () throws(FileError) in
      try open.truncate(to: end)
      try open.sync()
      try files.directory.files.syncDirectory(files.directory.segments)
    }
  }
}
