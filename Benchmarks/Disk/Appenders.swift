// Callers that append an event, wait until it is durable, and append the next one: driven as
// reactors drive requests, by a thread per core that many callers share.
import Base
import Ledger
import Synchronization

/// A ledger with its pending batch, a keeper, and events to append.
final class AppendLedger: Sendable {
  let ledger: Ledger
  let meter = Meter()
  private let batch: Mutex<PendingBatch>
  private let events: SampleEvents
  private let isStopping = Atomic(false)
  private let keeper = Mutex<SystemThread?>(nil)
  /// When the writer took the batch it is committing; 0 = it commits nothing.
  private let taken = Atomic<Int64>(0)
  private let commits = Mutex<[Double]>([])
  private let clock = SystemWallClock()

  init(at path: String, _ events: SampleEvents) throws {
    self.events = events
    ledger = try Ledger.open(MeteredFileSystem(meter: meter), at: path)
    batch = Mutex(ledger.makeBatch())
    try ledger.start { spare in
      self.batch.withLock { $0.exchange(with: &spare) }
      if !spare.isEmpty { self.taken.store(monotonicNanoseconds(), ordering: .relaxed) }
    }
    let thread = try SystemThread.start(name: "keeper") { self.keep() }
    keeper.withLock { $0 = thread }
  }

  private func keep() {
    let bell = Doorbell()
    let clock = SystemMonotonicClock()
    while !isStopping.load(ordering: .relaxed) {
      if ledger.wantsPreparing { _ = try? ledger.prepareAhead() }
      bell.wait(until: clock.now.advanced(milliseconds: 20))
    }
  }

  func close() throws {
    isStopping.store(true, ordering: .relaxed)
    keeper.withLock { $0?.join() }
    try ledger.close()
  }

  /// Appends the event with this number (they repeat).
  /// - Returns: nil when the batch is full.
  func append(_ number: Int) throws -> SequenceNumber? {
    let result = try batch.withLock { batch throws(RecordError) in
      try events.append(number, to: &batch, clock: clock.now())
    }
    guard case .appended(let sequence, _) = result else { return nil }
    return sequence
  }

  /// Called on the writer's thread when an event is durable: the first of a commit ends it.
  func noteDurable() {
    let start = taken.exchange(0, ordering: .relaxed)
    guard start != 0 else { return }
    let elapsed = Double(monotonicNanoseconds() - start)
    commits.withLock { $0.append(elapsed) }
  }

  /// Nanoseconds from taking a batch to its being durable, of each commit since the last call.
  func takeCommits() -> [Double] {
    commits.withLock { commits in
      defer { commits = [] }
      return commits
    }
  }
}

/// What a slice of time with concurrent appenders showed.
struct AppendSlice {
  var events = 0
  var seconds = 0.0
  /// Nanoseconds of commits on the writer's thread: encode, pwrite, fdatasync, publish.
  var commits: [Double] = []
  /// Nanoseconds from append to the caller's going on.
  var waits: [Double] = []
  var blocks: [MeteredBlock] = []
  var rate: Double { Double(events) / seconds }
}

extension AppendLedger {
  /// Lets `count` appenders run for some time.
  func run(appenders count: Int, seconds: Double) throws -> AppendSlice {
    _ = takeCommits()
    _ = meter.take()
    let threads = min(count, 2)
    let drivers = (0..<threads).map { index in
      AppendDriver(self, appenders: count / threads, first: index * 1000, seconds: seconds)
    }
    let watch = Stopwatch()
    let running = try drivers.map { driver in
      try SystemThread.start(name: "appenders") { driver.run() }
    }
    for thread in running { thread.join() }
    var slice = AppendSlice()
    slice.seconds = watch.seconds
    for driver in drivers {
      if let failure = driver.failure { throw failure }
      slice.waits += driver.waits
    }
    slice.events = slice.waits.count
    slice.commits = takeCommits()
    slice.blocks = meter.take()
    return slice
  }
}

/// One thread that drives several appenders. Its results are read after the thread has ended.
final class AppendDriver: @unchecked Sendable {
  private let ledger: AppendLedger
  private let appenders: Int
  private let seconds: Double
  private var number: Int
  private let mailbox = Mailbox<Int64>()
  private let bell = Doorbell()
  private(set) var waits: [Double] = []
  private(set) var failure: (any Error)?

  init(_ ledger: AppendLedger, appenders: Int, first: Int, seconds: Double) {
    self.ledger = ledger
    self.appenders = appenders
    self.seconds = seconds
    number = first
    waits.reserveCapacity(1 << 20)
  }

  func run() {
    do {
      let watch = Stopwatch()
      var open = 0
      for _ in 0..<appenders where try start() { open += 1 }
      var ended: [Int64] = []
      while open > 0 {
        mailbox.take(into: &ended)
        if ended.isEmpty {
          bell.wait()
          continue
        }
        let isOver = watch.seconds >= seconds
        for since in ended {
          waits.append(Double(monotonicNanoseconds() - since))
          open -= 1
          if !isOver, try start() { open += 1 }
        }
      }
    } catch { failure = error }
  }

  private func start() throws -> Bool {
    let since = monotonicNanoseconds()
    guard let sequence = try ledger.append(number) else { return false }
    number += 1
    ledger.ledger.signal()
    ledger.ledger.durability.wait(for: sequence) { [ledger, mailbox, bell] _ in
      ledger.noteDurable()
      if mailbox.put(since) { bell.ring() }
    }
    return true
  }
}
