// One attempt that streams: what comes is metered and relayed event by event, until the upstream
// ends, fails, or the caller has left for too long.
import Base
import HTTP
import Ledger

extension Forwarding {
  /// Longest wait for the first sign of content before message_start goes out.
  private static let holdBackMilliseconds = 1000
  /// After message_stop: how long the end of the body is waited for, so that the connection can be
  /// used again.
  private static let tailMilliseconds = 1000

  func relay(
    _ transfer: Transfer, _ head: UpstreamHead, _ account: UpstreamAccount
  ) async -> AttemptEnd {
    guard head.headers["content-type"]?.hasPrefix("text/event-stream") == true else {
      return await readUnexpected(transfer, head)
    }
    var relay = StreamRelay(restoring: renamed(account))
    let passed = ForwardedHeaders.toCaller(head.headers, rateLimits: settings.passRateLimits)
    var firstContent: MonotonicTime?
    var releaseDue = MonotonicTime.never
    var problem: SettlementReason?
    reading: while true {
      if case .malformed = relay.end { break }
      if case .error = relay.end { break }
      let tail: MonotonicTime =
        relay.end == .stopped ? reactor.now.advanced(milliseconds: Self.tailMilliseconds) : .never
      let deadline = min(reply.pingDue, drainEnds ?? .never, releaseDue, tail)
      switch await transfer.next(until: deadline, watching: watched) {
      case .bytes(let bytes):
        relay.take(bytes)
        if relay.hasContent && firstContent == nil { firstContent = reactor.now }
        if relay.holdsBack && releaseDue == .never {
          releaseDue = reactor.now.advanced(milliseconds: Self.holdBackMilliseconds)
        }
        if isDrained(transfer) {
          problem = .drainLimit
          break reading
        }
      case .end:
        break reading
      case .failed:
        problem =
          isShuttingDown ? .shutdown : isDrained(transfer) ? .drainLimit : .upstreamCut
        break reading
      case .callerGone:
        noteCallerGone()
        continue reading
      case .deadlinePassed:
        if isDrained(transfer) {
          problem = .drainLimit
          break reading
        }
        if relay.end == .stopped { break reading }
        if releaseDue <= reactor.now { relay.release() } else { await reply.pingIfDue() }
      }
      if relay.isReleased {
        releaseDue = .never
        body.free()
        reply.start(headers: passed)
        await reply.send(relay.takeOutput()[...])
      }
    }
    return ending(relay, problem, head, account, firstContent)
  }

  private func ending(
    _ relay: StreamRelay, _ problem: SettlementReason?, _ head: UpstreamHead,
    _ account: UpstreamAccount, _ firstContent: MonotonicTime?
  ) -> AttemptEnd {
    var ending = problem
    var remainder = AnsweredRequest.Remainder.streamEnd
    var failure = FailedAttempt(.cut, status: head.status, detail: "the stream ended too early")
    switch relay.end {
    case .open, .stopped:
      // With a stop reason the answer is whole, however its connection ended.
      if relay.meter.hasStopReason {
        ending = nil
      } else {
        ending = ending ?? (relay.end == .stopped ? .noDelta : .upstreamCut)
      }
    case .error(let type, let event):
      ending = ending ?? .upstreamCut
      remainder = .streamError(event)
      failure = FailedAttempt(.errorEvent, status: Self.status(ofError: type), detail: type)
    case .malformed(let what):
      ending = ending ?? .upstreamCut
      failure = FailedAttempt(.malformedAnswer, status: head.status, detail: what)
    }
    failure.usage = relay.meter.reported
    if !relay.isReleased && ending != nil && !isShuttingDown && problem != .drainLimit {
      return .failed(failure)
    }
    guard relay.meter.hasAnything else { return .abandoned }
    return .answered(
      AnsweredRequest(
        account: account, meter: relay.meter, ending: ending, status: head.status,
        upstreamRequestID: head.headers["request-id"] ?? "",
        firstContent: firstContent?.nanoseconds, remainder: remainder))
  }

  /// The status that an in-stream error stands for (Anthropic, "Errors").
  private static func status(ofError type: String) -> Int {
    switch type {
    case "overloaded_error": 529
    case "rate_limit_error": 429
    case "authentication_error": 401
    case "permission_error": 403
    case "timeout_error": 504
    default: 500
    }
  }

  /// A success that is no stream: an error in disguise, or nothing we know.
  private func readUnexpected(_ transfer: Transfer, _ head: UpstreamHead) async -> AttemptEnd {
    guard case .success(let body) = await readAll(transfer, limit: Self.errorBodyLimit),
      case .error(let type) = AnthropicAnswer.read(body)
    else {
      return .failed(
        FailedAttempt(
          .malformedAnswer, status: head.status, detail: "the answer is not a stream of events"))
    }
    return .failed(
      FailedAttempt(.errorEvent, status: head.status, detail: "error \(type) under 2xx"))
  }
}
