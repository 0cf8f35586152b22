// Events of administration: who may use what, and who says so. Each names its actor ("command
// line", "configuration", "admin token", "daybook") and a reason. Users, keys and credits carry a
// random salt, so that a leaf hash of the log cannot be guessed.
public import Base

/// Who did it and why: the last two strings of every event of administration.
public struct Authorship: Hashable, Sendable {
  public var actor = ""
  public var reason = ""
  public init() {}
  public init(actor: String, reason: String = "") {
    self.actor = actor
    self.reason = reason
  }
}

extension RecordCoder {
  mutating func authorship(_ value: inout Authorship) {
    text("actor", &value.actor)
    text("reason", &value.reason)
  }
  mutating func salt(_ value: inout [UInt8], at offset: Int) {
    bytes("salt", &value, count: 8, at: offset)
  }
}

/// Gives a name its number: dense per kind, never reused.
public struct NameDefined: RecordPayload {
  public static let type = RecordType.nameDefined
  public static let fixedLength = 24
  public var kind = NameKind.model
  public var id: UInt32 = 0
  /// At most 256 bytes.
  public var text = ""
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("kind", &kind, at: 16)
    coder.field("id", &id, at: 20)
    coder.text("text", &text)
  }
}

/// A user's whole state, as added or changed.
public struct UserState: Hashable, Sendable {
  public var user = UserID.none
  /// Requests at a time; <= 0 = no limit.
  public var concurrency: Int32 = 0
  public var status = ActiveStatus.active
  public var salt: [UInt8] = []
  public var name = ""
  public var authorship = Authorship()
  public init() {}
  mutating func layout(_ coder: inout some RecordCoder) {
    coder.field("user", &user, at: 16)
    coder.field("concurrency", &concurrency, at: 20)
    coder.field("status", &status, at: 24)
    coder.salt(&salt, at: 32)
    coder.text("name", &name)
    coder.authorship(&authorship)
  }
}
public struct UserAdded: RecordPayload {
  public static let type = RecordType.userAdded
  public static let fixedLength = 40
  public var state = UserState()
  public init() {}
  public init(_ state: UserState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}
public struct UserChanged: RecordPayload {
  public static let type = RecordType.userChanged
  public static let fixedLength = 40
  public var state = UserState()
  public init() {}
  public init(_ state: UserState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}

/// A key's whole state, as issued or changed. The key itself is never stored.
public struct KeyState: Hashable, Sendable {
  public var key = KeyID.none
  public var user = UserID.none
  public var group = GroupID.none
  public var status = ActiveStatus.active
  /// Greatest charge in all; -1 = none.
  public var quota = NanoUSD(-1)
  /// Microseconds since 1970; 0 = never.
  public var expires = Timestamp(microseconds: 0)
  public var salt: [UInt8] = []
  /// SHA-256 of the key's text.
  public var hash: [UInt8] = []
  public var name = ""
  /// Address ranges (CIDR), comma-separated; "" = no rule.
  public var allow = ""
  public var deny = ""
  /// The last four characters of the key, to recognise it by.
  public var suffix = ""
  public var authorship = Authorship()
  public init() {}
  mutating func layout(_ coder: inout some RecordCoder) {
    coder.field("key", &key, at: 16)
    coder.field("user", &user, at: 20)
    coder.field("group", &group, at: 24)
    coder.field("status", &status, at: 28)
    coder.field("quota_usd", &quota, at: 32)
    coder.field("expires", &expires, at: 40)
    coder.salt(&salt, at: 48)
    coder.bytes("hash", &hash, count: 32, at: 56)
    coder.text("name", &name)
    coder.text("allow", &allow)
    coder.text("deny", &deny)
    coder.text("suffix", &suffix)
    coder.authorship(&authorship)
  }
}
public struct KeyIssued: RecordPayload {
  public static let type = RecordType.keyIssued
  public static let fixedLength = 88
  public var state = KeyState()
  public init() {}
  public init(_ state: KeyState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}
public struct KeyChanged: RecordPayload {
  public static let type = RecordType.keyChanged
  public static let fixedLength = 88
  public var state = KeyState()
  public init() {}
  public init(_ state: KeyState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}
/// Final: a revoked key never comes back.
public struct KeyRevoked: RecordPayload {
  public static let type = RecordType.keyRevoked
  public static let fixedLength = 32
  public var key = KeyID.none
  public var salt: [UInt8] = []
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("key", &key, at: 16)
    coder.salt(&salt, at: 24)
    coder.authorship(&authorship)
  }
}

/// Validity of a subscription.
public struct SubscriptionState: Hashable, Sendable {
  public var subscription = SubscriptionID.none
  public var user = UserID.none
  public var group = GroupID.none
  public var starts = Timestamp(microseconds: 0)
  /// The first moment at which it is no longer valid.
  public var expires = Timestamp(microseconds: 0)
  public var authorship = Authorship()
  public init() {}
  mutating func layout(_ coder: inout some RecordCoder) {
    coder.field("subscription", &subscription, at: 16)
    coder.field("user", &user, at: 20)
    coder.field("group", &group, at: 24)
    coder.field("starts", &starts, at: 32)
    coder.field("expires", &expires, at: 40)
    coder.authorship(&authorship)
  }
}
public struct SubscriptionGranted: RecordPayload {
  public static let type = RecordType.subscriptionGranted
  public static let fixedLength = 48
  public var state = SubscriptionState()
  public init() {}
  public init(_ state: SubscriptionState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}
public struct SubscriptionExtended: RecordPayload {
  public static let type = RecordType.subscriptionExtended
  public static let fixedLength = 48
  public var state = SubscriptionState()
  public init() {}
  public init(_ state: SubscriptionState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}
public struct SubscriptionRevoked: RecordPayload {
  public static let type = RecordType.subscriptionRevoked
  public static let fixedLength = 48
  public var state = SubscriptionState()
  public init() {}
  public init(_ state: SubscriptionState) { self.state = state }
  public mutating func fields(_ coder: inout some RecordCoder) { state.layout(&coder) }
}

/// Money added to a user's balance; negative = a debit.
public struct CreditAdded: RecordPayload {
  public static let type = RecordType.creditAdded
  public static let fixedLength = 52
  /// Key and admission are none.
  public var party = Party()
  public var amount = NanoUSD.zero
  public var salt: [UInt8] = []
  /// At most 128 bytes, unique in the log; "" = none.
  public var externalID = ""
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.party(&party)
    coder.field("amount_usd", &amount, at: 36)
    coder.salt(&salt, at: 44)
    coder.text("external_id", &externalID)
    coder.authorship(&authorship)
  }
}
