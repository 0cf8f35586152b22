// Seeded random histories: what is live, what is folded again, and what checkpoints at random
// moments stored are the same, bit for bit.
import Base
import Glibc
import Ledger
import TestSupport
import Testing

@testable import Projections

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed, everywhere.
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// A random history, one step at a time.
struct RandomHistory {
  var s: Scenario
  var numbers: SeededNumbers
  private var open: [OpenRequest] = []
  private var unknown: [OpenRequest] = []

  init(seed: UInt64) throws {
    numbers = SeededNumbers(seed: seed)
    s = try .small()
    _ = try s.books.internModel("claude-other", now: s.now)
    s.collect()
    try s.addGroup("pro", target: .subscription, limits: (1_000_000, 5_000_000, 9_000_000))
    try s.addUser("bob")
    try s.issueKey(user: 2, group: 1, quota: 1_000_000)
    try s.issueKey(user: 2, group: 2)
    try s.grant(user: 2, group: 2)
    try s.credit(user: 2, 5_000_000)
    var zone = TimeZoneSet()
    zone.name = "Europe/Berlin"
    try s.append(zone)
  }

  mutating func step() throws {
    let choice = Int.random(in: 0..<100, using: &numbers)
    s.now = Timestamp(
      microseconds: s.now.microseconds + Int64.random(in: 0...40_000_000, using: &numbers))
    switch choice {
    case 0..<40:
      let key = UInt32.random(in: 1...3, using: &numbers)
      open.append(try s.admit(key: key, hold: Int64.random(in: 0...9000, using: &numbers)))
    case 40..<75: if let request = takeOpen() { try settle(request) }
    case 75..<82: if let request = takeOpen() { try s.fail(request) }
    case 82..<86:
      if let request = takeOpen() {
        try s.loseTrack(request)
        unknown.append(request)
      }
    case 86..<88: if let request = takeUnknown() { try late(request) }
    case 88..<91: try attempt()
    case 91..<94:
      try s.credit(user: UInt32.random(in: 1...2, using: &numbers), 1000, externalID: external())
    case 94..<96: s.advance(seconds: Int64.random(in: 3600...90_000, using: &numbers))
    case 96: try reprice()
    case 97: s.advance(seconds: -5)
    default: try change()
    }
  }

  private mutating func takeOpen() -> OpenRequest? {
    open.isEmpty ? nil : open.remove(at: Int.random(in: 0..<open.count, using: &numbers))
  }
  private mutating func takeUnknown() -> OpenRequest? {
    unknown.isEmpty ? nil : unknown.remove(at: Int.random(in: 0..<unknown.count, using: &numbers))
  }
  private mutating func external() -> String {
    "credit \(UInt64.random(in: 0...UInt64.max, using: &numbers))"
  }
  private mutating func settle(_ request: OpenRequest) throws {
    try s.settle(
      request, charged: Int64.random(in: 0...5000, using: &numbers),
      model: UInt32.random(in: 1...2, using: &numbers))
  }
  private mutating func late(_ request: OpenRequest) throws {
    try s.append(
      LateSettled(s.settlement(of: request, charged: Int64.random(in: 1...99, using: &numbers))))
  }
  private mutating func attempt() throws {
    guard let request = open.last else { return }
    var event = AttemptFailed()
    event.party = request.party
    event.account = AccountID(1)
    event.status = 529
    event.coolDown = Milliseconds(600_000)
    try s.append(event)
  }
  /// A job with a few corrections: applied, abandoned or left to the next step.
  private mutating func reprice() throws {
    var state = RepricingState()
    state.job = s.books.corrections.nextJob
    for _ in 0..<3 {
      var event = ChargeCorrected()
      event.party.user = UserID(2)
      event.party.key = KeyID(3)
      event.party.serviceDay = DayNumber(
        s.books.zone.day(of: s.now).value - Int32.random(in: 0...9, using: &numbers))
      event.group = GroupID(2)
      event.model = ModelID(1)
      event.job = state.job
      event.target = .subscription
      event.subscription = SubscriptionID(1)
      event.listDelta = NanoUSD(Int64.random(in: -50...50, using: &numbers))
      event.chargedDelta = NanoUSD(Int64.random(in: -50...50, using: &numbers))
      try s.append(event)
      state.count += 1
      state.listDelta += event.listDelta
      state.chargedDelta += event.chargedDelta
    }
    if Bool.random(using: &numbers) {
      var event = RepricingApplied()
      event.state = state
      try s.append(event)
    } else {
      var event = RepricingAbandoned()
      event.state = state
      try s.append(event)
    }
  }
  private mutating func change() throws {
    var state = UserState()
    state.user = UserID(1)
    state.name = "ada \(s.books.nextSequence)"
    try s.append(UserChanged(state))
  }
}

