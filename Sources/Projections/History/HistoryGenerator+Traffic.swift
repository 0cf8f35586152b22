// The requests of a generated history, event by event.
internal import Base
internal import Ledger

extension HistoryGenerator {
  // MARK: - Arrival

  mutating func prepareArrival(at time: Timestamp, _ books: borrowing Books) {
    let index = population.nextCaller(&random)
    let caller = population.callers[index]
    if options.hasFailures, random.happens(0.01) { return prepareAside(caller) }
    let group = TrafficPopulation.groups[caller.group]
    prepareMoney(caller, group, books)
    var closing = PendingClosing()
    closing.caller = index
    closing.group = caller.group
    closing.shape = nextShape(of: index, at: time)
    closing.fate = nextFate()
    price(&closing, group)
    closing.requestID = ULID(time: time, random: (random.next(), random.next()))
    let milliseconds = closing.fate == .intercepted ? 80 : closing.shape.durationMilliseconds
    closing.time = time.advanced(
      byMicroseconds: Int64(milliseconds) * 1000 + Int64(random.below(1000)))
    outbox.append(.check(check(caller, group, closing), closing))
  }

  private mutating func check(
    _ caller: HistoryCaller, _ group: HistoryGroup, _ closing: PendingClosing
  ) -> BillingChecked {
    var check = BillingChecked()
    check.party = Party(
      user: caller.user, key: caller.key, admission: .none, serviceDay: DayNumber(0))
    check.group = groups[caller.group]
    check.model = models[closing.shape.model]
    check.priceBook = priceBook
    check.multiplier = group.multiplier
    check.target = group.target
    check.userAgent = userAgents[caller.userAgent]
    check.allowed = true
    check.isStream = closing.shape.isStream
    check.addressBits = UInt8(caller.address.count * 8)
    check.isIPv6 = caller.address.count == 16
    check.address = caller.address
    check.requestID = closing.requestID
    let estimate = HoldEstimate(
      inputTokens: Int64(closing.shape.textBytes / 3 + 1), outputTokens: 4096,
      mayWrite1h: closing.shape.usesHourCache)
    check.hold = estimate.amount(
      at: prices[closing.shape.model], multiplier: group.multiplier)
    if group.target == .subscription {
      check.subscription = subscriptions[Int(caller.user.value - population.callers[0].user.value)]
      check.available = NanoUSD(.max)
    }
    return check
  }

  private func price(_ closing: inout PendingClosing, _ group: HistoryGroup) {
    do throws(RatingError) {
      let rated = try Rating.rate(closing.shape.usage, at: prices[closing.shape.model])
      closing.list = rated.list
      closing.inputTier = rated.inputTier
      closing.charged = try Rating.charge(list: rated.list, multiplier: group.multiplier)
    } catch { preconditionFailure("a generated request is within the ledger's limits") }
  }

  /// Credit before the balance runs out.
  private mutating func prepareMoney(
    _ caller: HistoryCaller, _ group: HistoryGroup, _ books: borrowing Books
  ) {
    guard group.target == .balance else { return }
    let money = books.available(user: caller.user)
    if money.balance.value - money.holds.value < 20 * NanoUSD.perUSD {
      outbox.append(.other(credit(caller.user, usd: 50 * Int64(1 + random.below(10)))))
    }
  }

  private mutating func nextShape(of index: Int, at time: Timestamp) -> TrafficShape {
    let caller = population.callers[index]
    var shape: TrafficShape
    switch caller.kind {
    case .agent where random.happens(0.16):
      shape = .single(input: (820, 0.9), output: (42, 0.8), &random)
      shape.model = TrafficPopulation.smallModel
      return shape
    case .agent:
      shape = .turn(
        &population.callers[index].session, at: time, usesHourCache: caller.usesHourCache, &random)
    case .chat:
      shape =
        recorded(options.recordedChats)
        ?? .single(
          input: (1020, 0.95), output: (129, 0.9), &random)
      shape.isStream = caller.userAgent % 3 > 0
    case .completion:
      shape =
        recorded(options.recordedCompletions)
        ?? .single(
          input: (1469, 1.1), output: (13, 0.9), &random)
      shape.isStream = false
    }
    shape.model = caller.model
    return shape
  }

  private mutating func recorded(
    _ sizes: [(input: Int, output: Int)]
  ) -> TrafficShape? {
    if sizes.isEmpty { return nil }
    let size = sizes[random.below(sizes.count)]
    return .recorded(input: size.input, output: size.output, &random)
  }

  private mutating func nextFate() -> RequestFate {
    guard options.hasFailures else { return .settled }
    let throwOfDice = random.unit()
    if throwOfDice < 0.972 { return .settled }
    if throwOfDice < 0.986 { return .failover }
    if throwOfDice < 0.992 { return .failed }
    return throwOfDice < 0.996 ? .partial : .intercepted
  }

