// From an admission to its end: which account, attempt after attempt, until one answers or none is
// left. Whatever happens, the admission is closed by exactly one event, every slot is given back,
// and every attempt that failed is an event with its duration.
//
//   Forwarding            the loop: attempt, fail over, fall back, settle
//   Forwarding+Accounts   whose turn it is, waiting for a slot, sessions
//   Forwarding+Attempt    one attempt: send, read the head, whole answers and errors
//   Forwarding+Stream     one attempt that streams
//   Forwarding+Closing    the events of attempts and of ends without a charge
//   Forwarding+Detours    requests answered without a model, and the fallback group
import Base
import HTTP
import Ledger

/// One admitted request on its way.
final class Forwarding {
  let gateway: Gateway
  let snapshot: Gateway.Snapshot
  let call: MessagesCall
  let request: Request
  let reply: Reply
  let started: MonotonicTime
  /// What is sent upstream, until an answer has begun.
  let body: HeldBody
  /// What was asked of the billing check, and what it allowed. Both change once at most: when the
  /// request goes on in a fallback group.
  var asked: AdmissionRequest
  var admission: Admission
  var hasFallenBack = false
  /// Gives the user's slot back; early when the caller leaves.
  private var releaseUserSlot: (() -> Void)?
  /// Accounts that failed this admission, and its session.
  var excluded: Set<AccountID> = []
  var session: SessionKey?
  private(set) var attempts = 0
  private(set) var lastFailure: FailedAttempt?
  private(set) var lastAccount = AccountID.none
  var isDurable = false
  /// The transfer of the attempt under way.
  var transferUnderWay: Transfer?
  private(set) var isShuttingDown = false
  /// When draining after the caller's leaving ends; nil while it is there.
  private(set) var drainEnds: MonotonicTime?
  private var drain: Drains.Ticket?

  /// - Parameter releaseUserSlot: called once.
  init(
    _ gateway: Gateway, snapshot: Gateway.Snapshot, call: MessagesCall, request: Request,
    asked: AdmissionRequest, admission: Admission, reply: Reply, started: MonotonicTime,
    body: HeldBody, releaseUserSlot: @escaping () -> Void
  ) {
    self.gateway = gateway
    self.snapshot = snapshot
    self.call = call
    self.request = request
    self.asked = asked
    self.admission = admission
    reply.trace.hold = admission.hold
    self.reply = reply
    self.started = started
    self.body = body
    self.releaseUserSlot = releaseUserSlot
  }

  var caller: Caller { asked.caller }
  var reactor: Reactor { reply.client.reactor }
  var settings: GatewaySettings { snapshot.configuration.gateway }

  /// Runs the request to its end.
  func run() async {
    defer {
      giveUserSlotBack()
      drain?.end()
    }
    findSession()
    while !reply.isGone && !isShuttingDown {
      let account: UpstreamAccount
      switch await pickAccount() {
      case .account(let picked): account = picked
      case .intercepted(let kind, let account): return await intercept(kind, account)
      case .nobody(let failure, let answer): return await close(failure, answer: answer)
      }
      let begun = reactor.now
      guard let end = await attemptDurably(account) else {
        reply.trace.refused(.billingUnavailable)
        return await reply.fail(.billingUnavailable)
      }
      if await isOver(end, account, begun: begun) { return }
    }
    await close(isShuttingDown ? .shutdown : .callerGone, answer: .shuttingDown)
  }

  /// One attempt with the account's slot. nil: the admission is not durable and never will be, so
  /// nothing went upstream; a poisoned ledger ends the process.
  private func attemptDurably(_ account: UpstreamAccount) async -> AttemptEnd? {
    defer { gateway.scheduler.releaseAccount(account.id) }
    if !isDurable { isDurable = await gateway.isDurable(admission.sequence, on: reactor) }
    guard isDurable else { return nil }
    // Nothing is begun that would be cut, or read for nobody; the end may not be told here yet.
    if gateway.active.isEnding { isShuttingDown = true }
    if isShuttingDown || reply.isGone { return .abandoned }
    attempts += 1
    lastAccount = account.id
    reply.trace.tries(account.name, model: account.models.sent(for: call.model) ?? call.model)
    return await attempt(account)
  }

