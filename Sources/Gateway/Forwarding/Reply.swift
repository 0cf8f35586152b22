// What the caller gets, and what it has got already: headers may be out before the answer is known
// (pings while waiting), errors must then come as events, and a caller that left gets nothing while
// the work for it goes on.
import Base
import HTTP
import Ledger

/// The caller's side of one request.
final class Reply {
  let client: Client
  /// What is known of the request: told at its end.
  let trace: RequestTrace
  var requestID: ULID { trace.id }
  let isStream: Bool
  private let pingNanoseconds: Int64
  /// True once 200 and the SSE headers are out.
  private(set) var hasStarted = false
  /// Status the caller saw, 0 until then.
  private(set) var status = 0
  private(set) var lastSent: MonotonicTime
  /// True when a write found the caller gone or stalled.
  private(set) var writeFailed = false

  init(_ client: Client, trace: RequestTrace, isStream: Bool, pingInterval: Duration) {
    self.client = client
    self.trace = trace
    self.isStream = isStream
    pingNanoseconds = pingInterval.nanoseconds
    lastSent = client.reactor.now
  }

  var isGone: Bool { writeFailed || client.isGone }

  /// When a ping is due; never for answers that do not stream or callers that left.
  var pingDue: MonotonicTime {
    isStream && !isGone ? lastSent.advanced(nanoseconds: pingNanoseconds) : .never
  }

  /// Sends a ping if it is due. The first one sends 200 and the SSE headers.
  func pingIfDue() async {
    guard pingDue <= client.reactor.now else { return }
    start(headers: nil)
    await send(SSEText.ping[...])
  }

  /// Waits for a slot, and pings the caller of a stream while it waits.
  /// - Returns: how the wait ended; never `.paused`.
  func wait(
    for suspension: Suspension, until deadline: MonotonicTime
  ) async -> Suspension.Outcome {
    while true {
      let outcome = await suspension.wait(until: deadline, on: client, pausingAt: pingDue)
      guard case .paused = outcome else { return outcome }
      await pingIfDue()
    }
  }

  /// Sends 200 and the SSE headers once; `headers` are those of the upstream that may go along.
  func start(headers upstream: [(name: String, value: String)]?) {
    guard !hasStarted else { return }
    hasStarted = true
    status = 200
    guard !isGone else { return }
    var headers = ResponseHeaders(contentType: "text/event-stream")
    headers.add("cache-control", "no-cache")
    headers.add("connection", "keep-alive")
    headers.add("x-accel-buffering", "no")
    headers.add("request-id", requestID.description)
    // What a stream is, and that it is not to be kept, is said already.
    for field in upstream ?? [] where !Self.ownFields.contains(field.name) {
      headers.add(field.name, field.value)
    }
    client.startStream(status: 200, headers: headers)
  }

  private static let ownFields = ["content-type", "cache-control"]

  /// Writes a piece of the stream; waits while the caller is slow. Nothing once it is gone.
  func send(_ bytes: ArraySlice<UInt8>) async {
    guard !isGone, !bytes.isEmpty else { return }
    lastSent = client.reactor.now
    do { try await client.write(bytes) } catch { writeFailed = true }
  }

  /// Ends the stream properly.
  func finish() {
    if hasStarted && !isGone { client.finishStream() }
  }

  /// Ends the request with an error: as an answer, or as an event of a stream that has begun.
  func fail(_ answer: Answer) async {
    guard hasStarted else {
      status = answer.status
      if !isGone { answer.send(to: client, requestID: requestID) }
      return
    }
    await send(SSEText.event("error", data: answer.streamBody)[...])
    finish()
  }

  /// A whole answer.
  func respond(status: Int, headers: ResponseHeaders, body: [UInt8]) {
    self.status = status
    if !isGone { client.respond(status: status, headers: headers, body: body) }
  }
}

/// Server-sent events as bytes.
enum SSEText {
  static let ping = event("ping", data: Array(#"{"type": "ping"}"#.utf8))
  static let messageStop = event("message_stop", data: Array(#"{"type":"message_stop"}"#.utf8))

  static func event(_ name: String, data: [UInt8]) -> [UInt8] {
    Array("event: \(name)\ndata: ".utf8) + data + [10, 10]
  }
}

extension Answer {
  /// The data of an error event: always the Anthropic envelope.
  var streamBody: [UInt8] {
    var envelope = self
    envelope.isFlat = false
    if isFlat { envelope.kind = Self.envelopeKind(status) }
    return envelope.body
  }

  /// The type that stands for a status, where a flat error's code has no place.
  private static func envelopeKind(_ status: Int) -> String {
    switch status {
    case 401: "authentication_error"
    case 403: "permission_error"
    case 429: "rate_limit_error"
    default: "invalid_request_error"
    }
  }

  func send(to client: Client, requestID: ULID) {
    var fields = ResponseHeaders.json(requestID)
    for field in headers { fields.add(field.name, field.value) }
    client.respond(status: status, headers: fields, body: body)
  }
}
