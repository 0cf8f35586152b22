// Whose turn it is: the account of the caller's session, a free one, or a wait for a slot with
// pings to a caller that streams.
import Base
import HTTP
import Ledger
import Projections

/// What the search for an account came to.
enum AccountPick {
  /// A slot of it is taken.
  case account(UpstreamAccount)
  /// The account answers such requests without a model; no slot is taken.
  case intercepted(InterceptKind, AccountID)
  case nobody(ForwardFailure, Answer)
}

extension Forwarding {
  private var accountWish: AccountWish {
    AccountWish(
      group: admission.group, platform: caller.platform, model: call.model, session: session,
      excluded: excluded,
      isPriced: { [admission] in admission.price.hasPrice(sent: $0) })
  }

  /// Names the caller's session in the admission's group.
  func findSession() {
    // With one account all sessions are its own.
    session =
      (snapshot.groupAccounts[admission.group]?.count ?? 0) < 2
      ? nil
      : call.session(
        header: request.headers[SessionName.header], body: body.bytes, key: caller.key.id,
        group: admission.group, platform: caller.platform)
  }

  /// The account failed a request of the session: the next one goes elsewhere.
  func loseSession(of account: AccountID) {
    guard session != nil else { return }
    gateway.scheduler.withLock { [session] in $0.dropSession(session, from: account) }
  }

  func pickAccount() async -> AccountPick {
    while true {
      let wish = accountWish
      let now = gateway.wallClock.now()
      switch gateway.scheduler.withLock({ $0.select(wish, now: now) }) {
      case .acquired(let id):
        if let kind = interception(by: id) {
          gateway.scheduler.releaseAccount(id)
          return .intercepted(kind, id)
        }
        return picked(id)
      case .wait(let id, let suspension, let isSticky):
        if let kind = interception(by: id) {
          giveUp(id, suspension)
          return .intercepted(kind, id)
        }
        let limit = isSticky ? settings.stickyWait : settings.accountWait
        switch await wait(for: suspension, atMost: limit) {
        case .resumed: break
        case .callerGone:
          giveUp(id, suspension)
          return .nobody(.callerGone, .shuttingDown)
        case .timedOut, .paused:
          giveUp(id, suspension)
          return .nobody(.accountWait, .waitTimedOut("account"))
        }
        // It may have failed others meanwhile.
        let isStillGood = gateway.scheduler.withLock { [now = gateway.wallClock.now()] in
          $0.confirm(id, for: wish, now: now)
        }
        if isStillGood { return picked(id) }
        gateway.scheduler.releaseAccount(id)
      case .queueFull: return .nobody(.accountWait, .queueFull)
      case .nobody(let until):
        return .nobody(
          excluded.isEmpty ? .noAccount : .upstream,
          excluded.isEmpty ? resting(.noAccount, until) : exhaustedAnswer(until))
      }
    }
  }

  private func picked(_ id: AccountID) -> AccountPick {
    if let account = account(id) { return .account(account) }
    // The configuration changed between the choice and now.
    gateway.scheduler.releaseAccount(id)
    return .nobody(.noAccount, .noAccount)
  }

  /// An account as it is configured now: after a wait the one of the request's beginning may have
  /// moved, or hold a credential that was replaced.
  private func account(_ id: AccountID) -> UpstreamAccount? { gateway.snapshot.accounts[id] }

  private func interception(by id: AccountID) -> InterceptKind? {
    guard account(id)?.interceptsWarmup == true else { return nil }
    return call.interceptKind(body.bytes)
  }

  /// Waits for a slot, with pings; nobody else learns of the wait's end here.
  private func wait(
    for suspension: Suspension, atMost limit: Duration
  ) async -> Suspension.Outcome {
    let start = reactor.now
    let outcome = await reply.wait(
      for: suspension, until: start.advanced(nanoseconds: limit.nanoseconds))
    reply.trace.waited(account: reactor.now.nanoseconds(since: start))
    return outcome
  }

  /// Leaves the queue. When the slot was in the air already, whoever sent it finds the wait over
  /// and hands it on.
  private func giveUp(_ id: AccountID, _ suspension: Suspension) {
    gateway.scheduler.withLock { $0.abandonAccount(id, suspension) }
  }

  // MARK: Answers when nobody is left

  var earliestRest: Timestamp? {
    let wish = accountWish
    return gateway.scheduler.withLock { [now = gateway.wallClock.now()] in
      $0.earliestRest(wish, now: now)
    }
  }

  /// The text of the last failure, with the time to try again where that is known.
  func exhaustedAnswer(_ until: Timestamp?) -> Answer {
    resting(.exhausted(lastStatus: lastFailure?.status ?? 0), until)
  }
  private func resting(_ answer: Answer, _ until: Timestamp?) -> Answer {
    guard let until, answer.status == 429 || answer.status == 503 else { return answer }
    let seconds = (until.microseconds - gateway.wallClock.now().microseconds + 999_999) / 1_000_000
    return answer.with("retry-after", "\(max(1, seconds))")
  }
}
