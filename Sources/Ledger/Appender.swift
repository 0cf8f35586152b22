// The one writer thread: take the batch -> compress -> append the block, durably -> publish -> wake
// everyone. While a commit runs, callers fill the other batch: that is the group commit, and it
// needs no timer.
//
// A block that did not fit (disk full, short write) is given to the store again, same bytes, same
// place, until it fits; admissions are refused meanwhile. A block of unknown outcome poisons the
// log: every waiter learns it, and the process is to exit within a second.
internal import Base
internal import Synchronization

final class Appender<Store: BlockStore & ~Copyable & SendableMetatype>: Sendable {
  /// Hands the pending batch over, `PendingBatch.exchange`, under the lock that guards it.
  typealias Take = @Sendable (inout PendingBatch) -> Void

  private enum Wakefulness {
    static var asleep: Int { 0 }
    static var awake: Int { 1 }
    static var signalled: Int { 2 }
  }
  private struct Core: ~Copyable {
    var store: Store
    var encoder = BlockEncoder(level: LZ4Compressor.fast)
    var state: ChainState
  }

  private let core: Mutex<Core>
  private let logID: LogID
  private let epoch: UInt64
  private let durability: Durability
  private let retryMilliseconds: Int
  private let clock = SystemMonotonicClock()
  private let onPoison: @Sendable (LedgerError) -> Void

  private let thread = Mutex<SystemThread?>(nil)
  private let wakefulness = Atomic(Wakefulness.awake)
  private let doorbell = Doorbell()
  private let retryBell = Doorbell()
  private let isStopping = Atomic(false)
  private let isRetrying = Atomic(false)
  private let counts = Mutex(AppendStatistics())

  init(
    _ store: consuming sending Store, identity: LogIdentity, after state: ChainState,
    durability: Durability, retryMilliseconds: Int,
    onPoison: @escaping @Sendable (LedgerError) -> Void
  ) {
    core = Mutex(Core(store: store, state: state))
    logID = identity.logID
    epoch = identity.epoch
    self.durability = durability
    self.retryMilliseconds = retryMilliseconds
    self.onPoison = onPoison
  }

  /// Whether the writer waits for room on the disk.
  var isOutOfSpace: Bool { isRetrying.load(ordering: .relaxed) }
  var statistics: AppendStatistics { counts.withLock { $0 } }

  // MARK: - The thread

  /// Starts the thread. Call it once.
  func start(_ take: @escaping Take) throws(SystemThread.StartError) {
    let started = try SystemThread.start(name: "ledger writer") { self.run(take) }
    thread.withLock { $0 = started }
  }

  /// Tells the writer that a batch waits. Cheap while the writer is at work.
  func signal() {
    let before = wakefulness.exchange(
      Wakefulness.signalled, ordering: .sequentiallyConsistent)
    if before == Wakefulness.asleep { doorbell.ring() }
  }

  /// Writes what waits, ends the thread and the store.
  func stop() throws(LedgerError) {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    retryBell.ring()
    signal()
    thread.withLock { running in
      running?.join()
      running = nil
    }
    if durability.failure == nil {
      try core.withLock { core throws(LedgerError) in try core.store.close() }
      durability.fail(.closed)
    }
  }

  private func run(_ take: Take) {
    var batch = PendingBatch(after: .none, lastTime: Timestamp(microseconds: .min))
    while true {
      wakefulness.store(Wakefulness.awake, ordering: .sequentiallyConsistent)
      take(&batch)
      if !batch.isEmpty {
        guard commit(batch) else { return }
        continue
      }
      if isStopping.load(ordering: .sequentiallyConsistent) { return }
      let (slept, _) = wakefulness.compareExchange(
        expected: Wakefulness.awake, desired: Wakefulness.asleep,
        ordering: .sequentiallyConsistent)
      if slept { doorbell.wait() }
    }
  }

  // MARK: - A commit

  /// Makes a batch durable, block by block.
  /// - Returns: false when the log is poisoned.
  func commit(_ batch: borrowing PendingBatch) -> Bool {
    core.withLock { core in
      var offset = 0
      while offset < batch.bytes.count {
        let part = batch.part(from: offset)
        guard write(part, of: batch, &core) else { return false }
        offset = part.range.upperBound
      }
      return true
    }
  }

  private func write(
    _ part: PendingBatch.Part, of batch: borrowing PendingBatch, _ core: inout Core
  ) -> Bool {
    let first = core.state.last.next
    let started = BlockHeader(
      logID: logID, epoch: epoch, first: first, count: part.count,
      leastTime: part.leastTime.microseconds, greatestTime: part.greatestTime.microseconds,
      chain: core.state.chain)
    let header = core.encoder.encode(
      batch.bytes.span.extracting(part.range), header: started, aligned: core.store.alignsBlocks)
    var attempts = 0
    while true {
      switch Self.give(core.encoder, header, to: &core.store) {
      case .durable:
        isRetrying.store(false, ordering: .relaxed)
        core.state.take(header)
        counts.withLock {
          $0.blocks += 1
          $0.records += header.count
          $0.rawBytes += header.rawBytes
          $0.storedBytes += header.blockLength
          $0.retries += attempts
        }
        durability.publish(header.last)
        return true
      case .failed(let why):
        attempts += 1
        if attempts > 2 && isStopping.load(ordering: .relaxed) {
          return poison("closed while the disk had no room: \(why)")
        }
        if attempts > 2 { waitForRoom() }
      case .unknown(let why):
        return poison(why)
      }
    }
  }

  private static func give(
    _ encoder: borrowing BlockEncoder, _ header: BlockHeader, to store: inout Store
  ) -> BlockOutcome {
    store.append(encoder.block, header: header)
  }

  private func waitForRoom() {
    isRetrying.store(true, ordering: .relaxed)
    retryBell.wait(until: clock.now.advanced(milliseconds: retryMilliseconds))
  }

  private func poison(_ why: String) -> Bool {
    let error = LedgerError.poisoned(why)
    durability.fail(error)
    onPoison(error)
    return false
  }
}
