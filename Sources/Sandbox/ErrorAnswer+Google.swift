// Google's errors (https://cloud.google.com/apis/design/errors): the status name and text that go
// with a code, and {"error":{"code","message","status","details"}}.

import Base

extension ErrorAnswer {
  /// The error that usually comes with `status` from Google.
  init(google status: Int) {
    let (type, message) = Self.googleTexts(status)
    self.init(status: status, type: type, message)
  }
  /// A body that the sandbox refuses as the provider would.
  init(refusing error: PromptError, on wire: Wire) {
    let type = wire.isGoogle ? "INVALID_ARGUMENT" : "invalid_request_error"
    self.init(status: 400, type: type, error.message)
  }
  /// The error that usually comes with `status`.
  init(status: Int, on wire: Wire) {
    if wire.isGoogle { self.init(google: status) } else { self.init(status: status) }
  }
  /// The provider has no capacity.
  static func overloaded(on wire: Wire) -> ErrorAnswer {
    wire.isGoogle ? ErrorAnswer(google: 503) : ErrorAnswer(status: 529)
  }
  /// A prompt beyond the model's context, in the words of Anthropic's API. Google's own API says it
  /// otherwise; models of Anthropic behind Antigravity say it like this.
  static func tooLong(_ tokens: Int, on wire: Wire) -> ErrorAnswer {
    let maximum = 200_000
    let message = "prompt is too long: \(maximum + tokens) tokens > \(maximum) maximum"
    return ErrorAnswer(refusing: PromptError(message: message), on: wire)
  }

  /// The whole body of an error.
  func body(on wire: Wire, requestID: String) -> [UInt8] {
    wire.isGoogle ? googleBody : body(requestID: requestID)
  }

  private var googleBody: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member(
        "error",
        object: { writer in
          writer.member("code", status)
          writer.member("message", message)
          writer.member("status", type)
          if status == 429 { writer.member("details", array: Self.writeQuotaDetails) }
        })
    }
    return writer.bytes
  }
  /// An error that breaks a stream. The Gemini API leaves the format of the stream for it and sends
  /// the bare object over several lines; as an event it is met in front of it.
  func googleStreamError(asEvent: Bool, form: Form, isFirst: Bool) -> [UInt8] {
    if asEvent || form != .events {
      return form.frame(googleBody, isFirst: isFirst, isLast: true)
    }
    var bytes = Array("{\n  \"error\": {\n    \"code\": \(status),\n    \"message\": ".utf8)
    JSONWriter.appendQuoted(message, to: &bytes)
    bytes += ",\n    \"status\": \"\(type)\"\n  }\n}\n".utf8
    return bytes
  }

  private static func writeQuotaDetails(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("@type", "type.googleapis.com/google.rpc.QuotaFailure")
      writer.member(
        "violations",
        array: { writer in
          writer.object { writer in
            writer.member(
              "quotaMetric", "generativelanguage.googleapis.com/generate_content_paid_tier_requests"
            )
            writer.member("quotaId", "GenerateRequestsPerMinutePerProjectPerModel-PaidTier")
            writer.member("quotaValue", "50")
          }
        })
    }
    writer.object { writer in
      writer.member("@type", "type.googleapis.com/google.rpc.RetryInfo")
      writer.member("retryDelay", "1s")
    }
  }

  private static func googleTexts(_ status: Int) -> (type: String, message: String) {
    switch status {
    case 401:
      (
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
          + "cookie or other valid authentication credential."
      )
    case 403: ("PERMISSION_DENIED", "The caller does not have permission")
    case 404: ("NOT_FOUND", "Requested entity was not found.")
    case 409: ("ABORTED", "The operation was aborted.")
    case 413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit: 33554432 bytes.")
    case 429:
      (
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details. Quota "
          + "exceeded for requests per minute and model, limit: 50. Please retry in 1s."
      )
    case 499: ("CANCELLED", "The operation was cancelled.")
    case 503, 529: ("UNAVAILABLE", "The model is overloaded. Please try again later.")
    case 408, 504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
    case 500...599: ("INTERNAL", "An internal error has occurred. Please retry.")
    case 400...499: ("INVALID_ARGUMENT", "Request contains an invalid argument.")
    default: ("UNKNOWN", "The sandbox answers with a redirect as it was told to")
    }
  }
}
