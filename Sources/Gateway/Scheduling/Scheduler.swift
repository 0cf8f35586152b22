// Who may go next: slots of users and accounts, which account serves a request, which rest.
//
// All of it is one value behind one lock (SharedScheduler); nothing here waits. Lock order:
// Scheduler before Books, and neither is held while a waiter is resumed.
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
  private(set) var accounts: [AccountID: Account] = [:]
  private var users: [UserID: SlotQueue] = [:]

  // MARK: Accounts

  /// Takes over a new configuration: known accounts keep their state, those gone are forgotten once
  /// their last slot is back. Returns the waiters that may go on because limits grew.
  mutating func adopt(_ plans: [AccountPlan]) -> [Suspension] {
    var resumed: [Suspension] = []
    let named = Set(plans.map(\.id))
    for (id, account) in accounts where !named.contains(id) {
      if account.slots.isIdle { accounts[id] = nil } else { accounts[id]?.condition = .disabled }
    }
    for plan in plans {
      if accounts[plan.id] == nil {
        accounts[plan.id] = Account(plan: plan, slots: SlotQueue(limit: plan.concurrency))
      } else {
        accounts[plan.id]?.plan = plan
        accounts[plan.id]?.slots.limit = plan.concurrency
        resumed += accounts[plan.id]?.slots.admitted() ?? []
      }
    }
    return resumed
  }

  mutating func setCondition(
    _ id: AccountID, _ condition: AccountCondition, until: Timestamp?
  ) {
    accounts[id]?.condition = condition
    accounts[id]?.restsUntil = until
    if condition == .ready { accounts[id]?.consecutiveFaults = 0 }
  }

  mutating func noteFault(_ id: AccountID) { accounts[id]?.consecutiveFaults += 1 }
  mutating func noteSuccess(_ id: AccountID) { accounts[id]?.consecutiveFaults = 0 }

  enum Selection {
    case acquired(AccountID)
    case wait(AccountID, Suspension)
    /// Somebody could serve it, but too many wait already.
    case queueFull
    /// Nobody can; the earliest end of a rest among those that could, if any: those that failed
    /// this request included.
    case nobody(restsUntil: Timestamp?)
  }

  /// Picks an account for a request (KEEP: the seed's order): in the group, active, fitting
  /// platform, model allowed, not resting, not failed here; small priority first, then load, then
  /// never used, then longest unused. The first with a free slot wins; else the request waits for
  /// the least loaded.
  mutating func select(_ wish: AccountWish, maxWaiting: Int, now: Timestamp) -> Selection {
    let candidates = candidates(wish, now: now).sorted(by: Self.goesFirst)
    guard !candidates.isEmpty else {
      return .nobody(restsUntil: earliestRest(wish, now: now))
    }
    for candidate in candidates where accounts[candidate.plan.id]?.slots.tryAcquire() == true {
      accounts[candidate.plan.id]?.lastUsed = now
      return .acquired(candidate.plan.id)
    }
    for candidate in candidates {
      switch accounts[candidate.plan.id]?.slots.acquire(maxWaiting: maxWaiting) {
      case .acquired: return .acquired(candidate.plan.id)
      case .wait(let suspension):
        accounts[candidate.plan.id]?.lastUsed = now
        return .wait(candidate.plan.id, suspension)
      case .queueFull, nil: continue
      }
    }
    return .queueFull
  }

  /// Names the account that `select` would look at first, without a slot of it.
  mutating func choose(_ wish: AccountWish, now: Timestamp) -> AccountID? {
    guard let first = candidates(wish, now: now).min(by: Self.goesFirst) else { return nil }
    accounts[first.plan.id]?.lastUsed = now
    return first.plan.id
  }

  /// The earliest end of a rest among the accounts that serve such requests, those that have just
  /// failed this one too; nil when none of them rests.
  func earliestRest(_ wish: AccountWish, now: Timestamp) -> Timestamp? {
    accounts.values.lazy
      .filter { fits($0.plan, wish) && $0.condition != .disabled && !$0.isReady(at: now) }
      .compactMap(\.restsUntil).min()
  }

  private func candidates(_ wish: AccountWish, now: Timestamp) -> [Account] {
    accounts.values.filter {
      !wish.excluded.contains($0.plan.id) && fits($0.plan, wish) && $0.isReady(at: now)
    }
  }

  private func fits(_ plan: AccountPlan, _ wish: AccountWish) -> Bool {
    guard plan.groups.contains(wish.group) else { return false }
    guard plan.platform == wish.platform || (plan.platform == .antigravity && plan.isMixed) else {
      return false
    }
    guard let sent = plan.models.sent(for: wish.model) else { return false }
    return wish.isPriced(sent)
  }

  private static func goesFirst(_ a: Account, _ b: Account) -> Bool {
    if a.plan.priority != b.plan.priority { return a.plan.priority < b.plan.priority }
    // Load = (running + waiting) / concurrency, compared without division.
    let loadA = (a.slots.running + a.slots.waiting) * max(1, b.slots.limit)
    let loadB = (b.slots.running + b.slots.waiting) * max(1, a.slots.limit)
    if loadA != loadB { return loadA < loadB }
    switch (a.lastUsed, b.lastUsed) {
    case (nil, nil): return a.plan.id < b.plan.id
    case (nil, _): return true
    case (_, nil): return false
    case (let first?, let second?):
      return first == second ? a.plan.id < b.plan.id : first < second
    }
  }

  mutating func releaseAccount(_ id: AccountID) -> Suspension? {
    accounts[id]?.slots.release()
  }
  mutating func abandonAccount(_ id: AccountID, _ suspension: Suspension) {
    accounts[id]?.slots.abandon(suspension)
  }

  // MARK: Users

  /// At most max(1, limit) + 20 requests of a user wait (KEEP).
  mutating func acquireUser(_ id: UserID, limit: Int) -> SlotQueue.Acquisition {
    var queue = users[id] ?? SlotQueue(limit: limit)
    queue.limit = limit
    let result = queue.acquire(maxWaiting: max(1, limit) + 20)
    users[id] = queue
    return result
  }
  mutating func releaseUser(_ id: UserID) -> Suspension? {
    let next = users[id]?.release()
    if users[id]?.isIdle == true { users[id] = nil }
    return next
  }
  mutating func abandonUser(_ id: UserID, _ suspension: Suspension) {
    users[id]?.abandon(suspension)
    if users[id]?.isIdle == true { users[id] = nil }
  }

  // MARK: For people

  var runningRequests: Int { accounts.values.reduce(0) { $0 + $1.slots.running } }
  var waitingRequests: Int {
    accounts.values.reduce(0) { $0 + $1.slots.waiting }
      + users.values.reduce(0) { $0 + $1.waiting }
  }
}
