// Opening: what is known to have been acknowledged -> the log and its recovery -> the checkpoint,
// if it belongs to the log -> the tail -> what the end of the last run left open. Nothing is
// appended before everything is folded, nothing is served before what is appended here is durable.
import Base
import Ledger
import Synchronization

extension LiveLedger {
  /// A log this far ahead of the clock is refused: 1 day.
  static let greatestLead: Int64 = 86_400_000_000

  /// Opens a ledger; makes one where there is none.
  public static func open(_ options: LiveLedgerOptions) throws(LiveLedgerError) -> LiveLedger {
    let stores =
      options.stores ?? SQLiteCheckpointStores(options.fileSystem, in: options.directory)
    let ledger = try openLog(options, stores)
    do throws(LiveLedgerError) {
      return try assemble(ledger, stores, options)
    } catch {
      try? ledger.close()
      throw error
    }
  }

  private static func openLog(
    _ options: LiveLedgerOptions, _ stores: any CheckpointStores
  ) throws(LiveLedgerError) -> Ledger {
    try asLive { () throws(LedgerError) in
      var settings = LedgerOptions()
      settings.segmentBytes = options.segmentBytes
      settings.origin = options.origin
      settings.clock = options.clock
      settings.onPoison = options.onPoison
      let directory = LedgerDirectory(options.fileSystem, at: options.directory)
      settings.confirmed = try stores.confirmed(in: directory)
      return try Ledger.open(options.fileSystem, at: options.directory, options: settings)
    }
  }

  private static func assemble(
    _ ledger: Ledger, _ stores: any CheckpointStores, _ options: LiveLedgerOptions
  ) throws(LiveLedgerError) -> LiveLedger {
    let now = options.clock.now()
    let last = ledger.recovery.lastTime
    if !ledger.recovery.isNew, ledger.recovery.last > .none,
      last.microseconds > now.microseconds.addingSaturated(greatestLead), !options.acceptsClock
    {
      throw .clockBehind(now: now, last: last)
    }
    var report = OpeningReport()
    report.isNew = ledger.recovery.isNew
    report.cut = ledger.recovery.cut
    var (books, store) = try load(ledger, stores, &report)
    let replay = Replay(files: ledger.files, store: store, progress: options.progress)
    report.folded = try replay.fold(&books, through: ledger.recovery.last)
    do throws(BooksError) { try books.adoptZone() } catch { throw .refused(error) }
    books.beginAppending()
    let shared = SharedBooks(books)
    do throws(SystemThread.StartError) {
      try ledger.start { spare in
        shared.mutex.withLock { $0.batch.exchange(with: &spare) }
      }
    } catch { throw .thread(error) }
    try recordRecovery(ledger, shared, now, &report)
    let checkpointer = Checkpointer(ledger, shared, stores, store)
    if report.folded > 0 || report.complaint != nil { try checkpointer.checkpoint() }
    let sealer = Sealer(ledger)
    let tree = options.keepsTree ? TreeBuilder(ledger.files) : nil
    let snapshots = Snapshots(ledger.files, distance: options.snapshotDistance)
    var keepers = Keepers()
    do throws(LiveLedgerError) {
      if options.runsKeeper {
        keepers.keeper = try Keeper.start(checkpointer, sealer, onTrouble: options.onTrouble)
        if let tree {
          keepers.treeKeeper = try TreeKeeper.start(tree, onTrouble: options.onTrouble)
        }
        if options.keepsSnapshots {
          keepers.snapshotKeeper = try SnapshotKeeper.start(ledger.files, snapshots)
        }
      }
    } catch {
      keepers.stop()
      throw error
    }
    return LiveLedger(
      ledger, shared, checkpointer, sealer, tree, snapshots, keepers, report)
  }

