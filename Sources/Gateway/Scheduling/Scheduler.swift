// Who may go next: slots of users and accounts, which account serves a request, which rest.
//
// All of it is one value behind one lock (SharedScheduler); nothing here waits. Lock order:
// Scheduler before Books, and neither is held while a waiter is resumed. A choice looks at the
// accounts of one group, once: it costs the same with ten accounts elsewhere or ten thousand.
import Base
import HTTP
import Ledger

/// What the scheduler must know of one account.
struct AccountPlan: Sendable {
  let id: AccountID
  let name: String
  let platform: Platform
  let groups: Set<GroupID>
  /// Model asked for -> model sent; a key may end in `*`. Empty = all models as they are.
  let models: ModelMap
  let priority: Int32
  let concurrency: Int
  let isMixed: Bool
}

/// What a request wants from an account.
struct AccountWish {
  let group: GroupID
  let platform: Platform
  let model: String
  /// The caller's session; nil = none could be told.
  var session: SessionKey?
  /// Accounts that failed this request already.
  var excluded: Set<AccountID> = []
  /// Says whether requests under an account's name for the model can be priced.
  var isPriced: (String) -> Bool = { _ in true }
}

struct Scheduler {
  struct Account {
    var plan: AccountPlan
    var slots: SlotQueue
    var condition = AccountCondition.ready
    /// Microseconds since 1970; nil = until somebody says so.
    var restsUntil: Timestamp?
    var lastUsed: Timestamp?
    /// 5xx and connection failures in a row.
    var consecutiveFaults = 0

    /// True while it may be picked. A rest that is over ends by itself.
    func isReady(at now: Timestamp) -> Bool {
      switch condition {
      case .ready: true
      case .coolingDown, .error: restsUntil.map { $0 <= now } ?? false
      case .disabled, .unrecognized: false
      }
    }
  }
  private(set) var accounts: [Account] = []
  private var places: [AccountID: Int] = [:]
  /// Places of the accounts of each group.
  private var members: [GroupID: [Int]] = [:]
  private var users: [UserID: SlotQueue] = [:]
  private var sessions = StickySessions()

  /// How many requests may wait for one account (KEEP): those whose session it serves, and all.
  static let stickyQueueLength = 3
  static let accountQueueLength = 100

  func account(_ id: AccountID) -> Account? { places[id].map { accounts[$0] } }

  // MARK: Configuration and conditions

  /// Takes over a new configuration: known accounts keep their state, those gone are forgotten once
  /// their last slot is back. Returns the waiters that may go on because limits grew, by account.
  mutating func adopt(_ plans: [AccountPlan]) -> [(AccountID, [Suspension])] {
    var resumed: [(AccountID, [Suspension])] = []
    let named = Set(plans.map(\.id))
    accounts.removeAll { !named.contains($0.plan.id) && $0.slots.isIdle }
    places = Dictionary(uniqueKeysWithValues: accounts.enumerated().map { ($1.plan.id, $0) })
    for (id, place) in places where !named.contains(id) { accounts[place].condition = .disabled }
    members = [:]
    for plan in plans {
      let place: Int
      if let known = places[plan.id] {
        place = known
        accounts[place].plan = plan
        accounts[place].slots.limit = plan.concurrency
        resumed.append((plan.id, accounts[place].slots.admitted()))
      } else {
        place = accounts.count
        places[plan.id] = place
        accounts.append(Account(plan: plan, slots: SlotQueue(limit: plan.concurrency)))
      }
      for group in plan.groups { members[group, default: []].append(place) }
    }
    return resumed
  }

  mutating func setCondition(
    _ id: AccountID, _ condition: AccountCondition, until: Timestamp?
  ) {
    guard let place = places[id] else { return }
    accounts[place].condition = condition
    accounts[place].restsUntil = until
    if condition == .ready { accounts[place].consecutiveFaults = 0 }
  }

