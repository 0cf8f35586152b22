// The gateway: what all requests share. One per process; its parts are each safe to use from every
// reactor.
public import Base
import HTTP
import Ledger
public import Projections
import Synchronization

/// Answers callers' requests: authenticates, admits, forwards, meters, settles.
public final class Gateway: Sendable {
  let live: LiveLedger
  let wallClock: any WallClock
  let scheduler = SharedScheduler()
  /// Bound of all buffered bodies together.
  let budget: BodyBudget
  let metrics = GatewayMetrics()
  let log: Log
  let active = ActiveRequests()
  let drains = Drains()
  let headerCache = HeaderCache()
  /// What Gemini signed of its calls, and the days of its quotas.
  let signatures = ThoughtSignatures()
  let pacific = PacificTime()
  let priceBooks = PriceBooks()
  let rejections = RejectionLog()
  private let identifiers = RandomReserve()
  let administration = AdministrationFront()
  let historyDesk = HistoryDesk()
  private let current: Mutex<Snapshot>

  /// A configuration as requests use it: immutable, replaced as a whole by `adopt`.
  final class Snapshot: Sendable {
    let configuration: Configuration
    let accounts: [AccountID: UpstreamAccount]
    let groupAccounts: [GroupID: [AccountID]]
    /// The model maps of each group's accounts, each once: many accounts share one.
    let groupMaps: [GroupID: Set<ModelMap>]

    init(
      configuration: Configuration, accounts: [AccountID: UpstreamAccount],
      groupAccounts: [GroupID: [AccountID]]
    ) {
      self.configuration = configuration
      self.accounts = accounts
      self.groupAccounts = groupAccounts
      groupMaps = groupAccounts.mapValues { Set($0.compactMap { accounts[$0]?.models }) }
    }

    /// The names under which a group's accounts would ask for `model`.
    func mappedModels(_ model: String, group: GroupID) -> [String] {
      var names: Set<String> = []
      for map in groupMaps[group] ?? [] {
        if let sent = map.sent(for: model), sent != model { names.insert(sent) }
      }
      return Array(names)
    }
  }

  /// - Parameters:
  ///   - configuration: recorded in the ledger already.
  ///   - sandboxURL: where the built-in sandbox listens, for accounts that name it.
  public init(
    live: LiveLedger, configuration: Configuration, credentials: Credentials,
    sandboxURL: String? = nil, wallClock: any WallClock = SystemWallClock(),
    log: Log = .silent
  ) {
    self.live = live
    self.log = log
    self.wallClock = wallClock
    budget = BodyBudget(limit: Int(clamping: configuration.gateway.maxBufferedBytes))
    current = Mutex(Snapshot(configuration: configuration, accounts: [:], groupAccounts: [:]))
    adopt(configuration, credentials: credentials, sandboxURL: sandboxURL)
  }

  var snapshot: Snapshot { current.withLock { $0 } }

  /// Takes over a configuration whose groups and accounts are recorded in the ledger. Requests
  /// under way keep the settings they began with; their next attempt uses the accounts as they are
  /// then.
  public func adopt(
    _ configuration: Configuration, credentials: Credentials, sandboxURL: String? = nil
  ) {
    let (accounts, plans) = live.withBooks { books in
      // Made here, not under the lock of the first request.
      _ = priceBooks.bookInForce(at: max(wallClock.now(), books.lastTime), books)
      return Self.resolve(configuration, credentials, sandboxURL, books)
    }
    var groupAccounts: [GroupID: [AccountID]] = [:]
    for plan in plans {
      for group in plan.groups { groupAccounts[group, default: []].append(plan.id) }
    }
    let snapshot = Snapshot(
      configuration: configuration, accounts: accounts, groupAccounts: groupAccounts)
    current.withLock { $0 = snapshot }
    headerCache.clear()
    scheduler.adopt(plans)
    restoreConditions(of: plans.map(\.id))
  }

  private static func resolve(
    _ configuration: Configuration, _ credentials: Credentials, _ sandboxURL: String?,
    _ books: borrowing Books
  ) -> ([AccountID: UpstreamAccount], [AccountPlan]) {
    var accounts: [AccountID: UpstreamAccount] = [:]
    var plans: [AccountPlan] = []
    for settings in configuration.accounts {
      guard let id = books.accounts.account(named: settings.name)?.declared.account else {
        continue
      }
      let models = ModelMap(
        Dictionary(settings.models.map { ($0.asked, $0.sent) }, uniquingKeysWith: { a, _ in a }))
      let baseURL = settings.isSandbox ? sandboxURL ?? settings.baseURL : settings.baseURL
      accounts[id] = UpstreamAccount(
        id: id, name: settings.name, platform: settings.platform, baseURL: baseURL,
        authorization: credentials[settings.name].map {
          UpstreamAccount.authorization(
            $0.text, platform: settings.platform, usesBearer: settings.usesBearer)
        },
        models: models, interceptsWarmup: settings.interceptsWarmup, project: settings.project,
        proxy: settings.proxy)
      plans.append(
        AccountPlan(
          id: id, name: settings.name, platform: settings.platform,
          groups: Set(settings.groups.compactMap { books.catalog.group(named: $0)?.id }),
          models: models, priority: settings.priority, concurrency: Int(settings.concurrency),
          isMixed: settings.isMixed))
    }
    return (accounts, plans)
  }

