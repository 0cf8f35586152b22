// The open ledger with its live state: what the gateway and the command line hold.
//
// One Mutex guards Books. `withBooks` is the critical section: decide, append, read; never I/O,
// never a wait inside. Afterwards the writer thread takes the batch; `whenDurable` tells when what
// was appended may be promised. The keeper thread does everything behind the traffic.
public import Base
public import Ledger
import Synchronization

/// How a ledger is opened.
public struct LiveLedgerOptions: Sendable {
  /// DATA.
  public var directory: String
  public var fileSystem: any FileSystem = RealFileSystem()
  public var clock: any WallClock = SystemWallClock()
  /// Where checkpoints are kept; nil = projections.sqlite in the directory.
  public var stores: (any CheckpointStores)?
  /// Serve although the log is more than a day ahead of the clock.
  public var acceptsClock = false
  public var segmentBytes = 256 << 20
  public var origin = "daybook"
  /// Whether a thread checkpoints and prepares space; without it tests call `keep`.
  public var runsKeeper = true
  /// Whether the Merkle tree is built and its heads are signed behind the traffic.
  public var keepsTree = true
  /// Whether snapshots of the state are made behind the traffic.
  public var keepsSnapshots = true
  /// Events between two snapshots.
  public var snapshotDistance = Snapshots.distance
  /// Told while the log is folded at start.
  public var progress: (@Sendable (FoldProgress) -> Void)?
  /// Called once when the log is poisoned: the process must say why and exit within a second.
  public var onPoison: @Sendable (LedgerError) -> Void = { _ in }
  /// Told one line when something behind the traffic begins to fail (no room, no checkpoint), and
  /// one when it is well again.
  public var onTrouble: @Sendable (String) -> Void = { _ in }

  public init(directory: String) { self.directory = directory }
}

/// What an open found and did.
public struct OpeningReport: Equatable, Sendable {
  /// The ledger did not exist before.
  public internal(set) var isNew = false
  /// Where the checkpoint stood that was loaded; `.none` when everything was folded from the start.
  public internal(set) var loaded = SequenceNumber.none
  /// Why an existing read model was not used, or that it is missing; nil when it was used.
  public internal(set) var complaint: String?
  /// Events folded behind it.
  public internal(set) var folded: UInt64 = 0
  /// Requests found open and recorded as outcome_unknown.
  public internal(set) var unknownOutcomes = 0
  /// Re-pricing jobs found unfinished and recorded as abandoned.
  public internal(set) var abandonedJobs = 0
  /// Bytes of an unfinished write that were cut.
  public internal(set) var cut: Recovery.Cut?
}

/// The live state behind its lock, shared with the writer thread.
final class SharedBooks: Sendable {
  let mutex: Mutex<Books>
  init(_ books: sending Books) { mutex = Mutex(books) }
}

public final class LiveLedger: Sendable {
  public let opening: OpeningReport
  /// The files, for readers of the log.
  public var files: LedgerFiles { ledger.files }
  public let ledger: Ledger

  let books: SharedBooks
  let checkpointer: Checkpointer
  let sealer: Sealer
  /// The Merkle tree behind the log; nil when this process does not build it.
  public let tree: TreeBuilder?
  /// States as they stood at some events.
  public let snapshots: Snapshots
  private let keepers: Keepers
  private let openRequests: Atomic<Int>
  private let isClosed = Atomic(false)

  init(
    _ ledger: Ledger, _ books: SharedBooks, _ checkpointer: Checkpointer, _ sealer: Sealer,
    _ tree: TreeBuilder?, _ snapshots: Snapshots, _ keepers: Keepers, _ opening: OpeningReport
  ) {
    self.ledger = ledger
    self.books = books
    self.checkpointer = checkpointer
    self.sealer = sealer
    self.tree = tree
    self.snapshots = snapshots
    self.keepers = keepers
    self.opening = opening
    openRequests = Atomic(books.mutex.withLock { $0.openRequests.openCount })
  }

  // MARK: - The critical section

  /// Reads and changes the live state: some hundred nanoseconds, no I/O, no waiting. Wakes the
  /// writer afterwards when something was appended.
  public func withBooks<Result, Failure: Error>(
    _ body: (inout Books) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    var hasGrown = false
    defer { if hasGrown { ledger.signal() } }
    return try books.mutex.withLock { books throws(Failure) in
      let before = books.nextSequence
      defer {
        if books.nextSequence != before {
          hasGrown = true
          openRequests.store(books.openRequests.openCount, ordering: .relaxed)
        }
      }
      return try body(&books)
    }
  }

  // MARK: - Durability

  /// Calls `resume` once: at once when the event is durable already or never will be, else later
  /// on the writer's thread, which must not be kept.
  public func whenDurable(
    _ sequence: SequenceNumber, _ resume: @escaping @Sendable (DurabilityResult) -> Void
  ) {
    ledger.durability.wait(for: sequence, resume: resume)
  }

  /// Blocks until an event is durable. For the command line, never on a reactor.
  public func waitUntilDurable(_ sequence: SequenceNumber) throws(LedgerError) {
    try ledger.durability.waitUntilDurable(sequence)
  }

  /// The greatest durable sequence number.
  public var durable: SequenceNumber { ledger.durability.last }
  /// Why nothing can become durable any more; nil while all is well.
  public var poisoned: String? { ledger.durability.failure?.description }

  /// Whether one more request may be admitted: the log can be written, and what is granted finds
  /// room on the disk to be closed.
  public func canAdmit() -> Bool {
    ledger.durability.failure == nil
      && ledger.canAdmit(openRequests: openRequests.load(ordering: .relaxed) + 1)
  }

  // MARK: - Behind the traffic

  /// Stores the state up to what is appended now, once that is durable.
  public func checkpointNow() throws(LiveLedgerError) { try checkpointer.checkpoint() }

  /// The key that tree heads are signed with; nil when this process signs none.
  public var treeKey: NoteVerifier? {
    guard let tree else { return nil }
    // A new log's key is made by the tree's first step.
    if tree.status.verifier == nil { tree.step() }
    return tree.status.verifier ?? (try? TreeBuilder.verifier(in: files.directory)) ?? nil
  }

  /// One round of the keeper, for ledgers opened without its thread.
  public func keep() {
    checkpointer.keep()
    sealer.seal()
    while tree?.step(signsNow: true) == true {}
  }

  /// Ends in good order: the last checkpoint, a clean end of the log, the lock given back.
  public func close() throws(LiveLedgerError) {
    if isClosed.exchange(true, ordering: .sequentiallyConsistent) { return }
    keepers.stop()
    defer { checkpointer.close() }
    if ledger.durability.failure == nil { checkpointer.checkpointBeforeClosing() }
    try asLive { () throws(LedgerError) in try ledger.close() }
  }
}