  /// What follows an attempt. False: another one.
  private func isOver(
    _ end: AttemptEnd, _ account: UpstreamAccount, begun: MonotonicTime
  ) async -> Bool {
    switch end {
    case .answered(let answered):
      gateway.noteSuccess(account.id)
      await settle(answered)
    case .passThrough(let refusal):
      note(refusal.failure, account, begun: begun, outcome: .passedThrough)
      await passThrough(refusal)
    case .promptTooLong(let refusal):
      guard let group = fallbackGroup else {
        note(refusal.failure, account, begun: begun, outcome: .passedThrough)
        await passThrough(refusal)
        return true
      }
      note(refusal.failure, account, begun: begun, outcome: .fallbackGroup)
      return await !isAdmitted(to: group, after: account)
    case .refused(let answer):
      await close(.refused, answer: answer)
    case .abandoned:
      if !isShuttingDown && !reply.isGone {
        let nothing = FailedAttempt(.cut, status: 200, detail: "the stream ended without content")
        note(nothing, account, begun: begun, outcome: .exhausted)
      }
      await close(
        isShuttingDown ? .shutdown : reply.isGone ? .callerGone : .upstream,
        answer: isShuttingDown ? .shuttingDown : .streamCut)
    case .failed(let failed):
      return await isExhausted(by: failed, account, begun: begun)
    }
    return true
  }

  /// A failed attempt: the next account, or the end.
  private func isExhausted(
    by failed: FailedAttempt, _ account: UpstreamAccount, begun: MonotonicTime
  ) async -> Bool {
    let limit = Int(
      caller.platform == .gemini
        ? settings.maxAccountSwitchesGemini : settings.maxAccountSwitches)
    let isLast = excluded.count >= limit || reply.isGone || isShuttingDown
    note(failed, account, begun: begun, outcome: isLast ? .exhausted : .failover)
    excluded.insert(account.id)
    loseSession(of: account.id)
    guard isLast else { return false }
    let failure: ForwardFailure =
      isShuttingDown ? .shutdown : reply.isGone ? .callerGone : .upstream
    await close(failure, answer: exhaustedAnswer(earliestRest))
    return true
  }

  private func note(
    _ failed: FailedAttempt, _ account: UpstreamAccount, begun: MonotonicTime,
    outcome: AttemptOutcome
  ) {
    record(failed, account: account, begun: begun, outcome: outcome)
    lastFailure = failed
  }

  // MARK: The caller

  /// Called when the caller is found gone while an upstream answers: its slot is free at once, the
  /// drain begins.
  func noteCallerGone() {
    guard drainEnds == nil else { return }
    drainEnds = reactor.now.advanced(nanoseconds: settings.drain.nanoseconds)
    gateway.metrics.drains.add()
    reply.trace.drains()
    giveUserSlotBack()
    drain = gateway.drains.begin(self)
  }
  /// Enough is read after the caller left: another drain of its user takes this one's place.
  func cutDrain() {
    guard drainEnds != nil else { return }
    drainEnds = reactor.now
    transferUnderWay?.cancel()
  }
  /// The process ends: the upstream is let go, what came is settled.
  func shutDown() {
    isShuttingDown = true
    transferUnderWay?.cancel()
  }
  /// Early where the caller left, and only the ledger is still waited for.
  func giveUserSlotBack() {
    releaseUserSlot?()
    releaseUserSlot = nil
  }
}

extension Int64 {
  /// The product, or the end of the range it would leave.
  func multipliedClamped(_ other: Int64) -> Int64 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
  }
}
