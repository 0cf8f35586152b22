// Ends without a charge, and the attempts before them, as events.
import Base
import HTTP
import Ledger

extension Forwarding {
  func record(
    _ failed: FailedAttempt, account: UpstreamAccount, begun: MonotonicTime,
    outcome: AttemptOutcome
  ) {
    let failed = failed.hiding(account.authorization?.value)
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
    let isAccountsFault = outcome == .failover || outcome == .exhausted
    // What an account was before a reload says nothing of what it is now.
    let isCurrent = gateway.snapshot.accounts[account.id]?.asksLike(account) == true
    if isAccountsFault, isCurrent, let rest = gateway.rest(account.id, after: failed) {
      event.coolDown = Milliseconds(nanoseconds: rest.seconds.multipliedClamped(1_000_000_000))
    }
    gateway.append(event)
    gateway.tell(
      failed, of: reply.requestID, account: account, attempt: attempts, outcome: outcome,
      nanoseconds: reactor.now.nanoseconds(since: begun))
  }

  /// Ends the request without a charge.
  func close(_ failure: ForwardFailure, answer: Answer) async {
    if reply.isGone { giveUserSlotBack() }
    await closeInLedger(failure, status: answer.status, detail: answer.message)
    await reply.fail(answer)
  }

  /// The upstream's refusal is the caller's business: it gets it as it came, uncharged.
  func passThrough(_ refusal: UpstreamRefusal) async {
    await closeInLedger(.passedThrough, status: refusal.status, detail: "")
    if reply.hasStarted {
      await reply.fail(Answer(upstreamStatus: refusal.status, body: refusal.body))
    } else {
      var fields = ResponseHeaders()
      fields.add("request-id", reply.requestID.description)
      for field in refusal.fields { fields.add(field.name, field.value) }
      reply.respond(status: refusal.status, headers: fields, body: refusal.body)
    }
  }

  /// Closes the admission without a charge. Before the caller hears of it, so that its next request
  /// finds the hold released.
  func closeInLedger(
    _ failure: ForwardFailure, status: Int, detail: String
  ) async {
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
    event.detail = detail.clipped(toBytes: 256)
    reply.trace.closed(failure)
    await gateway.appendForCertain(event, on: reactor)
  }
}
