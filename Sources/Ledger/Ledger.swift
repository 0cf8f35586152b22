// The ledger, open for writing: its directory and lock, recovery at open, the writer thread, and
// what the keeper thread calls behind the traffic. Read spec and promises at the files it is made
// of: LedgerDirectory, Recovery, Appender, SegmentWriter, SpaceAhead, Sealing, LedgerReader.
//
//   let ledger = try Ledger.open(RealFileSystem(), at: "daybook-data")
//   var batch = ledger.makeBatch()                    // lives under the lock of the live state
//   try ledger.start { spare in lock.withLock { $0.batch.exchange(with: &spare) } }
//   // under the lock: batch.append(event, ...); then, outside it:
//   ledger.signal()
//   ledger.durability.wait(for: sequence) { result in ... }
public import Base
internal import Synchronization

/// What an open of a ledger may be told.
public struct LedgerOptions: Sendable {
  /// A segment is closed before it would grow beyond this many bytes.
  public var segmentBytes = 256 << 20
  /// The name a new log gets, as its checkpoints show it.
  public var origin = "daybook"
  /// The greatest sequence that something outside the segments proves to have been acknowledged:
  /// the read model's row, the signed checkpoints. The tail is never cut at or before it.
  public var confirmed = SequenceNumber.none
  /// How long the writer waits before it gives a block to a full disk again.
  public var retryMilliseconds = 50
  /// Called once, on the writer's or keeper's thread, when the log is poisoned: the process must
  /// say why and exit within a second.
  public var onPoison: @Sendable (LedgerError) -> Void = { _ in }
  public var clock: any WallClock = SystemWallClock()

  public init() {}
}

public final class Ledger: Sendable {
  public let files: LedgerFiles
  /// What the open found and did.
  public let recovery: Recovery
  public let durability: Durability
  /// Nanoseconds of each fdatasync on the commit path.
  public let syncTimes: LatencyHistogram

  /// A segment is closed before it would grow beyond this many bytes.
  public let segmentBytes: Int
  /// Held while a segment is copied: by the keeper's thread, or by a command.
  let sealing = Mutex(())
  private let appender: Appender<SegmentWriter>
  private let space: SpaceAhead
  private let onPoison: @Sendable (LedgerError) -> Void

  /// Opens a ledger for writing; makes one where there is none.
  ///
  /// Throws `.locked` when another process holds it, `.damaged` when its end is not what a crash
  /// can have left.
  public static func open(
    _ fileSystem: any FileSystem, at path: String, options: LedgerOptions = LedgerOptions()
  ) throws(LedgerError) -> Ledger {
    let directory = LedgerDirectory(fileSystem, at: path)
    try io { () throws(FileError) in try directory.make() }
    let lock = try directory.takeLock(.exclusive)
    try io { () throws(FileError) in try directory.removeTemporaries() }
    var segments = try io { () throws(FileError) in try directory.listSegments() }
    let known = try directory.readIdentity()
    if known == nil && !segments.isEmpty {
      throw .notALedger(path: path, why: "ledger.json is missing, but segments are here")
    }
    var identity =
      known
      ?? LogIdentity(
        logID: .random(), created: options.clock.now(), origin: options.origin, epoch: 0)
    let (kept, covered) = try directory.withoutCovered(segments, of: identity.logID)
    segments = kept
    let end = try directory.findEnd(
      of: identity.logID, segments: segments, confirmed: options.confirmed, dropsCache: true)
    if !covered.isEmpty { try directory.remove(covered) }
    identity.epoch = max(identity.epoch, end.state.epoch) + 1
    let raised = identity
    try io { () throws(FileError) in try directory.writeIdentity(raised) }
    let cut = try directory.cutTail(end, epoch: identity.epoch)
    try directory.rewriteLastBlock(end)
    let files = LedgerFiles(
      directory, identity: identity, segments: segments, limit: end.state.last, lock: lock)
    let recovery = Recovery(
      last: end.state.last, chain: end.state.chain, lastTime: end.state.time, cut: cut,
      isNew: known == nil)
    return try Ledger(files, recovery, end, options)
  }

  private init(
    _ files: LedgerFiles, _ recovery: Recovery, _ end: LogEnd, _ options: LedgerOptions
  ) throws(LedgerError) {
    self.files = files
    self.recovery = recovery
    segmentBytes = options.segmentBytes
    onPoison = options.onPoison
    durability = Durability(files, clock: SystemMonotonicClock())
    let space = SpaceAhead(files.directory, segmentBytes: options.segmentBytes)
    let times = LatencyHistogram()
    let writer = try io { () throws(FileError) in
      try SegmentWriter(
        files, space: space, segmentBytes: options.segmentBytes, open: end.open,
        position: end.position, size: end.size, syncTimes: times)
    }
    try io { () throws(FileError) in try space.open() }
    self.space = space
    syncTimes = times
    var state = end.state
    state.epoch = files.identity.epoch
    appender = Appender(
      writer, identity: files.identity, after: state, durability: durability,
      retryMilliseconds: options.retryMilliseconds, onPoison: options.onPoison)
  }

