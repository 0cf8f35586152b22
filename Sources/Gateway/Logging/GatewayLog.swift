// What the gateway tells the log: the end of each request, attempts that failed, accounts that
// change their state.
import Base
import HTTP
import Ledger
import Projections

extension Gateway {
  /// The end of a request, whichever way it took: counted, and told in one line. Health checks are
  /// counted alone.
  func finish(_ trace: RequestTrace, _ client: Client) {
    let now = client.reactor.now
    let status = client.answeredStatus
    metrics.count(trace, status: status, now: now)
    if trace.route?.isHealth == true { return }
    log.write(.info, .request, "done") { line in
      trace.write(
        to: &line, status: status, bytesOut: client.answeredBytes,
        address: recordable(trace.request), now: now)
    }
  }

  /// As much of the caller's address as the configuration lets be recorded.
  private func recordable(_ request: Request) -> InternetAddress? {
    switch snapshot.configuration.gateway.recordAddresses {
    case .none: nil
    case .full: clientAddress(of: request)
    case .prefix: clientAddress(of: request)?.prefix
    }
  }

  /// An attempt that gave the caller nothing, or an error of the upstream's that is passed on.
  func tell(
    _ failed: FailedAttempt, of id: ULID, account: UpstreamAccount, attempt: Int,
    outcome: AttemptOutcome, nanoseconds: Int64
  ) {
    metrics.count(failed, at: account.platform, outcome: outcome)
    let level: LogLevel = outcome == .passedThrough ? .info : .warn
    log.write(level, .upstream, "attempt failed") { line in
      line.field("request_id", id.description)
      line.field("account", account.name)
      line.field("attempt", attempt)
      line.field("status", failed.status)
      line.field("class", failed.failure.name)
      line.field("next", outcome.name)
      line.field("duration_ms", milliseconds: nanoseconds)
      line.field("detail", failed.detail)
    }
  }

  /// An account rests from now on.
  func tell(_ rest: AccountRest, of name: String, after failed: FailedAttempt, until: Timestamp) {
    log.write(.warn, .account, "account rests") { line in
      line.field("account", name)
      line.field("state", rest.condition.name)
      line.field("seconds", rest.seconds)
      line.field("until", until.text(fraction: .none))
      line.field("status", failed.status)
      line.field("class", failed.failure.name)
      line.field("detail", failed.detail)
    }
  }

  /// An account's state was set by administration, or found in the ledger at a start.
  func tell(_ condition: AccountCondition, of name: String, until: Timestamp?) {
    log.write(.info, .account, "account state") { line in
      line.field("account", name)
      line.field("state", condition.name)
      if let until { line.field("until", until.text(fraction: .none)) }
    }
  }

  /// Somebody tried an administration token that is none.
  func tellWrongToken(_ id: ULID, _ request: Request) {
    log.write(.warn, .admin, "wrong token") { line in
      line.field("request_id", id.description)
      if let address = recordable(request) { line.field("address", address.description) }
    }
  }

  /// The HTTP layer refused bytes that are no request.
  func tellRefusal(_ id: ULID, status: Int, reason: String) {
    log.write(.info, .http, "refused") { line in
      line.field("request_id", id.description)
      line.field("status", status)
      line.field("reason", reason)
    }
  }
}

extension FailedAttempt {
  /// The same without an account's credential, which an upstream may have put into its error.
  func hiding(_ authorization: String?) -> FailedAttempt {
    guard let authorization, !detail.isEmpty else { return self }
    let secret = String(authorization.split(separator: " ").last ?? "")
    guard !secret.isEmpty, detail.contains(secret) else { return self }
    var hidden = self
    hidden.detail = detail.replacing(secret, with: "[credential]")
    return hidden
  }
}