  /// Heeds what administration recorded of accounts: disabled, enabled.
  public func heedAccountConditions() { restoreConditions(of: Array(snapshot.accounts.keys)) }

  /// Rests and disablings outlive a restart: they are in the ledger.
  private func restoreConditions(of ids: [AccountID]) {
    let states = live.withBooks { books in
      ids.compactMap { id in books.accounts.account(id).map { (id, $0.condition, $0.until) } }
    }
    let changed = scheduler.withLock { scheduler in
      var changed: [(name: String, condition: AccountCondition, until: Timestamp?)] = []
      for (id, condition, until) in states {
        if let account = scheduler.account(id), account.condition != condition {
          changed.append((account.plan.name, condition, until))
        }
        scheduler.setCondition(id, condition, until: until)
      }
      return changed
    }
    for change in changed { tell(change.condition, of: change.name, until: change.until) }
  }

  // MARK: The ledger

  /// Appends an event.
  /// - Returns: its sequence number; nil when the ledger takes no more (it says so itself).
  @discardableResult
  func append(_ payload: some RecordPayload) -> SequenceNumber? {
    let now = wallClock.now()
    return live.withBooks { books in try? books.append(payload, now: now) }
  }

  /// Appends what ends a granted request. While the disk is full and the batch with it, tries
  /// again: what was granted is settled once there is room, or found open at the next start.
  /// - Returns: nil when the ledger failed, or refuses the event: a bug of ours, told in metrics.
  @discardableResult
  func appendForCertain(
    _ payload: some RecordPayload, on reactor: Reactor
  ) async -> SequenceNumber? {
    while live.poisoned == nil {
      let now = wallClock.now()
      do throws(BooksError) {
        return try live.withBooks { books throws(BooksError) in
          try books.append(payload, now: now)
        }
      } catch {
        guard case .full = error else {
          metrics.refusedEvents.add()
          log.write(.error, .ledger, "an event was refused") { $0.field("error", ours: "\(error)") }
          return nil
        }
      }
      await reactor.sleep(until: reactor.now.advanced(milliseconds: 50))
    }
    return nil
  }

  /// Waits until an event is durable. False: it will never be known to be.
  func isDurable(_ sequence: SequenceNumber, on reactor: Reactor) async -> Bool {
    if live.durable >= sequence { return true }
    let suspension = Suspension()
    live.whenDurable(sequence) { _ in suspension.resume() }
    _ = await suspension.wait(until: .never, on: reactor)
    return live.durable >= sequence
  }

  // MARK: Accounts

  /// What a failed attempt does to its account: recorded, and heeded from now on.
  func rest(_ id: AccountID, after failed: FailedAttempt) -> AccountRest? {
    let now = wallClock.now()
    let settings = snapshot.configuration.gateway
    var name = ""
    let rest = scheduler.withLock { scheduler -> AccountRest? in
      guard let account = scheduler.account(id) else { return nil }
      name = account.plan.name
      let rest = AccountRest(
        status: failed.status, isOperatorFault: failed.isOperatorFault,
        resetHeader: failed.resetHeader, retryAfter: failed.retryAfter,
        statedSeconds: failed.restSeconds,
        consecutiveFaults: account.consecutiveFaults, now: now, rules: settings.cooldownRules)
      guard let rest else { return nil }
      scheduler.noteFault(id)
      scheduler.setCondition(id, rest.condition, until: now.advanced(bySeconds: rest.seconds))
      return rest
    }
    guard let rest else { return nil }
    var event = AccountStateChanged()
    event.account = id
    event.condition = rest.condition
    event.status = UInt16(clamping: failed.status)
    event.until = now.advanced(bySeconds: rest.seconds)
    event.authorship = Authorship(actor: "daybook", reason: failed.detail)
    append(event)
    tell(rest, of: name, after: failed, until: event.until)
    return rest
  }

  /// An account answered: its row of failures ends.
  func noteSuccess(_ id: AccountID) { scheduler.withLock { $0.noteSuccess(id) } }

  func newRequestID() -> ULID {
    ULID(time: wallClock.now(), random: identifiers.next())
  }
}

extension GatewaySettings {
  var cooldownRules: AccountRest.Rules {
    AccountRest.Rules(
      rateLimitSeconds: cooldown.tooManyRequests.components.seconds,
      overloadedSeconds: cooldown.overloaded.components.seconds,
      greatestFaultSeconds: cooldown.greatestServerError.components.seconds,
      errorSeconds: accountError.components.seconds)
  }
}