  /// An empty batch that goes on behind the log's last event.
  public func makeBatch() -> PendingBatch {
    PendingBatch(after: recovery.last, lastTime: recovery.lastTime)
  }

  // MARK: - Writing

  /// Starts the writer thread. Call it once.
  /// - Parameter take: exchanges the pending batch for the empty one it is given, under the lock
  ///   that guards the pending one. Called often, on the writer's thread.
  public func start(
    take: @escaping @Sendable (inout PendingBatch) -> Void
  ) throws(SystemThread.StartError) {
    try appender.start(take)
  }

  /// Tells the writer that the pending batch is not empty. Call it after leaving the lock.
  public func signal() { appender.signal() }

  /// Whether a request may be admitted: what is granted must find room on the disk to be closed.
  /// - Parameter openRequests: granted and not yet closed, this one included.
  public func canAdmit(openRequests: Int) -> Bool {
    !appender.isOutOfSpace && space.holds(openRequests * 8192 + (1 << 20))
  }

  /// Whether the writer waits for room on the disk.
  public var isOutOfSpace: Bool { appender.isOutOfSpace }

  public var statistics: AppendStatistics { appender.statistics }

  /// Writes what waits, ends the writer thread, gives unused space back and lets another process
  /// have the directory. The last segment is an ordinary .lz4 file then.
  public func close() throws(LedgerError) {
    defer { files.unlock() }
    try appender.stop()
  }

  // MARK: - Behind the traffic

  /// Whether `prepareAhead` should be called soon.
  public var wantsPreparing: Bool { space.isLow }

  /// Writes zeros ahead of the log's end. For the keeper's thread.
  /// - Returns: false when the disk has no room for as much as is wanted.
  @discardableResult
  public func prepareAhead() throws(LedgerError) -> Bool {
    do throws(FileError) { return try space.prepare() } catch {
      let failure = LedgerError.poisoned(error.description)
      if durability.failure == nil {
        durability.fail(failure)
        onPoison(failure)
      }
      throw failure
    }
  }

  // MARK: - Reading

  /// Reads from `start` on, up to what is durable when it is asked for.
  public func reader(from start: SequenceNumber) -> LedgerReader {
    LedgerReader(files, from: start)
  }
}

extension LedgerFiles {
  /// Opens a ledger to read it while no server holds it; changes nothing. What an open for writing
  /// would cut is not shown.
  ///
  /// Throws `.locked` while a writer holds the directory: then ask its DATA/daybook.sock.
  public static func open(
    _ fileSystem: any FileSystem, at path: String
  ) throws(LedgerError) -> LedgerFiles {
    let (files, damage) = try openUpToDamage(fileSystem, at: path)
    if let damage { throw damage }
    return files
  }

  /// The same of a ledger whose end may be damaged: what stands before the damage can be read.
  /// - Parameter confirmed: the greatest sequence that something else proves to have been
  ///   acknowledged; a log that ends before it is damaged.
  /// - Returns: the files, and the damage at the end of what they show.
  public static func openUpToDamage(
    _ fileSystem: any FileSystem, at path: String, confirmed: SequenceNumber = .none
  ) throws(LedgerError) -> (files: LedgerFiles, damage: LedgerError?) {
    let directory = LedgerDirectory(fileSystem, at: path)
    guard let identity = try directory.readIdentity() else {
      throw .notALedger(path: path, why: "ledger.json is missing")
    }
    let lock = try directory.takeLock(.shared)
    let all = try io { () throws(FileError) in try directory.listSegments() }
    let segments = try directory.withoutCovered(all, of: identity.logID).kept
    let last: SequenceNumber
    var damage: LedgerError?
    do throws(LedgerError) {
      last = try directory.findEnd(
        of: identity.logID, segments: segments, confirmed: confirmed, dropsCache: false
      ).state.last
    } catch {
      guard case .damaged(let place) = error else { throw error }
      damage = error
      last = SequenceNumber(max(1, place.sequence.value) - 1)
    }
    let files = LedgerFiles(
      directory, identity: identity, segments: segments, limit: last, lock: lock)
    return (files, damage)
  }
}