  /// The stored state if it belongs to this log, else empty books and an empty store.
  private static func load(
    _ ledger: Ledger, _ stores: any CheckpointStores, _ report: inout OpeningReport
  ) throws(LiveLedgerError) -> (Books, any CheckpointStore) {
    let opened = try asLive { () throws(StoreError) in try stores.open() }
    let isFirst = ledger.recovery.last == .none
    var complaint = isFirst ? nil : opened.complaint.map { "\($0); it was made again" }
    do throws(StoreError) {
      if let header = try opened.store.header() {
        complaint = try mismatch(header, ledger.files)
        if complaint == nil {
          var books = Books()
          try books.load(from: opened.store, at: header.sequence)
          report.loaded = header.sequence
          return (books, opened.store)
        }
      } else if !isFirst {
        complaint = complaint ?? "projections.sqlite was empty; it was made again"
      }
    } catch {
      guard case .damaged = error else { throw .store(error) }
      complaint = "\(error); it was made again"
    }
    report.complaint = complaint
    let empty = try asLive { () throws(StoreError) in try stores.reset(opened.store) }
    return (Books(), empty)
  }

  /// Why a stored state cannot be used; one that the log cannot be compared with cannot.
  private static func mismatch(
    _ header: CheckpointHeader, _ files: LedgerFiles
  ) throws(StoreError) -> String? {
    do throws(LedgerError) {
      return try header.mismatch(files).map { "the read model was made again: \($0)" }
    } catch { throw .damaged("it cannot be compared with the log: \(error)") }
  }

  /// Appends what recovery did and what the last run left open, and waits until it is durable.
  private static func recordRecovery(
    _ ledger: Ledger, _ shared: SharedBooks, _ now: Timestamp, _ report: inout OpeningReport
  ) throws(LiveLedgerError) {
    if let cut = ledger.recovery.cut {
      var event = TailCut()
      event.first = ledger.recovery.last.next
      event.offset = UInt64(cut.offset)
      event.length = UInt64(cut.byteCount)
      event.segment = "\(cut.segment)"
      event.kept = cut.copy
      try append(event, now, ledger, shared)
    }
    let note = try asLive { () throws(LedgerError) in
      try ledger.files.directory.pendingNote()
    }
    if let note {
      let event = Self.event(of: note, epoch: ledger.files.identity.epoch)
      try append(event, now, ledger, shared)
    }
    for request in shared.mutex.withLock({ $0.openRequests.allOpen }) {
      var event = OutcomeUnknown()
      event.party = request.party
      event.hold = request.hold
      event.serviceTime = request.serviceTime
      event.target = request.target
      event.subscription = request.subscription
      event.group = request.group
      try append(event, now, ledger, shared)
      report.unknownOutcomes += 1
    }
    for job in shared.mutex.withLock({ $0.corrections.pendingJobs }) {
      var event = RepricingAbandoned()
      event.state.job = job.job
      event.state.count = UInt64(job.count)
      event.state.listDelta = job.listDelta
      event.state.chargedDelta = job.chargedDelta
      event.state.authorship = Authorship(
        actor: "daybook", reason: "the job had not been finished when the ledger was opened")
      try append(event, now, ledger, shared)
      report.abandonedJobs += 1
    }
    let last = shared.mutex.withLock { $0.lastSequence }
    try asLive { () throws(LedgerError) in
      try ledger.durability.waitUntilDurable(last)
      if note != nil { try ledger.files.directory.forgetPendingNote() }
    }
  }

  /// Appends one event of the ledger's own; waits for the writer when the batch is full.
  private static func append(
    _ payload: some RecordPayload, _ now: Timestamp, _ ledger: Ledger, _ shared: SharedBooks
  ) throws(LiveLedgerError) {
    while true {
      let failure: BooksError? = shared.mutex.withLock { books in
        do throws(BooksError) {
          try books.append(payload, now: now)
          return nil
        } catch { return error }
      }
      ledger.signal()
      guard let failure else { return }
      guard failure == .full else { throw .refused(failure) }
      let first = shared.mutex.withLock { $0.batch.first }
      try asLive { () throws(LedgerError) in
        try ledger.durability.waitUntilDurable(first)
      }
    }
  }
}

/// The threads behind the traffic.
struct Keepers: Sendable {
  var keeper: Keeper?
  var treeKeeper: TreeKeeper?
  var snapshotKeeper: SnapshotKeeper?

  func stop() {
    snapshotKeeper?.stop()
    keeper?.stop()
    treeKeeper?.stop()
  }
}

extension Int64 {
  func addingSaturated(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other > 0 ? .max : .min) : sum
  }
}
