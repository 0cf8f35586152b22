// One attempt at one account, and how it ended. Nothing here writes events: Forwarding does.
import HTTP
import Ledger

/// An attempt that gave the caller nothing.
struct FailedAttempt {
  let failure: FailureClass
  /// HTTP status of the upstream, 0 when there was no answer.
  var status = 0
  /// What happened, for the log: no credentials, at most 256 bytes.
  var detail = ""
  /// True for a 400 that is the operator's fault (no credit, organization disabled).
  var isOperatorFault = false
  var resetHeader: String?
  var retryAfter: String?
  /// What the answer's body says of the time to wait.
  var restSeconds: Int64?
  /// What the upstream reported before it failed.
  var usage = ReportedUsage()

  init(_ failure: FailureClass, status: Int = 0, detail: String = "") {
    self.failure = failure
    self.status = status
    self.detail = detail.clipped(toBytes: 256)
  }
}

/// An upstream's answer that goes to the caller without a charge.
struct UpstreamRefusal {
  let status: Int
  /// As the caller gets it.
  let body: [UInt8]
  /// What of the upstream's head goes along.
  let fields: [(name: String, value: String)]

  /// The attempt, as it is recorded.
  var failure: FailedAttempt {
    FailedAttempt(.status, status: status, detail: "passed through")
  }
}

/// How an attempt ended.
enum AttemptEnd {
  /// Another account may try: nothing of an answer has gone out.
  case failed(FailedAttempt)
  /// An answer of 4xx that is the caller's business: it goes back as it came, uncharged.
  case passThrough(UpstreamRefusal)
  /// The same, because the prompt is too long: another group may take it.
  case promptTooLong(UpstreamRefusal)
  /// The request cannot be put in the platform's words; nothing went upstream.
  case refused(Answer)
  /// Answered, or given up after bytes had gone out: to be settled as metered.
  case answered(AnsweredRequest)
  /// Nothing to settle came: the caller left or the process ends before an answer began, or the
  /// stream had none.
  case abandoned
}

/// What is settled.
struct AnsweredRequest {
  let account: UpstreamAccount
  let meter: UsageMeter
  /// Why the answer is not whole; nil when it ended as it should.
  let ending: SettlementReason?
  let status: Int
  let upstreamRequestID: String
  /// Monotonic time of the first content.
  let firstContent: Int64?
  /// What is still owed to the caller once the settlement is durable.
  let remainder: Remainder

  enum Remainder {
    /// The end of a stream.
    case streamEnd
    /// An error event of the upstream's, after content.
    case streamError([UInt8])
    /// The whole answer.
    case body([UInt8], fields: [(name: String, value: String)])
  }
}

/// What an upstream's status means for the request (spec: gateway, section 3).
enum StatusVerdict: Equatable {
  case success
  case failover
  case passThrough

  init(status: Int) {
    switch status {
    case 200..<300: self = .success
    case 401, 402, 403, 408, 429, 529, 300..<400, 500...: self = .failover
    case 400..<500: self = .passThrough
    default: self = .failover
    }
  }
}