  mutating func noteFault(_ id: AccountID) {
    if let place = places[id] { accounts[place].consecutiveFaults += 1 }
  }
  mutating func noteSuccess(_ id: AccountID) {
    if let place = places[id] { accounts[place].consecutiveFaults = 0 }
  }

  // MARK: The choice of an account

  enum Selection {
    case acquired(AccountID)
    /// Wait for a slot of it; `isSticky`: because it serves the caller's session.
    case wait(AccountID, Suspension, isSticky: Bool)
    /// Somebody could serve it, but too many wait already.
    case queueFull
    /// Nobody can; the earliest end of a rest among those that could, if any: those that failed
    /// this request included.
    case nobody(restsUntil: Timestamp?)
  }

  /// Picks an account for a request (KEEP: the seed's order): in the group, active, fitting
  /// platform, model allowed, not resting, not failed here; the session's account first; else small
  /// priority, then load, then never used, then longest unused. The first with a free slot wins;
  /// else the request waits for the first that lets it wait.
  mutating func select(_ wish: AccountWish, now: Timestamp) -> Selection {
    if let place = stickyPlace(wish, now: now) {
      let id = accounts[place].plan.id
      if accounts[place].slots.tryAcquire() {
        take(place, for: wish, now: now)
        return .acquired(id)
      }
      if case .wait(let suspension) = accounts[place].slots.acquire(
        maxWaiting: Self.stickyQueueLength)
      {
        accounts[place].lastUsed = now
        return .wait(id, suspension, isSticky: true)
      }
    }
    var (free, waitable): (Int?, Int?) = (nil, nil)
    var isAnyFit = false
    for place in members[wish.group] ?? [] where isCandidate(place, wish, now: now) {
      isAnyFit = true
      if accounts[place].slots.isFree {
        if free.map({ goesFirst(place, $0) }) ?? true { free = place }
      } else if free == nil, accounts[place].slots.waiting < Self.accountQueueLength {
        if waitable.map({ goesFirst(place, $0) }) ?? true { waitable = place }
      }
    }
    if let place = free {
      _ = accounts[place].slots.tryAcquire()
      take(place, for: wish, now: now)
      return .acquired(accounts[place].plan.id)
    }
    if let place = waitable,
      case .wait(let suspension) = accounts[place].slots.acquire(
        maxWaiting: Self.accountQueueLength)
    {
      accounts[place].lastUsed = now
      return .wait(accounts[place].plan.id, suspension, isSticky: false)
    }
    return isAnyFit ? .queueFull : .nobody(restsUntil: earliestRest(wish, now: now))
  }

  /// After a wait: whether the account can still serve the request. Binds the session if so; else
  /// the slot is to be given back, and another choice made.
  mutating func confirm(_ id: AccountID, for wish: AccountWish, now: Timestamp) -> Bool {
    guard let place = places[id], accounts[place].isReady(at: now) else { return false }
    take(place, for: wish, now: now)
    return true
  }

  /// Names the account that `select` would look at first, without a slot of it.
  mutating func choose(_ wish: AccountWish, now: Timestamp) -> AccountID? {
    var first = stickyPlace(wish, now: now)
    if first == nil {
      for place in members[wish.group] ?? [] where isCandidate(place, wish, now: now) {
        if first.map({ goesFirst(place, $0) }) ?? true { first = place }
      }
    }
    guard let first else { return nil }
    accounts[first].lastUsed = now
    return accounts[first].plan.id
  }

  /// The earliest end of a rest among the accounts that serve such requests, those that have just
  /// failed this one too; nil when none of them rests.
  func earliestRest(_ wish: AccountWish, now: Timestamp) -> Timestamp? {
    var earliest: Timestamp?
    for place in members[wish.group] ?? [] {
      guard accounts[place].condition != .disabled, !accounts[place].isReady(at: now),
        let until = accounts[place].restsUntil, fits(place, wish)
      else { continue }
      earliest = min(earliest ?? until, until)
    }
    return earliest
  }

  /// Ends a session's binding: its account failed a request of it.
  mutating func dropSession(_ session: SessionKey?, from id: AccountID) {
    if let session { sessions.unbind(session, from: id) }
  }

