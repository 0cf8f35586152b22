// The open ledger from a directory: recovery, checkpoints, damaged read models, rebuild.
import Base
import Glibc
import Ledger
import TestSupport
import Testing

@testable import Projections

struct LiveLedgerTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path + "/data" }

  private func options(_ clock: ManualWallClock = ManualWallClock(start)) -> LiveLedgerOptions {
    var options = LiveLedgerOptions(directory: path)
    options.clock = clock
    options.runsKeeper = false
    options.segmentBytes = 4 << 20
    return options
  }
  private static let start = Timestamp(microseconds: 1_780_000_000_000_000)

  /// What a small business does first, and one request that stays open.
  @discardableResult
  private func fill(_ live: LiveLedger, requests: Int = 5) throws -> SequenceNumber {
    let last = try live.withBooks { books -> SequenceNumber in
      var s = try Scenario.small(in: books, now: Self.start)
      for number in 0..<requests {
        let request = try s.admit(hold: 100)
        try s.settle(request, charged: Int64(10 + number))
      }
      try s.admit(hold: 77)
      books = s.books
      return books.lastSequence
    }
    try live.waitUntilDurable(last)
    return last
  }
  private func balance(_ live: LiveLedger) -> NanoUSD {
    live.withBooks { $0.available(user: UserID(1)).balance }
  }
  private func snapshot(_ live: LiveLedger) -> Books { live.withBooks { $0 } }
  private func expectEqual(_ a: Books, _ b: Books) {
    var (a, b) = (a, b)
    #expect(a.differences(from: &b) == [])
  }

  @Test func `an empty directory opens and has nothing to complain about`() throws {
    let live = try LiveLedger.open(options())
    #expect(live.opening.isNew)
    #expect(live.opening.complaint == nil)
    #expect(live.status().last == .none)
    try live.close()
  }

  @Test func `a re-pricing job found unfinished is abandoned and changes nothing`() throws {
    let first = try LiveLedger.open(options())
    try fill(first)
    let before = balance(first)
    let last = try first.withBooks { books -> SequenceNumber in
      var event = ChargeCorrected()
      event.party.user = UserID(1)
      event.party.key = KeyID(1)
      event.group = GroupID(1)
      event.model = ModelID(1)
      event.job = 1
      event.listDelta = NanoUSD(-5)
      event.chargedDelta = NanoUSD(-5)
      return try books.append(event, now: Self.start)
    }
    try first.waitUntilDurable(last)
    try first.close()
    let second = try LiveLedger.open(options())
    #expect(second.opening.abandonedJobs == 1)
    #expect(balance(second) == before)
    #expect(snapshot(second).corrections.job(1)?.progress == .abandoned)
    try second.close()
  }

  @Test func `a request open at the end of a run is recorded as outcome unknown`() throws {
    let first = try LiveLedger.open(options())
    try fill(first)
    try first.close()
    let second = try LiveLedger.open(options())
    #expect(second.opening.unknownOutcomes == 1)
    let status = second.status()
    #expect(status.unknownOutcomes == 1)
    #expect(status.openRequests == 0)
    #expect(status.held == .zero)
    #expect(status.durable == status.last)
    #expect(balance(second) == NanoUSD(10_000_000_000 - 60))
    try second.close()
  }

  @Test func `a start loads the checkpoint and folds only what came after it`() throws {
    let first = try LiveLedger.open(options())
    let last = try fill(first)
    let before = snapshot(first)
    try first.close()
    let second = try LiveLedger.open(options())
    #expect(second.opening.loaded == last)
    #expect(second.opening.folded == 0)
    #expect(second.opening.complaint == nil)
    #expect(snapshot(second).catalog.allUsers == before.catalog.allUsers)
    try second.close()
  }

  @Test func `without a checkpoint everything is folded again to the same state`() throws {
    let first = try LiveLedger.open(options())
    try fill(first)
    try first.close()
    let second = try LiveLedger.open(options())
    let before = snapshot(second)
    try second.close()
    for suffix in ["", "-wal", "-shm"] { unlink(path + "/projections.sqlite" + suffix) }
    let third = try LiveLedger.open(options())
    #expect(third.opening.complaint == "projections.sqlite is missing; it was made again")
    #expect(third.opening.loaded == .none)
    #expect(third.opening.folded == before.lastSequence.value)
    expectEqual(snapshot(third), before)
    try third.close()
  }

  @Test func `a file that is no database is moved aside and made again`() throws {
    let first = try LiveLedger.open(options())
    try fill(first)
    try first.close()
    let files = RealFileSystem()
    let file = try files.open(path + "/projections.sqlite", .replace)
    try file.writeFully(Array(repeating: UInt8(ascii: "x"), count: 8192).span, at: 0)
    let second = try LiveLedger.open(options())
    #expect(second.opening.complaint?.contains("moved to") == true)
    #expect(balance(second) == NanoUSD(10_000_000_000 - 60))
    #expect(try files.status(of: path + "/projections.sqlite.damaged-1") != nil)
    try second.close()
  }

  @Test func `a changed balance in the file is found and not believed`() throws {
    let first = try LiveLedger.open(options())
    try fill(first)
    try first.close()
    let database = try SQLiteDatabase(path: path + "/projections.sqlite", mode: .readWrite)
    try database.execute("UPDATE balances SET credited_nano_usd = 5, balance_nano_usd = -55")
    database.close()
    let second = try LiveLedger.open(options())
    #expect(second.opening.complaint?.contains("balances") == true)
    #expect(balance(second) == NanoUSD(10_000_000_000 - 60))
    try second.close()
  }

  @Test func `a checkpoint of another version is not loaded`() throws {
    let first = try LiveLedger.open(options())
    try fill(first)
    try first.close()
    let database = try SQLiteDatabase(path: path + "/projections.sqlite", mode: .readWrite)
    try database.execute("UPDATE checkpoint SET fold_level = '1:0'")
    database.close()
    let second = try LiveLedger.open(options())
    #expect(second.opening.complaint?.contains("another version") == true)
    #expect(second.opening.loaded == .none)
    try second.close()
  }

  @Test func `a checkpoint whose chain value is not the log's is not loaded`() throws {
    let first = try LiveLedger.open(options())
    try fill(first)
    try first.close()
    let database = try SQLiteDatabase(path: path + "/projections.sqlite", mode: .readWrite)
    try database.execute("UPDATE checkpoint SET chain = (chain + 1) % 4294967296")
    database.close()
    let second = try LiveLedger.open(options())
    #expect(second.opening.complaint?.contains("chain") == true)
    try second.close()
  }

  @Test func `a fold with a thread that reads ahead equals one without and the live state`() throws
  {
    let live = try LiveLedger.open(options())
    let last = try fill(live, requests: 400)
    var states: [Books] = []
    for distance in [0, UInt64.max] {
      var books = Books()
      var replay = Replay(files: live.files, store: nil)
      replay.readAheadDistance = distance
      let folded = try replay.fold(&books, through: last)
      #expect(folded == last.value)
      states.append(books)
    }
    expectEqual(states[0], states[1])
    expectEqual(states[0], snapshot(live))
    try live.close()
  }

  @Test func `a rebuild equals the live state and the next start loads it`() throws {
    let live = try LiveLedger.open(options())
    try fill(live, requests: 50)
    let before = snapshot(live)
    let report = try live.rebuild()
    #expect(report.differences == [])
    #expect(report.events == before.lastSequence.value)
    expectEqual(snapshot(live), before)
    try live.withBooks { books in
      _ = try books.internModel("after the rebuild", now: Self.start)
    }
    try live.close()
    let again = try LiveLedger.open(options())
    #expect(again.opening.complaint == nil)
    #expect(again.opening.loaded == before.lastSequence.next)
    try again.close()
  }

  @Test func `a rebuild finds and repairs a live state that is wrong`() throws {
    let live = try LiveLedger.open(options())
    try fill(live)
    live.withBooks { books in books.balances.rows.update(1) { $0.credited = NanoUSD(1) } }
    let report = try live.rebuild()
    #expect(report.differences.contains { $0.contains("balances 1") })
    #expect(balance(live) == NanoUSD(10_000_000_000 - 60))
    try live.close()
  }

  @Test func `a log a day ahead of the clock is refused unless the clock is accepted`() throws {
    let first = try LiveLedger.open(options())
    try fill(first)
    try first.close()
    let early = Timestamp(microseconds: Self.start.microseconds - 90_000_000_000)
    do {
      let opened = try LiveLedger.open(options(ManualWallClock(early)))
      try opened.close()
      Issue.record("a log ahead of the clock was opened")
    } catch {
      guard case .clockBehind = error else { throw error }
    }
    var accepting = options(ManualWallClock(early))
    accepting.acceptsClock = true
    let second = try LiveLedger.open(accepting)
    #expect(second.opening.unknownOutcomes == 1)
    try second.close()
  }

  @Test func `a second writer is refused while the first one is open`() throws {
    let first = try LiveLedger.open(options())
    do {
      _ = try LiveLedger.open(options())
      Issue.record("a second writer was let in")
    } catch {
      guard case .ledger(.locked) = error else { throw error }
    }
    try first.close()
  }

  @Test func `full segments are sealed behind the traffic and fold to the same state`() throws {
    var options = options()
    options.segmentBytes = 1 << 20
    let live = try LiveLedger.open(options)
    try fill(live)
    var numbers = SeededNumbers(seed: 1)
    while live.files.segments.count < 3 {
      var event = SettingsDeclared()
      event.settings =
        (0..<6000).map { _ in "\(UInt64.random(in: 0...UInt64.max, using: &numbers))" }
        .joined(separator: " ").prefix(60_000).description
      let settings = event
      let last = try live.withBooks { books in try books.append(settings, now: Self.start) }
      try live.waitUntilDurable(last)
    }
    live.keep()
    #expect(live.status().sealingProblem == nil)
    #expect(try live.ledger.sealIfNeeded(counting: Sealer.count) == .nothingToDo)
    let report = try live.rebuild()
    #expect(report.differences == [])
    try live.close()
  }

  @Test func `the keeper's thread checkpoints behind the traffic and ends with close`() throws {
    var options = options()
    options.runsKeeper = true
    let live = try LiveLedger.open(options)
    let last = try fill(live)
    let clock = SystemMonotonicClock()
    let deadline = clock.now.advanced(seconds: 60)
    let pause = Doorbell()
    while live.status().checkpoint < last, clock.now < deadline {
      pause.wait(until: clock.now.advanced(milliseconds: 20))
    }
    #expect(live.status().checkpoint >= last)
    try live.close()
  }
}
