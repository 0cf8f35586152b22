// Changing what a bed's books say while its gateway runs: keys, users, groups, money.
import Base
import Ledger
import Projections

@testable import Gateway

extension GatewayBed {
  static let user = UserID(1)
  static let key1 = KeyID(1)

  @discardableResult
  func record(_ payload: some RecordPayload) throws -> SequenceNumber {
    let now = wallClock.now()
    return try live.withBooks { books throws(BooksError) in try books.append(payload, now: now) }
  }

  /// The bed's only group.
  var group: GroupID { live.withBooks { $0.catalog.group(named: "default")?.id ?? .none } }

  func changeKey(
    _ id: KeyID = GatewayBed.key1, _ change: (inout KeyState) -> Void
  ) throws {
    var state = KeyState()
    live.withBooks { books in
      guard let key = books.catalog.key(id) else { return }
      state.key = key.id
      state.user = key.user
      state.group = key.group
      state.status = key.status
      state.quota = key.quota ?? NanoUSD(-1)
      state.expires = key.expires ?? Timestamp(microseconds: 0)
      state.hash = key.hash.bytes
      state.name = key.name
      state.allow = key.allow
      state.deny = key.deny
    }
    change(&state)
    try record(KeyChanged(state))
  }
  func revokeKey(_ id: KeyID = GatewayBed.key1) throws {
    var event = KeyRevoked()
    event.key = id
    try record(event)
  }
  /// Issues a further key to the bed's user.
  func addKey(_ text: String, _ change: (inout KeyState) -> Void = { _ in }) throws -> KeyID {
    var state = KeyState()
    state.key = live.withBooks { $0.catalog.nextKey }
    state.user = Self.user
    state.group = group
    state.hash = sha256(text.utf8)
    state.name = text
    change(&state)
    try record(KeyIssued(state))
    return state.key
  }
  func changeUser(_ change: (inout UserState) -> Void) throws {
    var state = UserState()
    live.withBooks { books in
      guard let user = books.catalog.user(Self.user) else { return }
      state.user = user.id
      state.name = user.name
      state.concurrency = user.concurrency
      state.status = user.status
    }
    change(&state)
    try record(UserChanged(state))
  }
  /// Declares the bed's group anew, with other limits.
  func changeGroup(_ change: (inout GroupDeclared) -> Void) throws {
    var event = GroupDeclared()
    live.withBooks { books in
      guard let group = books.catalog.group(named: "default") else { return }
      event.group = group.id
      event.name = group.name
      event.platform = group.platform
      event.target = group.target
      event.multiplier = group.multiplier
      event.dailyLimit = group.dailyLimit ?? NanoUSD(-1)
      event.weeklyLimit = group.weeklyLimit ?? NanoUSD(-1)
      event.monthlyLimit = group.monthlyLimit ?? NanoUSD(-1)
    }
    change(&event)
    try record(event)
  }

  /// Adds to the balance; takes from it when negative.
  func credit(_ amount: NanoUSD) throws {
    var event = CreditAdded()
    event.party.user = Self.user
    event.amount = amount
    try record(event)
  }

  /// Grants the bed's user a subscription to its group, from now on.
  @discardableResult
  func subscribe(days: Int64 = 30) throws -> SubscriptionState {
    let now = wallClock.now()
    var state = SubscriptionState()
    (state.subscription, state.group) = live.withBooks { books in
      (books.subscriptions.nextSubscription, books.catalog.group(named: "default")?.id ?? .none)
    }
    state.user = Self.user
    state.starts = now
    state.expires = now.advanced(bySeconds: days * 86_400)
    try record(SubscriptionGranted(state))
    return state
  }
}

extension Configuration {
  /// Makes the bed's group one that subscriptions pay for.
  mutating func useSubscriptions(
    daily: NanoUSD? = nil, weekly: NanoUSD? = nil, monthly: NanoUSD? = nil
  ) {
    groups[0] = GroupSettings(name: "default", platform: .anthropic, target: .subscription)
    groups[0].dailyLimit = daily
    groups[0].weeklyLimit = weekly
    groups[0].monthlyLimit = monthly
  }
}
