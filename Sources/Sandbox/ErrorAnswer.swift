// Anthropic's errors (https://docs.anthropic.com/en/api/errors): the type and text that go with a
// status, the JSON envelope, and the event that breaks a stream.

import Base

/// An error in a provider's words; Google's are in ErrorAnswer+Google.swift.
struct ErrorAnswer: Sendable {
  let status: Int
  /// What the provider calls this kind: `rate_limit_error`, `RESOURCE_EXHAUSTED`.
  let type: String
  let message: String

  init(status: Int, type: String, _ message: String) {
    self.status = status
    self.type = type
    self.message = message
  }
  /// The error that usually comes with `status`.
  init(status: Int) {
    self.status = status
    (type, message) = Self.texts(status)
  }

  /// Error statuses that say when to come again.
  var retryAfterSeconds: Int? { status == 429 || status == 503 || status == 529 ? 1 : nil }

  /// `{"type":"error","error":{...},"request_id":...}`
  func body(requestID: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("type", "error")
    writeError(to: &writer)
    writer.member("request_id", requestID)
    writer.endObject()
    return writer.bytes
  }
  /// `event: error` of a stream that has begun.
  func streamEvent(requestID: String) -> StreamEvent {
    event("error") { writer in
      writeError(to: &writer)
      writer.member("request_id", requestID)
    }
  }
  private func writeError(to writer: inout JSONWriter) {
    writer.name("error")
    writer.beginObject()
    writer.member("type", type)
    writer.member("message", message)
    writer.endObject()
  }

  private static func texts(_ status: Int) -> (type: String, message: String) {
    switch status {
    case 400: ("invalid_request_error", "The sandbox refused this request as it was told to")
    case 401: ("authentication_error", "invalid x-api-key")
    case 402: ("billing_error", "Your account has a billing problem")
    case 403: ("permission_error", "Your API key does not have permission to use this resource")
    case 404: ("not_found_error", "The requested resource could not be found")
    case 408, 504: ("timeout_error", "Request timed out")
    case 413: ("request_too_large", "Request exceeds the maximum size")
    case 429:
      (
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute"
      )
    case 529: ("overloaded_error", "Overloaded")
    case 500...599: ("api_error", "Internal server error")
    case 400...499: ("invalid_request_error", "The sandbox refused this request as it was told to")
    default: ("api_error", "The sandbox answers with a redirect as it was told to")
    }
  }
}
