// Books with a clock moved by hand and short words for what happens to them. Every record that was
// appended is kept, so that the same history can be folded again.
import Base
import Ledger

@testable import Projections

/// A small business: users with one key each, balance and subscription groups, accounts.
struct Scenario {
  var books = Books()
  var now = Timestamp(microseconds: 1_780_000_000_000_000)
  private(set) var records: [[UInt8]] = []
  /// Whether appended records are taken out of the batch and kept.
  private var keepsRecords = true

  init() {}

  /// Goes on in books of somebody else, whose batch is left for the writer.
  init(in books: Books, now: Timestamp) {
    self.books = books
    self.now = now
    keepsRecords = false
  }

  /// One user, key, group, account and model, numbered 1 each.
  static func small(credit: Int64 = 10_000_000_000) throws -> Scenario {
    var s = try small(in: Books(), now: Scenario().now, credit: credit)
    s.keepsRecords = true
    s.collect()
    return s
  }

  /// The same in books of somebody else.
  static func small(
    in books: Books, now: Timestamp, credit: Int64 = 10_000_000_000
  ) throws -> Scenario {
    var s = Scenario(in: books, now: now)
    _ = try s.books.internModel("claude-test", now: s.now)
    try s.addGroup("default")
    try s.addAccount("main-1")
    try s.addUser("ada")
    try s.issueKey(user: 1, group: 1)
    if credit != 0 { try s.credit(user: 1, credit) }
    return s
  }

  mutating func advance(seconds: Int64) {
    now = Timestamp(microseconds: now.microseconds + seconds * 1_000_000)
  }

  @discardableResult
  mutating func append(_ payload: some RecordPayload) throws(BooksError) -> SequenceNumber {
    defer { collect() }
    return try books.append(payload, now: now)
  }

  /// Takes what was appended, as the writer thread does.
  mutating func collect() {
    guard keepsRecords, !books.batch.isEmpty else { return }
    let bytes = books.batch.bytes
    var batch = RecordBatch(
      bytes.span, first: books.batch.first, count: books.batch.count)
    while let record = batch.next() { records.append([UInt8](record.bytes)) }
    var spare = PendingBatch(after: .none, lastTime: Timestamp(microseconds: 0))
    books.batch.exchange(with: &spare)
  }

  mutating func addGroup(
    _ name: String, target: PaymentTarget = .balance, limits: (Int64, Int64, Int64)? = nil
  ) throws {
    var event = GroupDeclared()
    event.group = books.catalog.nextGroup
    event.name = name
    event.target = target
    if let limits {
      event.dailyLimit = NanoUSD(limits.0)
      event.weeklyLimit = NanoUSD(limits.1)
      event.monthlyLimit = NanoUSD(limits.2)
    }
    try append(event)
  }
  mutating func addAccount(_ name: String) throws {
    var event = AccountDeclared()
    event.account = books.accounts.nextAccount
    event.name = name
    try append(event)
  }
  mutating func addUser(_ name: String) throws {
    var state = UserState()
    state.user = books.catalog.nextUser
    state.name = name
    try append(UserAdded(state))
  }
  mutating func issueKey(user: UInt32, group: UInt32, quota: Int64 = -1) throws {
    var state = KeyState()
    state.key = books.catalog.nextKey
    state.user = UserID(user)
    state.group = GroupID(group)
    state.quota = NanoUSD(quota)
    state.hash = sha256(Array("key \(state.key.value)".utf8))
    try append(KeyIssued(state))
  }
  @discardableResult
  mutating func credit(
    user: UInt32, _ amount: Int64, externalID: String = ""
  ) throws(BooksError) -> SequenceNumber {
    var event = CreditAdded()
    event.party.user = UserID(user)
    event.amount = NanoUSD(amount)
    event.externalID = externalID
    return try append(event)
  }
  @discardableResult
  mutating func grant(user: UInt32, group: UInt32, days: Int64 = 365) throws -> SubscriptionID {
    var event = SubscriptionGranted()
    event.state.subscription = books.subscriptions.nextSubscription
    event.state.user = UserID(user)
    event.state.group = GroupID(group)
    event.state.starts = now
    event.state.expires = Timestamp(
      microseconds: now.microseconds + days * 86_400_000_000)
    try append(event)
    return event.state.subscription
  }

  /// Admits a request of a key in its group.
  @discardableResult
  mutating func admit(
    key: UInt32 = 1, hold: Int64 = 1000
  ) throws(BooksError) -> OpenRequest {
    let entry = books.catalog.key(KeyID(key)) ?? KeyEntry()
    let group = books.catalog.group(entry.group) ?? GroupEntry()
    var event = BillingChecked()
    event.party.user = entry.user
    event.party.key = entry.id
    event.group = entry.group
    event.allowed = true
    event.hold = NanoUSD(hold)
    event.target = group.target
    if group.target == .subscription {
      event.subscription =
        books.subscriptions.subscription(of: entry.user, in: entry.group)?.id ?? .none
    }
    event.requestID = ULID(time: now, random: (7, books.nextSequence.value))
    let sequence = try append(event)
    return books.openRequests.open(sequence) ?? OpenRequest()
  }

  /// A settlement that repeats what the admission said.
  func settlement(of request: OpenRequest, charged: Int64, model: UInt32 = 1) -> Settlement {
    var settled = Settlement()
    settled.party = request.party
    settled.group = request.group
    settled.account = AccountID(1)
    settled.model = ModelID(model)
    settled.upstreamModel = ModelID(model)
    settled.pricedModel = ModelID(model)
    settled.subscription = request.subscription
    settled.target = request.target
    settled.usage.input = 100
    settled.usage.output = 20
    settled.usage.cacheRead = 3
    settled.usage.cacheWrite5m = 4
    settled.list = NanoUSD(charged)
    settled.charged = NanoUSD(charged)
    settled.hold = request.hold
    settled.serviceTime = request.serviceTime
    settled.requestID = request.requestID
    settled.duration = Milliseconds(250)
    return settled
  }
  @discardableResult
  mutating func settle(
    _ request: OpenRequest, charged: Int64, model: UInt32 = 1
  ) throws(BooksError) -> SequenceNumber {
    try append(ForwardSettled(settlement(of: request, charged: charged, model: model)))
  }
  mutating func fail(_ request: OpenRequest) throws(BooksError) {
    var event = ForwardFailed()
    event.party = request.party
    event.hold = request.hold
    event.serviceTime = request.serviceTime
    event.target = request.target
    event.subscription = request.subscription
    event.group = request.group
    try append(event)
  }
  mutating func loseTrack(_ request: OpenRequest) throws(BooksError) {
    var event = OutcomeUnknown()
    event.party = request.party
    event.hold = request.hold
    event.serviceTime = request.serviceTime
    event.target = request.target
    event.subscription = request.subscription
    event.group = request.group
    try append(event)
  }

  /// Folds everything again, from nothing.
  func rebuilt() throws -> Books {
    var fresh = Books()
    for (index, bytes) in records.enumerated() {
      try fresh.apply(
        RecordView(bytes.span), sequence: SequenceNumber(UInt64(index) + 1))
    }
    return fresh
  }
}
