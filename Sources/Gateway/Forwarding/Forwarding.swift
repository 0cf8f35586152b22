// From an admission to its end: which account, attempt after attempt, until one answers or none is
// left. Whatever happens, the admission is closed by exactly one event, every slot is given back,
// and every attempt that failed is an event with its duration.
import Base
import HTTP
import Ledger

/// One admitted request on its way.
final class Forwarding {
  let gateway: Gateway
  let snapshot: Gateway.Snapshot
  let call: MessagesCall
  let request: Request
  let caller: Caller
  let admission: Admission
  let reply: Reply
  let started: MonotonicTime
  /// What is sent upstream, until an answer has begun.
  let body: HeldBody
  /// Gives the user's slot back; early when the caller leaves.
  private var releaseUserSlot: (() -> Void)?
  private var excluded: Set<AccountID> = []
  private(set) var attempts = 0
  private(set) var lastFailure: FailedAttempt?
  private var lastAccount = AccountID.none
  private var isDurable = false
  /// The transfer of the attempt under way.
  var transferUnderWay: Transfer?
  private(set) var isShuttingDown = false
  /// When draining after the caller's leaving ends; nil while it is there.
  private(set) var drainEnds: MonotonicTime?

  init(
    _ gateway: Gateway, snapshot: Gateway.Snapshot, call: MessagesCall, request: Request,
    caller: Caller, admission: Admission, reply: Reply, started: MonotonicTime, body: HeldBody,
    releaseUserSlot: @escaping () -> Void
  ) {
    self.gateway = gateway
    self.snapshot = snapshot
    self.call = call
    self.request = request
    self.caller = caller
    self.admission = admission
    self.reply = reply
    self.started = started
    self.body = body
    self.releaseUserSlot = releaseUserSlot
  }

  var reactor: Reactor { reply.client.reactor }
  var settings: GatewaySettings { snapshot.configuration.gateway }

  /// Runs the request to its end.
  func run() async {
    defer { giveUserSlotBack() }
    let limit = Int(
      caller.platform == .gemini
        ? settings.maxAccountSwitchesGemini : settings.maxAccountSwitches)
    while true {
      let account: UpstreamAccount
      switch await pickAccount() {
      case .failure(let answer):
        await close(.noAccount, answer: answer)
        return
      case .success(let picked): account = picked
      }
      attempts += 1
      lastAccount = account.id
      let begun = reactor.now
      let end: AttemptEnd
      do {
        defer { gateway.scheduler.releaseAccount(account.id) }
        // Nothing goes upstream that is not durably admitted; a poisoned ledger ends the process.
        guard await admissionIsDurable() else { return await reply.fail(.billingUnavailable) }
        end = await attempt(account)
      }
      switch end {
      case .answered(let answered):
        gateway.noteSuccess(account.id)
        await settle(answered)
        return
      case .passThrough(let status, let headers, let body):
        await passThrough(status, headers, body, account: account, begun: begun)
        return
      case .abandoned:
        await close(isShuttingDown ? .shutdown : .callerGone, answer: .shuttingDown)
        return
      case .failed(let failed):
        let isLast = excluded.count >= limit || reply.isGone || isShuttingDown
        record(failed, account: account, begun: begun, outcome: isLast ? .exhausted : .failover)
        lastFailure = failed
        excluded.insert(account.id)
        if isLast {
          let until = gateway.scheduler.withLock {
            $0.earliestRest(accountWish, now: gateway.wallClock.now())
          }
          await close(reply.isGone ? .callerGone : .upstream, answer: exhaustedAnswer(until))
          return
        }
      }
    }
  }

  // MARK: Accounts

  private var accountWish: AccountWish {
    AccountWish(
      group: admission.group, platform: caller.platform, model: call.model, excluded: excluded,
      isPriced: { [admission] in admission.price.price(sent: $0) != nil })
  }

  private func pickAccount() async -> Result<UpstreamAccount, Answer> {
    let wish = accountWish
    let now = gateway.wallClock.now()
    let selection = gateway.scheduler.withLock {
      $0.select(wish, maxWaiting: Gateway.accountQueueLength, now: now)
    }
    let id: AccountID
    switch selection {
    case .acquired(let picked): id = picked
    case .wait(let picked, let suspension):
      guard await waitForAccount(picked, suspension) else {
        return .failure(.waitTimedOut("account"))
      }
      id = picked
    case .queueFull: return .failure(.queueFull)
    case .nobody(let until):
      return .failure(excluded.isEmpty ? resting(.noAccount, until) : exhaustedAnswer(until))
    }
    guard let account = snapshot.accounts[id] else {
      // The configuration changed between the choice and now.
      gateway.scheduler.releaseAccount(id)
      return .failure(.noAccount)
    }
    return .success(account)
  }