  /// A request that reaches no billing check.
  private mutating func prepareAside(_ caller: HistoryCaller) {
    var party = Party()
    party.user = caller.user
    party.key = caller.key
    if random.happens(0.5) {
      var rejected = RequestRejected()
      rejected.party = party
      rejected.group = groups[caller.group]
      rejected.reason = random.happens(0.6) ? .queueFull : .invalidRequest
      rejected.status = rejected.reason == .queueFull ? 429 : 400
      rejected.count = UInt32(1 + random.below(4))
      outbox.append(.other(rejected))
    } else {
      var counted = TokensCounted()
      counted.party = party
      counted.group = groups[caller.group]
      counted.account = accounts[caller.account]
      counted.model = models[caller.model]
      counted.status = 200
      counted.input = Int64(random.count(median: 18_000, spread: 0.8, in: 10...180_000))
      counted.duration = Milliseconds(UInt32(random.count(median: 210, spread: 0.4, in: 40...9000)))
      outbox.append(.other(counted))
    }
  }

  // MARK: - What closes it

  mutating func prepareClosing(_ closing: PendingClosing, _ books: borrowing Books) {
    guard let open = books.openRequests.open(closing.admission) else {
      preconditionFailure("a generated request is open until its closing")
    }
    let caller = population.callers[closing.caller]
    switch closing.fate {
    case .settled, .partial:
      outbox.append(.settled(settlement(closing, caller, open, account: caller.account)))
    case .failover:
      let next = (caller.account + 1) % accounts.count
      outbox.append(.other(attempt(open, account: caller.account)))
      var settled = settlement(closing, caller, open, account: next)
      settled.attempts = 2
      outbox.append(.settled(settled))
    case .failed:
      outbox.append(.other(attempt(open, account: caller.account)))
      outbox.append(.other(failure(closing, open, account: caller.account)))
    case .intercepted:
      var intercepted = RequestIntercepted()
      intercepted.party = open.party
      intercepted.hold = open.hold
      intercepted.serviceTime = open.serviceTime
      intercepted.account = accounts[caller.account]
      intercepted.target = open.target
      intercepted.subscription = open.subscription
      outbox.append(.other(intercepted))
    }
  }

  private mutating func settlement(
    _ closing: PendingClosing, _ caller: HistoryCaller, _ open: OpenRequest, account: Int
  ) -> Settlement {
    var settled = Settlement()
    settled.party = open.party
    settled.group = open.group
    settled.account = accounts[account]
    let model = models[closing.shape.model]
    settled.model = model
    settled.upstreamModel = model
    settled.pricedModel = model
    settled.priceBook = priceBook
    settled.subscription = open.subscription
    settled.multiplier = TrafficPopulation.groups[closing.group].multiplier
    settled.target = open.target
    settled.isStream = closing.shape.isStream
    settled.priceRule = .exact
    settled.usage = closing.shape.usage
    settled.stopReason = closing.shape.stopReason
    settled.status = 200
    settled.inputTier = closing.inputTier
    settled.list = closing.list
    settled.charged = closing.charged
    settled.hold = open.hold
    settled.serviceTime = open.serviceTime
    settled.duration = Milliseconds(UInt32(closing.shape.durationMilliseconds))
    if settled.isStream {
      settled.firstToken = Milliseconds(UInt32(closing.shape.firstTokenMilliseconds))
    }
    settled.requestID = open.requestID
    settled.upstreamMessageID = random.identifier("msg_01")
    settled.upstreamRequestID = random.identifier(
      "req_01", milliseconds: open.serviceTime.microseconds / 1000)
    if closing.fate == .partial {
      settled.isPartial = true
      settled.isEstimated = true
      settled.reason = .upstreamCut
      settled.stopReason = .none
    }
    return settled
  }

  private mutating func attempt(_ open: OpenRequest, account: Int) -> AttemptFailed {
    var attempt = AttemptFailed()
    attempt.party = open.party
    attempt.account = accounts[account]
    attempt.attempt = 1
    attempt.status = random.happens(0.7) ? 529 : 502
    attempt.duration = Milliseconds(UInt32(random.count(median: 350, spread: 0.6, in: 5...30_000)))
    attempt.detail = attempt.status == 529 ? "overloaded_error" : "bad gateway"
    return attempt
  }

  private func failure(
    _ closing: PendingClosing, _ open: OpenRequest, account: Int
  ) -> ForwardFailed {
    var failed = ForwardFailed()
    failed.party = open.party
    failed.hold = open.hold
    failed.serviceTime = open.serviceTime
    failed.duration = Milliseconds(UInt32(closing.shape.firstTokenMilliseconds))
    failed.status = 502
    failed.upstreamStatus = 502
    failed.attempts = 1
    failed.target = open.target
    failed.subscription = open.subscription
    failed.group = open.group
    failed.account = accounts[account]
    return failed
  }
}
