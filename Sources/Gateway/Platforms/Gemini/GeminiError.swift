// Errors of Google's APIs (https://cloud.google.com/apis/design/errors) as those of the Messages
// API, and what they say about the account.
//
//   {"error":{"code":429,"message":"...","status":"RESOURCE_EXHAUSTED","details":[...]}}
//
// It also comes as the one element of an array.
import Base

struct GeminiError: Error, Equatable {
  /// For the caller.
  let status: Int
  /// `type` in the Messages API.
  let kind: String
  let message: String
  /// The account is at fault, not the request: its key is not valid, or the place it calls from.
  let isOperatorFault: Bool
  /// The request does not fit the model: the fallback group may help.
  let isPromptTooLong: Bool
  private let wait: Wait

  private enum Wait: Equatable {
    case unknown
    case seconds(Int64)
    /// Until the quota of the day is renewed.
    case nextDay
  }

  static let defaultRestSeconds: Int64 = 300
  private static let greatestRestSeconds: Int64 = 7 * 86_400
  private static let greatestMessageBytes = 4096

  /// - Parameters:
  ///   - status: of the HTTP answer.
  ///   - body: Google's shape or Anthropic's; anything else gives a message of ours.
  init(status: Int, body: [UInt8]) {
    guard let scanner = try? JSONScanner(body.span) else {
      self.init(status: status, fields: Fields())
      return
    }
    var root: JSONSlice? = scanner.root
    var elements = scanner.elements(of: root)
    if root?.kind == .array { root = elements.next() }
    self.init(status: status, error: scanner.member("error", of: root), scanner)
  }

  /// - Parameters:
  ///   - status: of the HTTP answer; 0 for an error inside a stream.
  ///   - error: the value of `error`.
  init(status: Int, error: JSONSlice?, _ scanner: borrowing JSONScanner) {
    var fields = Fields()
    if let code = scanner.integer(scanner.member("code", of: error)) {
      fields.code = Int(clamping: code)
    }
    fields.name = scanner.decoded(scanner.member("status", of: error)) ?? ""
    fields.message = Self.inner(scanner.decoded(scanner.member("message", of: error)) ?? "")
    var details = scanner.elements(of: scanner.member("details", of: error))
    while let detail = details.next() { fields.read(detail: detail, scanner) }
    self.init(status: status, fields: fields)
  }

  /// The message of an error that was put into a message as a whole, as Antigravity does with
  /// those of other providers' models; else the message itself.
  private static func inner(_ message: String) -> String {
    guard message.hasPrefix("{") else { return message }
    let bytes = Array(message.utf8)
    guard let scanner = try? JSONScanner(bytes.span) else { return message }
    let error = scanner.member("error", of: scanner.root)
    return scanner.decoded(scanner.member("message", of: error)) ?? message
  }

  private init(status: Int, fields: Fields) {
    let mapped =
      Self.names[fields.name] ?? Self.mapped(status: status == 0 ? fields.code : status)
    self.status = (400..<600).contains(status) ? status : mapped.status
    kind = mapped.kind
    let text = String(
      decoding: fields.message.utf8.prefix(Self.greatestMessageBytes), as: UTF8.self)
    message = text.isEmpty ? "Upstream request failed" : text
    let lower = text.lowercased()
    // Messages may quote the request, so they have to begin with the words.
    isOperatorFault =
      fields.reasons.contains("API_KEY_INVALID")
      || ["api key not valid", "api key expired", "user location is not supported"]
        .contains { lower.hasPrefix($0) }
    isPromptTooLong =
      self.status == 400
      && (lower.contains("prompt is too long")
        || (lower.contains("input token count") && lower.contains("exceeds the maximum")))
    let saysDay = lower.contains("per day") || fields.namesDay
    wait =
      (fields.retrySeconds ?? RetryText.seconds(in: lower)).map { .seconds($0) }
      ?? (saysDay ? .nextDay : .unknown)
  }

  /// How long the account rests after a 429.
  func restSeconds(now: Timestamp, pacific: PacificTime) -> Int64 {
    let seconds: Int64 =
      switch wait {
      case .unknown: Self.defaultRestSeconds
      case .seconds(let seconds): seconds
      case .nextDay: pacific.secondsToMidnight(from: now)
      }
    return min(max(1, seconds), Self.greatestRestSeconds)
  }

  /// The error as an answer of ours.
  var answer: Answer { Answer(status, kind, message) }

  private struct Fields {
    var code = 0
    var name = ""
    var message = ""
    var reasons: Set<String> = []
    var retrySeconds: Int64?
    /// A quota's name speaks of days.
    var namesDay = false

    mutating func read(detail: JSONSlice, _ scanner: borrowing JSONScanner) {
      if let reason = scanner.decoded(scanner.member("reason", of: detail)), reasons.count < 16 {
        reasons.insert(reason)
      }
      if let delay = scanner.decoded(scanner.member("retryDelay", of: detail)) {
        retrySeconds = retrySeconds ?? RetryText.duration(delay[...])
      }
      let metadata = scanner.member("metadata", of: detail)
      note(quota: scanner.member("quota_limit", of: metadata), scanner)
      var violations = scanner.elements(of: scanner.member("violations", of: detail))
      while let violation = violations.next() {
        note(quota: scanner.member("quotaId", of: violation), scanner)
      }
    }

    private mutating func note(quota: JSONSlice?, _ scanner: borrowing JSONScanner) {
      if scanner.decoded(quota)?.contains("PerDay") == true { namesDay = true }
    }
  }

  private struct Mapped {
    let status: Int
    let kind: String
    init(_ status: Int, _ kind: String) {
      self.status = status
      self.kind = kind
    }
  }

  /// By the name of google.rpc.Code.
  private static let names: [String: Mapped] = [
    "INVALID_ARGUMENT": Mapped(400, "invalid_request_error"),
    "FAILED_PRECONDITION": Mapped(400, "invalid_request_error"),
    "OUT_OF_RANGE": Mapped(400, "invalid_request_error"),
    "UNAUTHENTICATED": Mapped(401, "authentication_error"),
    "PERMISSION_DENIED": Mapped(403, "permission_error"),
    "NOT_FOUND": Mapped(404, "not_found_error"),
    "RESOURCE_EXHAUSTED": Mapped(429, "rate_limit_error"),
    "INTERNAL": Mapped(500, "api_error"),
    "UNKNOWN": Mapped(500, "api_error"),
    "UNAVAILABLE": Mapped(503, "overloaded_error"),
    "DEADLINE_EXCEEDED": Mapped(504, "timeout_error"),
  ]

  private static func mapped(status: Int) -> Mapped {
    switch status {
    case 401: Mapped(401, "authentication_error")
    case 403: Mapped(403, "permission_error")
    case 404: Mapped(404, "not_found_error")
    case 413: Mapped(413, "request_too_large")
    case 429: Mapped(429, "rate_limit_error")
    case 400..<500: Mapped(status, "invalid_request_error")
    case 503, 529: Mapped(status, "overloaded_error")
    case 504: Mapped(504, "timeout_error")
    case 500..<600: Mapped(status, "api_error")
    default: Mapped(502, "api_error")
    }
  }
}
