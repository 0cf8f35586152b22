// Space written with zeros ahead of the log's end, so that a commit is one pwrite + fdatasync that
// changes no metadata, and so that a full disk still has room for what was already promised.
//
// The keeper calls `prepare` in the background; the writer calls `ensure` and `takeNext`, which do
// the same work when the keeper is behind. Zeros are written through a descriptor of their own:
// Linux reports a failed write-back once to each descriptor, and the writer must see its own.
// Written in small pieces, each synced, so that a commit never waits for long behind zeros.
internal import Base
internal import Synchronization

final class SpaceAhead: Sendable {
  /// Zeros are written in steps of at most this; on a small volume 1/16 of what is free.
  static let greatestStep = 8 << 20
  /// Free space beyond which a reserve that is not written yet counts as there.
  static let plenty = 1 << 30
  private static let piece = 256 << 10
  private static let zeros = [UInt8](repeating: 0, count: piece)

  private struct State {
    var current: (file: any File, zeroed: Int)?
    var next: (file: any File, zeroed: Int)?
    var isEnded = false
  }

  private let directory: LedgerDirectory
  private let segmentBytes: Int
  private let state = Mutex(State())
  /// Zeros synced in the open segment, as an offset in it.
  private let zeroed = Atomic(0)
  private let nextZeroed = Atomic(0)
  /// Bytes of blocks in the open segment.
  private let used = Atomic(0)
  private let free = Atomic(0)
  /// Bytes that callers asked for last; see `holds`.
  private let wanted = Atomic(1 << 20)

  init(_ directory: LedgerDirectory, segmentBytes: Int) {
    self.directory = directory
    self.segmentBytes = segmentBytes
  }

  /// Bytes that can be written without asking the file system for room.
  var reserve: Int {
    max(0, zeroed.load(ordering: .relaxed) - used.load(ordering: .relaxed))
      + nextZeroed.load(ordering: .relaxed)
  }

  /// Whether `bytes` can surely still be written. Remembers how much callers ask for, so that
  /// `prepare` keeps more than that.
  func holds(_ bytes: Int) -> Bool {
    wanted.store(bytes, ordering: .relaxed)
    return reserve >= bytes || free.load(ordering: .relaxed) >= Self.plenty
  }

  /// Whether the keeper should call `prepare` soon.
  var isLow: Bool { reserve < wanted.load(ordering: .relaxed) + step / 2 }

  private var step: Int {
    min(Self.greatestStep, max(free.load(ordering: .relaxed) / 16, BlockHeader.alignment))
  }

  // MARK: - The writer's side

  /// The open segment from now on, `used` bytes of which hold blocks, the rest of it zeros.
  func begin(_ file: any File, used: Int, zeroed: Int) {
    state.withLock {
      $0.current = (file, zeroed)
      self.used.store(used, ordering: .relaxed)
      self.zeroed.store(zeroed, ordering: .relaxed)
    }
  }

  /// Tells how far the open segment is filled.
  func advance(used: Int) { self.used.store(used, ordering: .relaxed) }

  /// Makes sure that the open segment has synced zeros up to `end`.
  func ensure(_ end: Int) throws(FileError) {
    if zeroed.load(ordering: .acquiring) >= end { return }
    try measureFree()
    let goal = min(max(end, used.load(ordering: .relaxed) + step), max(end, segmentBytes))
    do throws(FileError) {
      while zeroed.load(ordering: .acquiring) < goal { try extendCurrent(to: goal) }
    } catch {
      guard error.isOutOfSpace else { throw error }
      // No room for a whole step, yet perhaps for this block.
      while zeroed.load(ordering: .acquiring) < end { try extendCurrent(to: end) }
    }
  }

  /// Whether `next.tmp` has synced zeros for a block of so many bytes.
  func nextHolds(_ bytes: Int) -> Bool { nextZeroed.load(ordering: .acquiring) >= bytes }

  /// Gives `next.tmp` a name, durably, and makes it the open segment.
  func takeNext(as first: SequenceNumber) throws(FileError) {
    if nextZeroed.load(ordering: .relaxed) == 0 {
      try measureFree()
      try extendNext(to: BlockHeader.alignment)
    }
    try state.withLock { state throws(FileError) in
      guard let next = state.next else { preconditionFailure("the next segment was made above") }
      try directory.files.rename(directory.next, to: directory.path(of: first))
      state.next = nil
      state.current = next
      nextZeroed.store(0, ordering: .relaxed)
      used.store(0, ordering: .relaxed)
      zeroed.store(next.zeroed, ordering: .releasing)
    }
    try directory.files.syncDirectory(directory.segments)
  }

  // MARK: - The keeper's side

  /// Writes zeros ahead until the reserve is well above what callers asked for.
  /// - Returns: false when the volume has no room for that.
  func prepare() throws(FileError) -> Bool {
    if state.withLock({ $0.isEnded }) { return true }
    try measureFree()
    do throws(FileError) {
      let goal = 2 * wanted.load(ordering: .relaxed) + step
      while reserve < goal {
        let end = zeroed.load(ordering: .relaxed)
        let room = state.withLock { $0.current == nil } ? 0 : segmentBytes - end
        if room >= BlockHeader.alignment {
          try extendCurrent(to: min(end + Self.piece, segmentBytes))
        } else {
          let nextEnd = nextZeroed.load(ordering: .relaxed)
          if nextEnd >= segmentBytes { break }
          try extendNext(to: min(nextEnd + min(step, Self.piece), segmentBytes))
        }
      }
      if nextZeroed.load(ordering: .relaxed) == 0 { try extendNext(to: min(step, segmentBytes)) }
      return true
    } catch {
      if error.isOutOfSpace {
        free.store(0, ordering: .relaxed)
        return false
      }
      throw error
    }
  }

  /// Learns how much room there is. On a small volume the reserve is written at once.
  func open() throws(FileError) {
    try measureFree()
    if free.load(ordering: .relaxed) < Self.plenty { _ = try prepare() }
  }

  private func measureFree() throws(FileError) {
    free.store(try directory.files.freeSpace(at: directory.path), ordering: .relaxed)
  }

  private func extendCurrent(to goal: Int) throws(FileError) {
    try state.withLock { state throws(FileError) in
      guard let current = state.current else { return }
      let end = min(goal, current.zeroed + Self.piece)
      guard end > current.zeroed else { return }  // a roll came in between
      try Self.writeZeros(current.file, current.zeroed..<end)
      state.current?.zeroed = end
      zeroed.store(end, ordering: .releasing)
    }
  }

  private func extendNext(to goal: Int) throws(FileError) {
    try state.withLock { state throws(FileError) in
      if state.isEnded { return }
      if state.next == nil {
        let file = try directory.files.open(directory.next, .replace)
        state.next = (file, 0)
      }
      while let next = state.next, next.zeroed < goal {
        let end = min(goal, next.zeroed + Self.piece)
        try Self.writeZeros(next.file, next.zeroed..<end)
        state.next?.zeroed = end
        nextZeroed.store(end, ordering: .relaxed)
      }
    }
  }

  private static func writeZeros(_ file: any File, _ range: Range<Int>) throws(FileError) {
    guard !range.isEmpty else { return }
    try file.writeFully(zeros.span.extracting(0..<range.count), at: range.lowerBound)
    try file.sync()
  }

  /// Forgets what is prepared; the file `next.tmp` is removed.
  func end() throws(FileError) {
    let hadNext = state.withLock { state in
      defer { state = State(isEnded: true) }
      return state.next != nil
    }
    if hadNext { try directory.files.remove(directory.next) }
  }
}