  private func waitForAccount(_ id: AccountID, _ suspension: Suspension) async -> Bool {
    let deadline = reactor.now.advanced(nanoseconds: settings.accountWait.nanoseconds)
    if await suspension.wait(until: deadline, on: reply.client) == .resumed { return true }
    gateway.scheduler.withLock { $0.abandonAccount(id, suspension) }
    return false
  }

  /// The text of the last failure, with the time to try again where that is known.
  private func exhaustedAnswer(_ until: Timestamp? = nil) -> Answer {
    resting(.exhausted(lastStatus: lastFailure?.status ?? 0), until)
  }
  private func resting(_ answer: Answer, _ until: Timestamp?) -> Answer {
    guard let until, answer.status == 429 || answer.status == 503 else { return answer }
    let seconds = (until.microseconds - gateway.wallClock.now().microseconds + 999_999) / 1_000_000
    return answer.with("retry-after", "\(max(1, seconds))")
  }

  // MARK: The caller

  /// Called when the caller is found gone: its slot is free at once, the drain begins.
  func noteCallerGone() {
    guard drainEnds == nil else { return }
    drainEnds = reactor.now.advanced(nanoseconds: settings.drain.nanoseconds)
    gateway.metrics.drains.add(1)
    giveUserSlotBack()
  }
  /// The process ends: the upstream is let go, what came is settled.
  func shutDown() {
    isShuttingDown = true
    transferUnderWay?.cancel()
  }
  private func giveUserSlotBack() {
    releaseUserSlot?()
    releaseUserSlot = nil
  }

  // MARK: The ledger

  /// The first byte of a request goes upstream only when its admission is durable.
  private func admissionIsDurable() async -> Bool {
    if isDurable { return true }
    isDurable = await gateway.isDurable(admission.sequence, on: reactor)
    return isDurable
  }

  private func record(
    _ failed: FailedAttempt, account: UpstreamAccount, begun: MonotonicTime,
    outcome: AttemptOutcome
  ) {
    var event = AttemptFailed()
    event.party = admission.party
    event.account = account.id
    event.attempt = UInt16(clamping: attempts)
    event.status = UInt16(clamping: failed.status)
    event.failure = failed.failure
    event.outcome = outcome
    event.duration = Milliseconds(nanoseconds: reactor.now.nanoseconds(since: begun))
    event.input = failed.usage.input.value ?? 0
    event.output = failed.usage.output.value ?? 0
    event.cacheRead = failed.usage.cacheRead.value ?? 0
    event.cacheWrite = failed.usage.cacheCreation.value ?? 0
    event.detail = failed.detail
    if let rest = gateway.rest(account.id, after: failed) {
      event.coolDown = Milliseconds(nanoseconds: rest.seconds.multipliedClamped(1_000_000_000))
    }
    gateway.metrics.failedAttempts.add(1)
    gateway.append(event)
  }

  /// Ends the request without a charge.
  private func close(_ failure: ForwardFailure, answer: Answer?) async {
    if reply.isGone { noteCallerGone() }
    closeInLedger(failure, status: answer?.status ?? 0, detail: answer?.message ?? "")
    if let answer { await reply.fail(answer) }
  }

  private func passThrough(
    _ status: Int, _ headers: HeaderFields, _ body: [UInt8], account: UpstreamAccount,
    begun: MonotonicTime
  ) async {
    var failed = FailedAttempt(.status, status: status)
    failed.detail = "passed through"
    record(failed, account: account, begun: begun, outcome: .passedThrough)
    lastFailure = failed
    closeInLedger(.passedThrough, status: status, detail: "")
    if reply.hasStarted {
      await reply.fail(Answer(upstreamStatus: status, body: body))
    } else {
      var fields = ResponseHeaders()
      fields.add("request-id", reply.requestID.description)
      let passed = ForwardedHeaders.toCaller(headers, rateLimits: settings.passRateLimits)
      for field in passed { fields.add(field.name, field.value) }
      reply.respond(status: status, headers: fields, body: body)
    }
  }

  /// Closes the admission without a charge. Before the caller hears of it, so that its next request
  /// finds the hold released.
  private func closeInLedger(_ failure: ForwardFailure, status: Int, detail: String) {
    var event = ForwardFailed()
    event.party = admission.party
    event.hold = admission.hold
    event.serviceTime = admission.serviceTime
    event.duration = Milliseconds(nanoseconds: reactor.now.nanoseconds(since: started))
    event.status = UInt16(clamping: reply.isGone ? 0 : reply.hasStarted ? 200 : status)
    event.upstreamStatus = UInt16(clamping: lastFailure?.status ?? 0)
    event.attempts = UInt16(clamping: attempts)
    event.failure = failure
    event.target = admission.target
    event.subscription = admission.subscription
    event.group = admission.group
    event.account = lastAccount
    event.detail = String(detail.prefix(256))
    gateway.append(event)
  }
}

extension Int64 {
  /// The product, or the end of the range it would leave.
  func multipliedClamped(_ other: Int64) -> Int64 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
  }
}
