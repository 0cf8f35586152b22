// The catalog: who and what there is, by number and by name. Numbers are dense from 1, so lookups
// by number are array accesses; lookups by name or hash are dictionaries kept beside.
import Base
public import Ledger

/// Users, keys, groups, interned names, external ids of credits.
public struct Catalog: Sendable {
  var users = Table<UserEntry>()
  var keys = Table<KeyEntry>()
  var groups = Table<GroupEntry>()
  var models = Table<ModelName>()
  var userAgents = Table<UserAgentName>()
  var externals = Table<ExternalCredit>()

  private var usersByName: [String: UserID] = [:]
  private var keysByHash: [Hash256: KeyID] = [:]
  private var groupsByName: [String: GroupID] = [:]
  private var modelsByText: [String: ModelID] = [:]
  private var agentsByText: [String: UserAgentID] = [:]
  private var externalsByHash: [ExternalHash: Int] = [:]

  /// The greatest number of user agents that are interned (spec: ledger, section 3).
  public static let userAgentLimit = 4096
  /// The longest interned user agent in bytes.
  public static let userAgentLength = 128

  init() {}

  // MARK: - Questions

  public func user(_ id: UserID) -> UserEntry? { Self.entry(users, id.value) }
  public func key(_ id: KeyID) -> KeyEntry? { Self.entry(keys, id.value) }
  public func group(_ id: GroupID) -> GroupEntry? { Self.entry(groups, id.value) }
  public func user(named name: String) -> UserEntry? { usersByName[name].flatMap(user) }
  public func group(named name: String) -> GroupEntry? { groupsByName[name].flatMap(group) }
  /// A key by the SHA-256 of its text.
  public func key(hash: Hash256) -> KeyEntry? { keysByHash[hash].flatMap(key) }
  /// Keys with this name, of all users.
  public func keys(named name: String) -> [KeyEntry] { allKeys.filter { $0.name == name } }

  public var allUsers: [UserEntry] { users.occupied.map(\.row) }
  public var allKeys: [KeyEntry] { keys.occupied.map(\.row) }
  public var allGroups: [GroupEntry] { groups.occupied.map(\.row) }

  /// Pages of lists in the order of their numbers; what is added later comes behind.
  public func users(after id: UserID, limit: Int) -> [UserEntry] {
    users.page(after: Int(id.value), limit: limit)
  }
  public func keys(after id: KeyID, limit: Int) -> [KeyEntry] {
    keys.page(after: Int(id.value), limit: limit)
  }
  public func groups(after id: GroupID, limit: Int) -> [GroupEntry] {
    groups.page(after: Int(id.value), limit: limit)
  }

  public func modelID(_ text: String) -> ModelID? { modelsByText[text] }
  public func modelText(_ id: ModelID) -> String? { Self.entry(models, id.value)?.text }
  /// The events that define a model's name and a user agent's.
  public func definition(of id: ModelID) -> SequenceNumber? {
    Self.entry(models, id.value)?.sequence
  }
  public func definition(of id: UserAgentID) -> SequenceNumber? {
    Self.entry(userAgents, id.value)?.sequence
  }
  public func userAgentID(_ text: String) -> UserAgentID? { agentsByText[text] }
  public func userAgentText(_ id: UserAgentID) -> String? {
    Self.entry(userAgents, id.value)?.text
  }
  /// The credit that used an external id.
  public func credit(externalID: String) -> ExternalCredit? {
    externalsByHash[ExternalHash(externalID)].map { externals[$0] }
  }

  /// The numbers the next ones get.
  public var nextUser: UserID { UserID(UInt32(users.count)) }
  public var nextKey: KeyID { KeyID(UInt32(keys.count)) }
  public var nextGroup: GroupID { GroupID(UInt32(groups.count)) }
  public var nextModel: ModelID { ModelID(UInt32(models.count)) }
  public var nextUserAgent: UserAgentID { UserAgentID(UInt32(userAgents.count)) }

  private static func entry<Row>(_ table: Table<Row>, _ id: UInt32) -> Row? {
    let index = Int(id)
    return table.holds(index) && !table[index].isVacant ? table[index] : nil
  }

  // MARK: - Checkpoints

  mutating func visit(_ visitor: inout some TableVisitor) throws(StoreError) {
    try visitor.visit(&users)
    try visitor.visit(&keys)
    try visitor.visit(&groups)
    try visitor.visit(&models)
    try visitor.visit(&userAgents)
    try visitor.visit(&externals)
  }

  /// Makes the lookups anew after rows were loaded.
  mutating func reindex() {
    for (index, row) in users.occupied { usersByName[row.name] = UserID(UInt32(index)) }
    for (index, row) in keys.occupied { keysByHash[row.hash] = KeyID(UInt32(index)) }
    for (index, row) in groups.occupied { groupsByName[row.name] = GroupID(UInt32(index)) }
    for (index, row) in models.occupied { modelsByText[row.text] = ModelID(UInt32(index)) }
    for (index, row) in userAgents.occupied {
      agentsByText[row.text] = UserAgentID(UInt32(index))
    }
    for (index, row) in externals.occupied {
      externalsByHash[ExternalHash(high: row.high, low: row.low)] = index
    }
  }
}

