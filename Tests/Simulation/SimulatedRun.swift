// One seeded life of a ledger on a simulated disk: it is opened, used, crashed, opened again, by
// the code that serves. After each crash: every acknowledged event is there, once, in order, with
// its bytes; nothing that was never appended is; `verify` finds nothing; live state equals a
// rebuild; no signed head is lost or contradicted.
//
// The same seed makes the same calls: one thread appends and waits, the writer's thread writes
// meanwhile, and nothing else runs.
import Base
import Ledger
import Projections
import TestSupport

/// A promise that was broken, with the seed that shows it.
public struct BrokenPromise: Error, CustomStringConvertible {
  public let seed: UInt64
  public let what: String
  public var description: String { "seed \(seed): \(what)" }
}

/// What runs did.
public struct SimulationCounts: Sendable {
  public var runs = 0
  public var crashes = 0
  /// Of these: the process was killed first, and the power failed under the next one.
  public var kills = 0
  public var openings = 0
  /// Faults by kind.
  public var errors = 0
  public var acknowledged: UInt64 = 0
  public var heads = 0
  /// Segments that were sealed when a life ended well, and joined by compaction.
  public var sealed = 0
  public var joined = 0
  public var flips = 0
  public var misdirected = 0
  public init() {}

  public mutating func add(_ other: SimulationCounts) {
    runs += other.runs
    crashes += other.crashes
    kills += other.kills
    openings += other.openings
    errors += other.errors
    acknowledged += other.acknowledged
    heads += other.heads
    sealed += other.sealed
    joined += other.joined
    flips += other.flips
    misdirected += other.misdirected
  }
}

public struct SimulatedRun {
  public private(set) var counts = SimulationCounts()

  let seed: UInt64
  var random: SplitMix64
  var disk = SimulatedFileSystem(capacity: 3 << 20)
  private let stores = MemoryCheckpointStores()
  private let clock = ManualWallClock(Timestamp(seconds: 1_780_000_000))
  /// The last acknowledged event, and the checksum of each that was read back.
  private(set) var acknowledged: UInt64 = 0
  private(set) var checksums: [UInt64: UInt32] = [:]
  /// The greatest event that was ever appended, acknowledged or not.
  private var appended: UInt64 = 0
  private var shownHead: TreeHead?

  public init(seed: UInt64) {
    self.seed = seed
    random = SplitMix64(seed: seed)
  }

  mutating func noteErrors(_ count: Int) { counts.errors += count }
  mutating func noteFlip() { counts.flips += 1 }
  mutating func noteMisdirected() { counts.misdirected += 1 }

  func fail(_ what: String) -> BrokenPromise { BrokenPromise(seed: seed, what: what) }

  /// Lives through it.
  /// - Throws: `BrokenPromise`.
  public mutating func live() throws {
    counts.runs = 1
    for life in 0..<Int.random(in: 2...5, using: &random) {
      try livesOnce(life)
    }
    disk.plan(nil)
    let live = try reopened()
    try check(live, rebuilds: true)
    try live.close()
    try damageAtRest()
  }

  // MARK: - A life

  private func options() -> LiveLedgerOptions {
    var options = LiveLedgerOptions(directory: "data")
    options.fileSystem = disk
    options.stores = stores
    options.clock = clock
    options.runsKeeper = false
    options.segmentBytes = 24 << 10
    return options
  }

  /// Opens, uses and, most often, crashes the ledger.
  private mutating func livesOnce(_ life: Int) throws {
    planFaults(within: [150, 300, 900].randomElement(using: &random) ?? 300)
    var live: LiveLedger?
    do {
      live = try LiveLedger.open(options())
      counts.openings += 1
      if let live {
        noteAppended(live)
        acknowledge(live)
        for _ in 0..<Int.random(in: 1...60, using: &random) {
          if disk.hasCrashed || live.poisoned != nil { break }
          try act(live)
        }
        if Bool.random(using: &random) { try live.close() }
      }
    } catch let broken as BrokenPromise {
      throw broken
    } catch {
      // The power or the disk failed: what was acknowledged until then counts.
    }
    if let live { noteAppended(live) }
    disk.plan(nil)
    try crash(live)
  }

  /// The power goes, whether it went by itself or goes now; sometimes again while recovering.
  private mutating func crash(_ live: LiveLedger?) throws {
    var again = 0
    // A process that was killed leaves its page cache; the next one must not trust that.
    if !disk.hasCrashed, Int.random(in: 0..<3, using: &random) == 0 {
      disk = disk.kill()
      counts.kills += 1
      try? live?.close()
      let number = disk.calls + Int.random(in: 1...60, using: &random)
      disk.plan { $0.number == number ? .crash : nil }
      let next = try? LiveLedger.open(options())
      if let next {
        noteAppended(next)
        // What the next process shows is promised as well.
        acknowledge(next)
      }
      disk.plan(nil)
      disk = disk.crash(seed: random.next())
      try? next?.close()
    } else {
      disk = disk.crash(seed: random.next())
    }
    counts.crashes += 1
    // The old process's threads end; its disk is not this one any more.
    try? live?.close()
    while again < 3, Int.random(in: 0..<3, using: &random) == 0 {
      again += 1
      let number = disk.calls + Int.random(in: 1...90, using: &random)
      disk.plan { $0.number == number ? .crash : nil }
      let half = try? LiveLedger.open(options())
      if let half { noteAppended(half) }
      disk.plan(nil)
      disk = disk.crash(seed: random.next())
      counts.crashes += 1
      try? half?.close()
    }
    let live = try reopened()
    try check(live, rebuilds: Int.random(in: 0..<4, using: &random) == 0)
    try live.close()
  }

