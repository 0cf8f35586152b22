// What is known of one request, gathered along its way and told once at its end: one line in the
// log, and the counters of GET /metrics. Never a key, a credential, a body, or a header's text.
import Base
import HTTP
import Ledger
import Projections

/// One request, as the log and the metrics see it. Belongs to its request's reactor.
final class RequestTrace {
  let id: ULID
  let request: Request
  let route: Route?
  let started: MonotonicTime
  /// nil until the key is known.
  var caller: Caller?
  /// The model asked for; "" where there is none.
  private(set) var model = ""
  private(set) var isStream = false
  /// Bytes of the request's body.
  private(set) var bodyBytes = 0
  var hold: NanoUSD?
  /// Nanoseconds in the user's and in accounts' queues.
  private(set) var userWait: Int64 = 0
  private(set) var accountWait: Int64 = 0
  /// The account of the last attempt, and the model's name there.
  private(set) var account = ""
  private(set) var sentModel = ""
  private(set) var attempts = 0
  /// The charge, once it is appended.
  private(set) var settlement: Settlement?
  private(set) var end = End.answered
  private(set) var isDrained = false
  private(set) var usedFallback = false

  /// How a request ended.
  enum End: Equatable {
    /// Without an upstream: models, usage, preflights, counted tokens.
    case answered
    /// Refused before anything was forwarded.
    case rejected(RefusedFor)
    case settled
    case intercepted(InterceptKind)
    /// The admission was closed without a charge.
    case closed(ForwardFailure)
  }

  init(_ id: ULID, _ request: Request, route: Route?, started: MonotonicTime) {
    self.id = id
    self.request = request
    self.route = route
    self.started = started
  }

  var platform: Platform? { caller?.platform }

  func asks(model: String, stream: Bool, bodyBytes: Int) {
    self.model = model
    isStream = stream
    self.bodyBytes = bodyBytes
  }
  func waited(user nanoseconds: Int64) { userWait += nanoseconds }
  func waited(account nanoseconds: Int64) { accountWait += nanoseconds }

  /// An attempt begins.
  func tries(_ account: String, model: String) {
    attempts += 1
    self.account = account
    sentModel = model
  }
  /// The caller was found gone while its answer was under way.
  func drains() { isDrained = true }
  /// The fallback group took over: its admission counts from here on.
  func fallsBack(to caller: Caller, hold: NanoUSD) {
    usedFallback = true
    self.caller = caller
    self.hold = hold
  }

  // MARK: Ends; the last one named holds

  func refused(_ answer: Answer) { end = .rejected(RefusedFor(answer)) }
  func settled(_ settlement: Settlement) {
    self.settlement = settlement
    end = .settled
  }
  /// The caller left before anything was granted.
  func left() { end = .rejected(.callerGone) }
  func intercepted(_ kind: InterceptKind) { end = .intercepted(kind) }
  func closed(_ failure: ForwardFailure) { end = .closed(failure) }
}

/// Why a request was refused, in few words for labels and lines.
enum RefusedFor: String, CaseIterable {
  case notFound = "not_found"
  case methodNotAllowed = "method_not_allowed"
  case keyMissing = "key_missing"
  case keyUnknown = "key_unknown"
  case keyInQuery = "key_in_query"
  case keyDisabled = "key_disabled"
  case keyExpired = "key_expired"
  case keyQuota = "key_quota"
  case accessDenied = "access_denied"
  case userInactive = "user_inactive"
  case subscription = "subscription"
  case usageLimit = "usage_limit"
  case balance = "balance"
  case queueFull = "queue_full"
  case waitTimedOut = "wait_timed_out"
  case invalidRequest = "invalid_request"
  case tooLarge = "too_large"
  case unpriced = "unpriced"
  case buffersFull = "buffers_full"
  case callerGone = "caller_gone"
  /// By the billing check: no money.
  case billing = "billing"
  /// By the billing check: the money is held by requests in flight.
  case reserved = "reserved"
  /// The ledger takes no admissions.
  case billingUnavailable = "billing_unavailable"
  case noAccount = "no_account"
  case upstream = "upstream"
  case other = "other"

  init(_ answer: Answer) {
    if let rejection = answer.rejection {
      self = Self(rejection)
      return
    }
    switch (answer.status, answer.kind) {
    case (404, _): self = .notFound
    case (405, _): self = .methodNotAllowed
    case (_, "API_KEY_REQUIRED"): self = .keyMissing
    case (_, "INVALID_API_KEY"): self = .keyUnknown
    case (_, "api_key_in_query_deprecated"): self = .keyInQuery
    case (_, "API_KEY_QUOTA_EXHAUSTED"): self = .keyQuota
    case (_, "billing_error"): self = .billing
    case (_, "billing_service_error"): self = .billingUnavailable
    case (429, "rate_limit_error"): self = .reserved
    case (503, "api_error"): self = .noAccount
    case (_, "upstream_error"): self = .upstream
    default: self = .other
    }
  }

  private init(_ reason: RejectReason) {
    switch reason {
    case .authentication: self = .keyDisabled
    case .keyExpired: self = .keyExpired
    case .keyQuota: self = .keyQuota
    case .accessDenied: self = .accessDenied
    case .userInactive: self = .userInactive
    case .subscription: self = .subscription
    case .usageLimit: self = .usageLimit
    case .balance: self = .balance
    case .queueFull: self = .queueFull
    case .waitTimedOut: self = .waitTimedOut
    case .invalidRequest: self = .invalidRequest
    case .tooLarge: self = .tooLarge
    case .unpriced: self = .unpriced
    case .buffersFull: self = .buffersFull
    case .callerGone: self = .callerGone
    case .unrecognized: self = .other
    }
  }
}