struct HistoryTests {
  static let seeds: [UInt64] = Array(1...12)

  private func header(_ sequence: SequenceNumber) throws -> CheckpointHeader {
    let log = try #require(LogID("000102030405060708090a0b0c0d0e0f"))
    return CheckpointHeader(
      logID: log, epoch: 1, sequence: sequence, chain: 0, foldLevel: Books.foldLevel)
  }

  @Test(arguments: seeds) func `a fold of the records equals the live state`(
    seed: UInt64
  ) throws {
    var history = try RandomHistory(seed: seed)
    for _ in 0..<400 { try history.step() }
    var rebuilt = try history.s.rebuilt()
    #expect(history.s.books.differences(from: &rebuilt) == [], "seed \(seed)")
    #expect(history.s.books.dailyCells.additions == rebuilt.dailyCells.additions, "seed \(seed)")
  }

  @Test(arguments: seeds) func `a state loaded from any checkpoint equals the live one`(
    seed: UInt64
  ) throws {
    var history = try RandomHistory(seed: seed)
    let directory = TemporaryDirectory()
    let sqlite = try SQLiteCheckpointStore(path: directory.path + "/test.sqlite")
    let memory = MemoryCheckpointStore()
    for _ in 0..<8 {
      for _ in 0..<Int.random(in: 1...80, using: &history.numbers) { try history.step() }
      // A cut taken in small steps while the history goes on.
      let begun = history.s.books.beginCut()
      var frozen = history.s.books
      while !history.s.books.continueCut(limit: 3) {
        if Bool.random(using: &history.numbers) { try history.step() }
      }
      let cut = history.s.books.takeCut(begun).encoded
      try sqlite.commit(cut, header(cut.sequence))
      memory.commit(cut, try header(cut.sequence))
      var (fromSQLite, fromMemory) = (Books(), Books())
      try fromSQLite.load(from: sqlite, at: cut.sequence)
      try fromMemory.load(from: memory, at: cut.sequence)
      #expect(frozen.differences(from: &fromSQLite) == [], "seed \(seed)")
      #expect(frozen.differences(from: &fromMemory) == [], "seed \(seed)")
    }
    sqlite.close()
  }

  @Test(arguments: seeds) func `stored daily cells are the same whenever they were stored`(
    seed: UInt64
  ) throws {
    var history = try RandomHistory(seed: seed)
    let often = MemoryCheckpointStore()
    for _ in 0..<20 {
      for _ in 0..<30 { try history.step() }
      often.commit(history.s.books.cut(), try header(history.s.books.lastSequence))
    }
    let once = MemoryCheckpointStore()
    var rebuilt = try history.s.rebuilt()
    once.commit(rebuilt.cut(), try header(rebuilt.lastSequence))
    #expect(try cells(of: often) == cells(of: once), "seed \(seed)")
    let total = try cells(of: often).map(\.usage.charged).reduce(.zero, +)
    let statistics = (1...3).map {
      history.s.books.keyStatistics.statistics(of: KeyID($0)).total.charged
    }
    #expect(total == statistics.reduce(.zero, +), "seed \(seed)")
  }

  private func cells(of store: MemoryCheckpointStore) throws -> [DailyCell] {
    var cells: [DailyCell] = []
    try store.eachCell(from: DayNumber(.min)) { cells.append($0) }
    return cells
  }

  @Test(arguments: seeds) func `a loaded state folds on to the same end`(seed: UInt64) throws {
    var history = try RandomHistory(seed: seed)
    for _ in 0..<150 { try history.step() }
    let store = MemoryCheckpointStore()
    store.commit(history.s.books.cut(), try header(history.s.books.lastSequence))
    var loaded = Books()
    try loaded.load(from: store, at: history.s.books.lastSequence)
    let known = history.s.records.count
    for _ in 0..<250 { try history.step() }
    for index in known..<history.s.records.count {
      let record = history.s.records[index]
      try loaded.apply(
        RecordView(record.span), sequence: SequenceNumber(UInt64(index) + 1))
    }
    #expect(history.s.books.differences(from: &loaded) == [], "seed \(seed)")
  }
}
