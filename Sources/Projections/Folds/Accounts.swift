// Upstream accounts: as the configuration declares them, and how they fare. What runs on an account
// right now is the scheduler's to know, not the log's.
public import Base
public import Ledger

/// An account as declared and as it fares.
public struct AccountEntry: Equatable, Sendable {
  public let declared: AccountDeclared
  /// As the last event said; it ends at `until`.
  public let condition: AccountCondition
  /// When it may be used again; nil = until somebody says so.
  public let until: Timestamp?
  /// The upstream's last status that meant failure, 0 = none.
  public let lastStatus: UInt16
  public let why: String
  public let lastUsed: Timestamp?
  /// Requests settled, and attempts that failed.
  public let requests: Int64
  public let failures: Int64

  /// Whether an account may be used at a time.
  public func isUsable(at time: Timestamp) -> Bool {
    guard declared.isActive else { return false }
    if condition == .ready { return true }
    return condition != .disabled && until.map { $0 <= time } ?? false
  }
}

/// What events say of an account besides its declaration.
struct AccountRow: StoredRow {
  var account = AccountID.none
  var condition = AccountCondition.ready
  /// 0 = until somebody says so.
  var until = Timestamp(microseconds: 0)
  var lastStatus: UInt16 = 0
  var why = ""
  /// 0 = never.
  var lastUsed = Timestamp(microseconds: 0)
  var requests: Int64 = 0
  var failures: Int64 = 0

  static var table: String { "account_states" }
  static var keyColumn: String { "account" }
  var isVacant: Bool { account.isNone }
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &account)
    try coder.code("condition", &condition)
    try coder.field("until_us", &until)
    try coder.field("last_status", &lastStatus)
    try coder.column("why", &why)
    try coder.field("last_used_us", &lastUsed)
    try coder.column("requests", &requests)
    try coder.column("failures", &failures)
  }
}

/// A declaration, kept whole.
struct AccountDeclaration: StoredRow {
  var event = AccountDeclared()
  /// The event itself.
  var sequence = SequenceNumber.none
  static var table: String { "accounts" }
  static var keyColumn: String { "account" }
  var isVacant: Bool { event.account.isNone }
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &event.account)
    try coder.column("name", &event.name)
    try coder.code("platform", &event.platform)
    try coder.field("active", &event.isActive)
    try coder.field("intercept_warmup", &event.interceptsWarmup)
    try coder.field("mixed", &event.isMixed)
    try coder.field("bearer", &event.usesBearer)
    try coder.field("priority", &event.priority)
    try coder.field("concurrency", &event.concurrency)
    try coder.column("base_url", &event.baseURL)
    try coder.column("credential", &event.credential)
    try coder.column("groups", &event.groups)
    try coder.column("models", &event.models)
    try coder.column("project", &event.project)
    try coder.column("proxy", &event.proxy)
    try coder.column("actor", &event.authorship.actor)
    try coder.column("reason", &event.authorship.reason)
    try coder.field("sequence", &sequence)
  }
}

public struct Accounts: Sendable {
  var declarations = Table<AccountDeclaration>()
  var states = Table<AccountRow>()
  private var byName: [String: AccountID] = [:]
  init() {}

  public func account(_ id: AccountID) -> AccountEntry? {
    let index = Int(id.value)
    guard declarations.holds(index), states.holds(index) else { return nil }
    let state = states[index]
    return AccountEntry(
      declared: declarations[index].event, condition: state.condition,
      until: state.until.microseconds == 0 ? nil : state.until, lastStatus: state.lastStatus,
      why: state.why, lastUsed: state.lastUsed.microseconds == 0 ? nil : state.lastUsed,
      requests: state.requests, failures: state.failures)
  }
  public func account(named name: String) -> AccountEntry? { byName[name].flatMap(account) }
  /// The event that declared an account last.
  public func declaration(of id: AccountID) -> SequenceNumber? {
    let index = Int(id.value)
    return declarations.holds(index) ? declarations[index].sequence : nil
  }
  public func name(of id: AccountID) -> String? {
    let index = Int(id.value)
    return declarations.holds(index) ? declarations[index].event.name : nil
  }
  public var all: [AccountEntry] {
    declarations.occupied.compactMap { account(AccountID(UInt32($0.index))) }
  }
  /// A page of the list, in the order of the numbers.
  public func page(after id: AccountID, limit: Int) -> [AccountEntry] {
    declarations.page(after: Int(id.value), limit: limit)
      .compactMap { account($0.event.account) }
  }
  public var nextAccount: AccountID { AccountID(UInt32(declarations.count)) }

  mutating func reindex() throws(StoreError) {
    guard states.count == declarations.count else {
      throw .damaged("accounts and their states do not match")
    }
    for (index, row) in declarations.occupied {
      byName[row.event.name] = AccountID(UInt32(index))
    }
  }

  private mutating func declare(
    _ event: AccountDeclared, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let sameName = byName[event.name]
    guard !event.account.isNone, event.account <= nextAccount,
      sameName == nil || sameName == event.account
    else { throw FoldFault(sequence, .unknown("account \(event.account.value)")) }
    let index = Int(event.account.value)
    if declarations.holds(index) {
      byName[declarations[index].event.name] = nil
      declarations.set(index, AccountDeclaration(event: event, sequence: sequence))
    } else {
      declarations.append(AccountDeclaration(event: event, sequence: sequence))
      states.append(AccountRow(account: event.account))
    }
    byName[event.name] = event.account
  }

  private mutating func update(
    _ account: AccountID, _ sequence: SequenceNumber, _ body: (inout AccountRow) -> Void
  ) throws(FoldFault) {
    guard states.holds(Int(account.value)) else {
      throw FoldFault(sequence, .unknown("account \(account.value)"))
    }
    states.update(Int(account.value), body)
  }
}

extension Accounts: Projection {
  public static let version = 2

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    let time = record.time
    switch RecordType(rawValue: record.type) {
    case .forwardSettled:
      try update(ForwardSettledView(record).account, sequence) {
        $0.lastUsed = time
        $0.requests &+= 1
      }
    case .attemptFailed:
      try fail(AttemptFailed(record), time, sequence)
    case .tokensCounted:
      let account = AccountID(record.u32(40))
      if !account.isNone { try update(account, sequence) { $0.lastUsed = time } }
    case .accountStateChanged:
      let event = AccountStateChanged(record)
      try update(event.account, sequence) {
        $0.condition = event.condition
        $0.until = event.until
        $0.lastStatus = event.status
        $0.why = event.authorship.reason
      }
    case .accountDeclared:
      try declare(AccountDeclared(record), sequence)
    default: break
    }
  }

  /// A failed attempt may make the account rest: an error of its own (401, 402, 403) or a while.
  private mutating func fail(
    _ event: AttemptFailed, _ time: Timestamp, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    try update(event.account, sequence) {
      $0.lastUsed = time
      $0.failures &+= 1
      $0.lastStatus = event.status
      $0.why = event.detail
      guard event.coolDown.value != 0, event.coolDown != .absent, $0.condition != .disabled
      else { return }
      $0.condition = [401, 402, 403].contains(event.status) ? .error : .coolingDown
      $0.until = Timestamp(
        microseconds: time.microseconds &+ Int64(event.coolDown.value) &* 1000)
    }
  }
}