  private mutating func take(_ place: Int, for wish: AccountWish, now: Timestamp) {
    accounts[place].lastUsed = now
    if let session = wish.session {
      sessions.bind(session, to: accounts[place].plan.id, at: now)
    }
  }

  /// The account of the caller's session, when it can serve the request. One that cannot loses it.
  private mutating func stickyPlace(_ wish: AccountWish, now: Timestamp) -> Int? {
    guard let session = wish.session, let id = sessions.account(of: session, at: now) else {
      return nil
    }
    if let place = places[id], members[wish.group]?.contains(place) == true,
      isCandidate(place, wish, now: now)
    {
      return place
    }
    sessions.unbind(session, from: id)
    return nil
  }

  private func isCandidate(_ place: Int, _ wish: AccountWish, now: Timestamp) -> Bool {
    accounts[place].isReady(at: now) && !wish.excluded.contains(accounts[place].plan.id)
      && fits(place, wish)
  }

  private func fits(_ place: Int, _ wish: AccountWish) -> Bool {
    let platform = accounts[place].plan.platform
    guard platform == wish.platform || (platform == .antigravity && accounts[place].plan.isMixed)
    else { return false }
    guard let sent = accounts[place].plan.models.sent(for: wish.model) else { return false }
    return wish.isPriced(sent)
  }

  private func goesFirst(_ a: Int, _ b: Int) -> Bool {
    let (first, second) = (accounts[a].plan.priority, accounts[b].plan.priority)
    if first != second { return first < second }
    // Load = (running + waiting) / concurrency, compared without division.
    let loadA = accounts[a].slots.load * max(1, accounts[b].slots.limit)
    let loadB = accounts[b].slots.load * max(1, accounts[a].slots.limit)
    if loadA != loadB { return loadA < loadB }
    switch (accounts[a].lastUsed, accounts[b].lastUsed) {
    case (nil, nil): return accounts[a].plan.id < accounts[b].plan.id
    case (nil, _): return true
    case (_, nil): return false
    case (let first?, let second?):
      return first == second ? accounts[a].plan.id < accounts[b].plan.id : first < second
    }
  }

  /// Returns whom to resume.
  mutating func releaseAccount(_ id: AccountID) -> [Suspension] {
    places[id].map { accounts[$0].slots.release() } ?? []
  }
  mutating func abandonAccount(_ id: AccountID, _ suspension: Suspension) {
    if let place = places[id] { accounts[place].slots.abandon(suspension) }
  }

  // MARK: Users

  /// At most max(1, limit) + 20 requests of a user wait (KEEP).
  mutating func acquireUser(_ id: UserID, limit: Int) -> SlotQueue.Acquisition {
    var queue = SlotQueue(limit: limit)
    if let known = users.removeValue(forKey: id) { queue = known }
    queue.limit = limit
    let result = queue.acquire(maxWaiting: max(1, limit) + 20)
    users[id] = queue
    return result
  }
  /// Returns whom to resume.
  mutating func releaseUser(_ id: UserID) -> [Suspension] {
    let next = users[id]?.release() ?? []
    if users[id]?.isIdle == true { users[id] = nil }
    return next
  }
  mutating func abandonUser(_ id: UserID, _ suspension: Suspension) {
    users[id]?.abandon(suspension)
    if users[id]?.isIdle == true { users[id] = nil }
  }

  // MARK: For people

  /// Slots in use, of accounts and of users.
  var runningRequests: Int { accounts.reduce(0) { $0 + $1.slots.running } }
  var runningOfUsers: Int { users.values.reduce(0) { $0 + $1.running } }
  var waitingForAccounts: Int { accounts.reduce(0) { $0 + $1.slots.waiting } }
  var waitingForUsers: Int { users.values.reduce(0) { $0 + $1.waiting } }
  var waitingRequests: Int { waitingForAccounts + waitingForUsers }
  var sessionCount: Int { sessions.count }
}