  private mutating func reopened() throws -> LiveLedger {
    do {
      let live = try LiveLedger.open(options())
      counts.openings += 1
      return live
    } catch { throw fail("the ledger does not open after a crash: \(error)") }
  }

  private mutating func noteAppended(_ live: LiveLedger) {
    appended = max(appended, live.withBooks { $0.lastSequence.value })
  }

  /// What is durable now was acknowledged; its bytes are remembered.
  private mutating func acknowledge(_ live: LiveLedger) {
    let durable = live.durable.value
    guard durable > acknowledged else { return }
    counts.acknowledged += durable - acknowledged
    var reader = LedgerReader(live.files, from: SequenceNumber(acknowledged + 1))
    acknowledged = durable
    do {
      while var batch = try reader.next() {
        while let record = batch.next() {
          checksums[batch.sequence.value] = CRC32C.checksum(record.bytes)
        }
      }
    } catch {
      // The disk failed while it was read: that they were acknowledged is known all the same.
    }
  }

  // MARK: - What a ledger does

  private mutating func act(_ live: LiveLedger) throws {
    switch Int.random(in: 0..<16, using: &random) {
    case 0..<8: try append(live)
    case 8, 9: try live.checkpointNow()
    case 10: live.keep()
    case 11:
      let report = try live.compact()
      counts.joined += max(0, report.segmentsBefore - report.segmentsAfter)
    case 12: _ = try live.ledger.prepareAhead()
    case 13: clock.advance(bySeconds: Int64.random(in: -3...90, using: &random))
    default:
      while live.tree?.step(signsNow: true) == true {}
    }
    if let head = live.tree?.status.head?.head, head.size > shownHead?.size ?? 0 {
      shownHead = head
      counts.heads += 1
      guard head.size <= live.durable.value else {
        throw fail("a head of \(head.size) events was signed, \(live.durable) are durable")
      }
    }
  }

  private mutating func append(_ live: LiveLedger) throws {
    let count = Int.random(in: 1...5, using: &random)
    let now = clock.now()
    var length = 0
    var names: [UInt64] = []
    for _ in 0..<count {
      names.append(random.next())
      length = max(length, [8, 40, 900, 3000, 9000].randomElement(using: &random) ?? 8)
    }
    let text = String(repeating: "reason ", count: length / 7)
    let last = try live.withBooks { books throws(BooksError) in
      for name in names {
        guard let user = books.catalog.allUsers.last, name % 4 != 0 else {
          var event = UserAdded()
          event.state.user = books.catalog.nextUser
          event.state.name = "user\(name)"
          try books.append(event, now: now)
          continue
        }
        var event = CreditAdded()
        event.party.user = user.id
        event.amount = NanoUSD(Int64(name % 1_000_000) + 1)
        event.authorship = Authorship(actor: "simulation", reason: text)
        try books.append(event, now: now)
      }
      return books.lastSequence
    }
    noteAppended(live)
    try live.waitUntilDurable(last)
    acknowledge(live)
  }

  // MARK: - What must hold

  private mutating func check(_ live: LiveLedger, rebuilds: Bool) throws {
    let last = live.durable.value
    noteAppended(live)
    guard last >= acknowledged else {
      throw fail("event \(acknowledged) was acknowledged, the log ends with \(last)")
    }
    try checkRecords(live.files)
    acknowledge(live)
    var request = VerificationRequest.ofEvents
    request.limit = live.durable
    let found = try Verification.run(disk, at: "data", request)
    guard found.damages.isEmpty else { throw fail("verify found \(found.damages)") }
    counts.sealed += found.sealedSegments
    if rebuilds {
      let report = try live.rebuild()
      guard report.differences.isEmpty else {
        throw fail("live state is not the rebuilt one: \(report.differences)")
      }
    }
    try checkTree(live)
  }

  private func checkRecords(_ files: LedgerFiles) throws {
    var reader = LedgerReader(files, from: .first, isThorough: true)
    var expected: UInt64 = 1
    while var batch = try reader.next() {
      while let record = batch.next() {
        guard batch.sequence.value == expected else {
          throw fail("event \(batch.sequence) stands where \(expected) should")
        }
        if let known = checksums[expected], CRC32C.checksum(record.bytes) != known {
          throw fail("event \(expected) is not what was acknowledged")
        }
        expected += 1
      }
    }
    guard expected > acknowledged else { throw fail("event \(expected) cannot be read") }
  }

  private mutating func checkTree(_ live: LiveLedger) throws {
    guard let tree = live.tree else { throw fail("the tree is not built") }
    if let shown = shownHead {
      let kept = try TreeBuilder.confirmed(in: live.files.directory).value
      guard kept >= shown.size else {
        throw fail("a head of \(shown.size) events was shown, checkpoints.log ends with \(kept)")
      }
    }
    while tree.step(signsNow: true) {}
    if let problem = tree.status.problem { throw fail("no head can be signed: \(problem)") }
    if live.durable == .none { return }
    guard let head = tree.status.head?.head else { throw fail("no head was signed") }
    if let shown = shownHead {
      guard head.size >= shown.size else {
        throw fail("a head of \(shown.size) events was shown, the newest one has \(head.size)")
      }
      var reader = tree.tree.reader
      guard try reader.root(of: shown.size) == shown.root else {
        throw fail("the head of \(shown.size) events that was shown is contradicted")
      }
    }
    shownHead = head
  }
}
