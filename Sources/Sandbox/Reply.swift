// What every answer of the scripted upstream carries: the provider's header fields, and bodies
// whole.

import Base
import HTTP
import Synchronization

/// Anthropic's header fields that are the same for all answers of a second
/// (https://docs.anthropic.com/en/api/rate-limits).
final class CommonHeaders: Sendable {
  private let clock = SystemWallClock()
  private let latest = Mutex<(second: Int64, headers: ResponseHeaders)>((.min, ResponseHeaders()))

  /// As of now.
  var current: ResponseHeaders {
    let second = clock.now().seconds
    return latest.withLock { latest in
      if latest.second != second { latest = (second, Self.make(second)) }
      return latest.headers
    }
  }
  private static func make(_ second: Int64) -> ResponseHeaders {
    var headers = ResponseHeaders()
    let reset = Timestamp(seconds: second + 1).description
    headers.add("anthropic-organization-id", "00000000-0000-4000-8000-5a4db0000000")
    for (kind, limit, remaining) in limits {
      headers.add("anthropic-ratelimit-\(kind)-limit", limit)
      headers.add("anthropic-ratelimit-\(kind)-remaining", remaining)
      headers.add("anthropic-ratelimit-\(kind)-reset", reset)
    }
    return headers
  }
}

/// The answer to one request.
struct Reply {
  let client: Client
  let wire: Wire
  let requestID: String
  let common: ResponseHeaders

  func headers(contentType: String) -> ResponseHeaders {
    var headers = wire.isGoogle ? ResponseHeaders() : common
    headers.add("content-type", contentType)
    if wire.isGoogle {
      headers.add("vary", "Origin")
      headers.add("x-content-type-options", "nosniff")
    } else {
      headers.add("request-id", requestID)
    }
    return headers
  }
  /// The header fields of a JSON body.
  var jsonHeaders: ResponseHeaders {
    headers(contentType: wire.isGoogle ? "application/json; charset=UTF-8" : "application/json")
  }
  /// The header fields of a stream.
  func streamHeaders(_ form: Form) -> ResponseHeaders {
    if form == .array { return jsonHeaders }
    var headers = headers(
      contentType: wire.isGoogle ? "text/event-stream" : "text/event-stream; charset=utf-8")
    if !wire.isGoogle { headers.add("cache-control", "no-cache") }
    return headers
  }
  /// A whole JSON body.
  func send(_ status: Int, _ body: [UInt8]) {
    client.respond(status: status, headers: jsonHeaders, body: body)
  }
  /// An error, with the header fields its status asks for.
  func send(_ error: ErrorAnswer) {
    var headers = jsonHeaders
    if 300...399 ~= error.status { headers.add("location", "/elsewhere") }
    if !wire.isGoogle {
      if let seconds = error.retryAfterSeconds { headers.add("retry-after", "\(seconds)") }
      if error.status == 405 { headers.add("allow", "GET, POST") }
      headers.add("x-should-retry", error.status == 429 || error.status >= 500 ? "true" : "false")
    }
    client.respond(
      status: error.status, headers: headers, body: error.body(on: wire, requestID: requestID))
  }
}

private let limits = [
  ("requests", "4000", "3999"), ("input-tokens", "2000000", "1990000"),
  ("output-tokens", "400000", "399000"),
]
