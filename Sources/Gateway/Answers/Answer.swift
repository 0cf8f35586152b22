// Answers that end a request: every error of spec gateway.md section 2, with its exact text.
import Base
import HTTP
import Ledger

/// A whole answer, thrown where a request cannot go on.
struct Answer: Error {
  var status: Int
  /// `type` of the Anthropic envelope, or the code of a flat one.
  var kind: String
  var message: String
  /// Authentication errors are flat (KEEP), the others wear the Anthropic envelope.
  var isFlat = false
  var headers: [(name: String, value: String)] = []
  /// What is written to the log about it, where anything is.
  var rejection: RejectReason?
  /// True once it stands among the refusals: not to be counted twice.
  var isNoted = false

  init(_ status: Int, _ kind: String, _ message: String, rejection: RejectReason? = nil) {
    self.status = status
    self.kind = kind
    self.message = message
    self.rejection = rejection
  }

  private static func flat(
    _ status: Int, _ code: String, _ message: String, _ rejection: RejectReason? = nil
  ) -> Answer {
    var answer = Answer(status, code, message, rejection: rejection)
    answer.isFlat = true
    return answer
  }

  /// The JSON body: the Anthropic envelope, or the flat shape of authentication errors.
  var body: [UInt8] {
    var json = JSONWriter()
    if isFlat {
      json.object {
        $0.member("code", kind)
        $0.member("message", message)
      }
    } else {
      json.object {
        $0.member("type", "error")
        $0.member(
          "error",
          object: {
            $0.member("type", kind)
            $0.member("message", message)
          })
      }
    }
    return json.bytes
  }

  func with(_ name: String, _ value: String) -> Answer {
    var answer = self
    answer.headers.append((name, value))
    return answer
  }
}

// MARK: - Authentication, in the order of the checks

extension Answer {
  static let keyInQuery = flat(
    400, "api_key_in_query_deprecated",
    "API key in query parameter is deprecated. Please use Authorization header instead.")
  static let keyMissing = flat(
    401, "API_KEY_REQUIRED",
    "API key is required in Authorization header (Bearer scheme), x-api-key header, "
      + "or x-goog-api-key header")
  static let keyUnknown = flat(401, "INVALID_API_KEY", "Invalid API key")
  static let keyDisabled = flat(401, "API_KEY_DISABLED", "API key is disabled", .authentication)
  static let keyExpired = flat(403, "API_KEY_EXPIRED", "API key 已过期", .keyExpired)
  static let keyQuotaExhausted = flat(
    429, "API_KEY_QUOTA_EXHAUSTED", "API key 额度已用完", .keyQuota
  ).with("x-should-retry", "false")
  static let accessDenied = flat(403, "ACCESS_DENIED", "Access denied", .accessDenied)
  static let userNotFound = flat(
    401, "USER_NOT_FOUND", "User associated with API key not found", .userInactive)
  static let userInactive = flat(
    401, "USER_INACTIVE", "User account is not active", .userInactive)
  static let subscriptionNotFound = flat(
    403, "SUBSCRIPTION_NOT_FOUND", "No active subscription found for this group", .subscription)
  static let subscriptionExpired = flat(
    403, "SUBSCRIPTION_INVALID", "subscription has expired", .subscription)
  static let insufficientBalance = flat(
    403, "INSUFFICIENT_BALANCE", "Insufficient account balance", .balance)
  /// - Parameter window: "daily", "weekly" or "monthly".
  static func limitReached(_ window: String, secondsToReset: Int64) -> Answer {
    flat(429, "USAGE_LIMIT_EXCEEDED", "\(window) usage limit exceeded", .usageLimit)
      .with("x-should-retry", "false").with("retry-after", "\(secondsToReset)")
  }
}

// MARK: - The request itself

extension Answer {
  static let notFound = Answer(404, "not_found_error", "Not found")
  static func methodNotAllowed(_ allow: String) -> Answer {
    Answer(405, "invalid_request_error", "Method not allowed").with("allow", allow)
  }
  private static func invalid(
    _ status: Int, _ message: String, _ rejection: RejectReason = .invalidRequest
  ) -> Answer { Answer(status, "invalid_request_error", message, rejection: rejection) }

  static let bodyUnreadable = invalid(400, "Failed to read request body")
  static let bodyEmpty = invalid(400, "Request body is empty")
  static let bodyMalformed = invalid(400, "Failed to parse request body")
  static let modelMissing = invalid(400, "model is required")
  static let modelMalformed = invalid(
    400, "model must be 1 to 256 bytes without control characters")
  static let encodedBody = invalid(415, "content-encoding is not supported, send identity")
  static func bodyTooLarge(limit: Int64) -> Answer {
    let text = limit % 1_048_576 == 0 ? "\(limit / 1_048_576)MB" : "\(limit) bytes"
    return invalid(413, "Request body too large, limit is \(text)", .tooLarge)
  }
  static func noPrice(_ model: String) -> Answer {
    invalid(400, "model \(model) has no price", .unpriced)
  }
  static let buffersFull = Answer(
    503, "overloaded_error", "Too many request bodies in flight, please retry later",
    rejection: .buffersFull
  ).with("retry-after", "1")
}