extension Catalog: Projection {
  public static let version = 2

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    switch RecordType(rawValue: record.type) {
    case .nameDefined: try define(NameDefined(record), sequence)
    case .userAdded: try add(UserAdded(record).state, record.time, sequence)
    case .userChanged: try change(UserChanged(record).state, sequence)
    case .keyIssued: try issue(KeyIssued(record).state, record.time, sequence)
    case .keyChanged: try change(KeyChanged(record).state, sequence)
    case .keyRevoked: try revoke(KeyRevoked(record), sequence)
    case .groupDeclared: try declare(GroupDeclared(record), sequence)
    case .creditAdded: try note(CreditAdded(record), sequence)
    default: break
    }
  }

  private func require(
    _ holds: Bool, _ what: String, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard holds else { throw FoldFault(sequence, .unknown(what)) }
  }

  private mutating func define(
    _ name: NameDefined, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    switch name.kind {
    case .model:
      try require(
        Int(name.id) == models.count && !name.text.isEmpty && modelsByText[name.text] == nil,
        "model \(name.id)", sequence)
      models.append(ModelName(text: name.text, sequence: sequence))
      modelsByText[name.text] = ModelID(name.id)
    case .userAgent:
      try require(
        Int(name.id) == userAgents.count && !name.text.isEmpty
          && agentsByText[name.text] == nil, "user agent \(name.id)", sequence)
      userAgents.append(UserAgentName(text: name.text, sequence: sequence))
      agentsByText[name.text] = UserAgentID(name.id)
    case .unrecognized:
      throw FoldFault(sequence, .unreadable("a name of an unknown kind"))
    }
  }

  private mutating func add(
    _ state: UserState, _ time: Timestamp, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    try require(
      state.user == nextUser && usersByName[state.name] == nil, "user \(state.user.value)",
      sequence)
    var entry = UserEntry()
    entry.id = state.user
    entry.added = time
    entry.sequence = sequence
    entry.take(state)
    users.append(entry)
    usersByName[state.name] = state.user
  }

  private mutating func change(
    _ state: UserState, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let old = user(state.user)
    let sameName = usersByName[state.name]
    try require(
      old != nil && (sameName == nil || sameName == state.user), "user \(state.user.value)",
      sequence)
    if let old { usersByName[old.name] = nil }
    usersByName[state.name] = state.user
    users.update(Int(state.user.value)) {
      $0.take(state)
      $0.sequence = sequence
    }
  }

  private mutating func issue(
    _ state: KeyState, _ time: Timestamp, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard let hash = Hash256(state.hash), state.key == nextKey, user(state.user) != nil,
      group(state.group) != nil, keysByHash[hash] == nil
    else { throw FoldFault(sequence, .unknown("key \(state.key.value)")) }
    var entry = KeyEntry()
    entry.id = state.key
    entry.hash = hash
    entry.issued = time
    entry.sequence = sequence
    entry.take(state)
    keys.append(entry)
    keysByHash[hash] = state.key
  }

  private mutating func change(
    _ state: KeyState, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard let old = key(state.key), old.user == state.user, old.status != .revoked,
      group(state.group) != nil
    else { throw FoldFault(sequence, .unknown("key \(state.key.value)")) }
    keys.update(Int(state.key.value)) {
      $0.take(state)
      $0.sequence = sequence
    }
  }

  private mutating func revoke(
    _ event: KeyRevoked, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    try require(key(event.key) != nil, "key \(event.key.value)", sequence)
    keys.update(Int(event.key.value)) { $0.status = .revoked }
  }

  private mutating func declare(
    _ event: GroupDeclared, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let sameName = groupsByName[event.name]
    try require(
      event.group <= nextGroup && !event.group.isNone
        && (sameName == nil || sameName == event.group), "group \(event.group.value)", sequence)
    let entry = GroupEntry(event, sequence)
    if let old = group(event.group) {
      groupsByName[old.name] = nil
      groups.set(Int(event.group.value), entry)
    } else {
      groups.append(entry)
    }
    groupsByName[event.name] = event.group
  }

  private mutating func note(
    _ event: CreditAdded, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard !event.externalID.isEmpty else { return }
    let hash = ExternalHash(event.externalID)
    try require(externalsByHash[hash] == nil, "an external id used before", sequence)
    var row = ExternalCredit()
    (row.high, row.low) = (hash.high, hash.low)
    row.user = event.party.user
    row.amount = event.amount
    row.sequence = sequence
    externalsByHash[hash] = externals.append(row)
  }
}

extension UserEntry {
  fileprivate mutating func take(_ state: UserState) {
    name = state.name
    concurrency = state.concurrency
    status = state.status
  }
}
extension KeyEntry {
  fileprivate mutating func take(_ state: KeyState) {
    user = state.user
    group = state.group
    status = state.status
    quota = state.quota.value < 0 ? nil : state.quota
    expires = state.expires.microseconds == 0 ? nil : state.expires
    name = state.name
    setAddresses(allow: state.allow, deny: state.deny)
    suffix = state.suffix
  }
}
extension GroupEntry {
  fileprivate init(_ event: GroupDeclared, _ sequence: SequenceNumber) {
    self.sequence = sequence
    func limit(_ amount: NanoUSD) -> NanoUSD? { amount.value < 0 ? nil : amount }
    id = event.group
    name = event.name
    platform = event.platform
    target = event.target
    isActive = event.isActive
    multiplier = event.multiplier
    dailyLimit = limit(event.dailyLimit)
    weeklyLimit = limit(event.weeklyLimit)
    monthlyLimit = limit(event.monthlyLimit)
    fallback = event.fallback
  }
}

/// 128 bits of SHA-256 of an external id.
struct ExternalHash: Hashable {
  let high: UInt64
  let low: UInt64
  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
  init(_ externalID: String) {
    let digest = sha256(Array(externalID.utf8))
    func word(_ at: Int) -> UInt64 { digest[at..<at + 8].reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(high: word(0), low: word(8))
  }
}
