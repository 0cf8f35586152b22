// What the catalog knows: users, keys, groups, subscriptions' owners, names. Plain values.
public import Base
public import Ledger

public struct UserEntry: Equatable, Sendable {
  public var id = UserID.none
  public var name = ""
  /// Requests at a time; <= 0 = no limit.
  public var concurrency: Int32 = 0
  public var status = ActiveStatus.active
  public var added = Timestamp(microseconds: 0)
  /// The event that stated it last.
  public internal(set) var sequence = SequenceNumber.none
  public init() {}
}

public struct KeyEntry: Equatable, Sendable {
  public var id = KeyID.none
  public var user = UserID.none
  public var group = GroupID.none
  public var status = ActiveStatus.active
  /// Greatest charge in all; nil = none.
  public var quota: NanoUSD?
  /// The first moment at which it is no longer valid; nil = never.
  public var expires: Timestamp?
  public var name = ""
  /// Address ranges (CIDR), comma-separated; "" = no rule.
  public private(set) var allow = ""
  public private(set) var deny = ""
  /// What `allow` and `deny` say, ready to be asked.
  public private(set) var addresses = AddressRule()
  /// The last four characters of the key.
  public var suffix = ""
  public var issued = Timestamp(microseconds: 0)
  /// SHA-256 of the key's text.
  public var hash = Hash256()
  /// The event that stated it last.
  public internal(set) var sequence = SequenceNumber.none
  public init() {}

  /// Sets the lists of ranges; reads them only when they changed.
  mutating func setAddresses(allow: String, deny: String) {
    if allow == self.allow && deny == self.deny { return }
    self.allow = allow
    self.deny = deny
    addresses = AddressRule(allow: allow, deny: deny)
  }
}

public struct GroupEntry: Equatable, Sendable {
  public var id = GroupID.none
  public var name = ""
  public var platform = Platform.anthropic
  public var target = PaymentTarget.balance
  /// False once the configuration no longer names it.
  public var isActive = true
  public var multiplier = PartsPerMillion.one
  /// Limits of the charged amount; nil = none.
  public var dailyLimit: NanoUSD?
  public var weeklyLimit: NanoUSD?
  public var monthlyLimit: NanoUSD?
  public var fallback = GroupID.none
  /// The event that stated it last.
  public internal(set) var sequence = SequenceNumber.none
  public init() {}
}

/// 32 bytes of SHA-256.
public struct Hash256: Hashable, Sendable {
  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  public init() {}
  /// nil unless there are 32 bytes.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    func word(_ index: Int) -> UInt64 {
      bytes[index * 8..<index * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
    words = (word(0), word(1), word(2), word(3))
  }
  public var bytes: [UInt8] {
    [words.0, words.1, words.2, words.3].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - $0 * 8)) }
    }
  }
  public static func == (a: Self, b: Self) -> Bool { a.words == b.words }
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

// MARK: - Rows

extension UserEntry: StoredRow {
  public static var table: String { "users" }
  public static var keyColumn: String { "user" }
  public var isVacant: Bool { id.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &id)
    try coder.column("name", &name)
    try coder.code("status", &status)
    try coder.field("concurrency", &concurrency)
    try coder.field("added_us", &added)
    try coder.field("sequence", &sequence)
  }
}

extension KeyEntry: StoredRow {
  public static var table: String { "keys" }
  public static var keyColumn: String { "key" }
  public var isVacant: Bool { id.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &id)
    try coder.field("user", &user)
    try coder.field("group_id", &group)
    try coder.column("name", &name)
    try coder.code("status", &status)
    try coder.optional("quota_nano_usd", &quota)
    var end = expires ?? Timestamp(microseconds: 0)
    try coder.field("expires_us", &end)
    expires = end.microseconds == 0 ? nil : end
    var (allow, deny) = (allow, deny)
    try coder.column("allow", &allow)
    try coder.column("deny", &deny)
    setAddresses(allow: allow, deny: deny)
    try coder.column("suffix", &suffix)
    try coder.field("issued_us", &issued)
    var bytes = hash.bytes
    try coder.column("sha256", &bytes)
    guard let read = Hash256(bytes) else { throw .damaged("a key's hash has not 32 bytes") }
    hash = read
    try coder.field("sequence", &sequence)
  }
}

extension GroupEntry: StoredRow {
  public static var table: String { "groups" }
  public static var keyColumn: String { "group_id" }
  public var isVacant: Bool { id.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &id)
    try coder.column("name", &name)
    try coder.code("platform", &platform)
    try coder.code("target", &target)
    try coder.field("active", &isActive)
    try coder.field("multiplier_ppm", &multiplier)
    try coder.optional("daily_limit_nano_usd", &dailyLimit)
    try coder.optional("weekly_limit_nano_usd", &weeklyLimit)
    try coder.optional("monthly_limit_nano_usd", &monthlyLimit)
    try coder.field("fallback_group", &fallback)
    try coder.field("sequence", &sequence)
  }
}

extension ColumnCoder {
  /// An amount that may be absent, which is -1.
  mutating func optional(
    _ name: StaticString, _ value: inout NanoUSD?
  ) throws(StoreError) {
    var amount = value ?? NanoUSD(-1)
    try money(name, &amount)
    value = amount.value < 0 ? nil : amount
  }
}

/// A model's name and its number.
struct ModelName: StoredRow {
  var text = ""
  var sequence = SequenceNumber.none
  static var table: String { "models" }
  static var keyColumn: String { "model" }
  var isVacant: Bool { text.isEmpty }
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.column("name", &text)
    try coder.field("sequence", &sequence)
  }
}

/// A user agent and its number.
struct UserAgentName: StoredRow {
  var text = ""
  var sequence = SequenceNumber.none
  static var table: String { "user_agents" }
  static var keyColumn: String { "user_agent" }
  var isVacant: Bool { text.isEmpty }
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.column("name", &text)
    try coder.field("sequence", &sequence)
  }
}

/// An external id of a credit, by its hash: what makes the second use of one an error.
public struct ExternalCredit: StoredRow {
  /// The first 16 bytes of SHA-256 of the external id.
  var high: UInt64 = 0
  var low: UInt64 = 0
  public internal(set) var user = UserID.none
  public internal(set) var amount = NanoUSD.zero
  /// The credit_added that used it.
  public internal(set) var sequence = SequenceNumber.none
  public init() {}
  public static var table: String { "external_ids" }
  public static var keyColumn: String { "number" }
  public var isVacant: Bool { user.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    var bytes = ULID(high: high, low: low).bytes
    try coder.column("hash", &bytes)
    guard let hash = ULID(bytes: bytes) else { throw .damaged("an external id's hash") }
    (high, low) = (hash.high, hash.low)
    try coder.field("user", &user)
    try coder.money("amount_nano_usd", &amount)
    try coder.field("sequence", &sequence)
  }
}