// MARK: - Waiting and money

extension Answer {
  static let queueFull = Answer(
    429, "rate_limit_error", "Too many pending requests, please retry later",
    rejection: .queueFull)
  static func waitTimedOut(_ what: String) -> Answer {
    Answer(
      429, "rate_limit_error", "Concurrency limit exceeded for \(what), please retry later",
      rejection: .waitTimedOut)
  }
  /// Never sent: the caller left while it waited. Counted with the refusals.
  static let callerLeft = Answer(
    0, "api_error", "The caller left while it waited", rejection: .callerGone)
  static let billingUnavailable = Answer(
    503, "billing_service_error", "Billing service temporarily unavailable. Please retry later.")

  /// The answer to a refused billing check.
  init(_ refusal: Refusal) {
    switch refusal {
    case .insufficientBalance: self.init(403, "billing_error", "insufficient balance")
    case .subscriptionInvalid:
      self.init(403, "billing_error", "subscription is invalid or expired")
    case .dailyLimit: self.init(403, "billing_error", "daily usage limit exceeded")
    case .weeklyLimit: self.init(403, "billing_error", "weekly usage limit exceeded")
    case .monthlyLimit: self.init(403, "billing_error", "monthly usage limit exceeded")
    case .balanceReserved: self = Self.reserved("Balance")
    case .subscriptionReserved: self = Self.reserved("Subscription")
    case .keyQuotaReserved: self = Self.reserved("Key quota")
    case .keyQuotaExhausted: self = .keyQuotaExhausted
    case .none, .diskReserve, .ledgerUnavailable, .unrecognized: self = .billingUnavailable
    }
    rejection = nil
  }
  private static func reserved(_ what: String) -> Answer {
    Answer(
      429, "rate_limit_error", "\(what) is reserved by requests in flight, please retry later"
    ).with("retry-after", "1")
  }
}

// MARK: - Upstreams

extension Answer {
  static let noAccount = Answer(
    503, "api_error", "No available accounts: no available accounts")

  /// Failover is exhausted: by the last upstream status, 0 when there was no answer (KEEP).
  static func exhausted(lastStatus: Int) -> Answer {
    switch lastStatus {
    case 401:
      Answer(
        502, "upstream_error",
        "Upstream authentication failed, please contact administrator")
    case 403:
      Answer(
        502, "upstream_error", "Upstream access forbidden, please contact administrator")
    case 429:
      Answer(429, "rate_limit_error", "Upstream rate limit exceeded, please retry later")
    case 529:
      Answer(503, "overloaded_error", "Upstream service overloaded, please retry later")
    case 500, 502, 503, 504:
      Answer(502, "upstream_error", "Upstream service temporarily unavailable")
    default: Answer(502, "upstream_error", "Upstream request failed")
    }
  }
  /// count_tokens failed: the upstream's status is kept, 0 when there was no answer (KEEP).
  static func countFailed(status: Int) -> Answer {
    let message =
      switch status {
      case 429: "Rate limit exceeded"
      case 529: "Service overloaded"
      default: "Upstream request failed"
      }
    return Answer((400..<600).contains(status) ? status : 502, "upstream_error", message)
  }
  static let shuttingDown = Answer(
    503, "overloaded_error", "The gateway is shutting down, please retry")
  /// An upstream's own error, for a stream that has begun already.
  init(upstreamStatus: Int, body: [UInt8]) {
    var kind = "api_error"
    var message = "Upstream request failed"
    if let scanner = try? JSONScanner(body.span) {
      let error = scanner.member("error", of: scanner.root)
      kind = scanner.decoded(scanner.member("type", of: error)) ?? kind
      message = scanner.decoded(scanner.member("message", of: error)) ?? message
    }
    self.init(upstreamStatus, kind, message)
  }
  static let streamCut = Answer(502, "api_error", "Upstream stream ended unexpectedly")
  static let notRecorded = Answer(503, "api_error", "Billing record could not be written")
}

extension ResponseHeaders {
  /// The fields of every JSON answer of ours.
  static func json(_ requestID: ULID) -> ResponseHeaders {
    var headers = ResponseHeaders(contentType: "application/json")
    headers.add("request-id", requestID.description)
    return headers
  }
}
