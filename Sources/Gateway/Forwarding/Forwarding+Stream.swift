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
  /// What comes behind message_stop is thrown away, up to so many bytes.
  private static let tailBytes = 64 * 1024

  func relay(
    _ transfer: Transfer, _ head: UpstreamHead, _ account: UpstreamAccount
  ) async -> AttemptEnd {
    let type = head.headers["content-type"]?.lowercased()
    guard type?.hasPrefix("text/event-stream") == true else {
      return await readUnexpected(transfer, head, account)
    }
    var stream = IncomingStream(restoring: renamed(account), translator: translator(for: account))
    let passed = ForwardedHeaders.toCaller(head.headers, rateLimits: settings.passRateLimits)
    var firstContent: MonotonicTime?
    var releaseDue = MonotonicTime.never
    var tailDue = MonotonicTime.never
    var tailReceived = 0
    var problem: SettlementReason?
    var isAtEnd = false
    while !isAtEnd {
      if stream.relay.end == .stopped && tailDue == .never {
        tailDue = reactor.now.advanced(milliseconds: Self.tailMilliseconds)
      }
      let deadline = min(reply.pingDue, drainEnds ?? .never, releaseDue, tailDue)
      switch await transfer.next(until: deadline, watching: watched) {
      case .bytes(let bytes) where stream.relay.end == .stopped:
        tailReceived += bytes.count
        isAtEnd = tailReceived > Self.tailBytes || tailDue <= reactor.now
      case .bytes(let bytes):
        stream.take(bytes, now: gateway.wallClock.now())
        if stream.relay.hasContent && firstContent == nil { firstContent = reactor.now }
        if stream.relay.holdsBack && releaseDue == .never {
          releaseDue = reactor.now.advanced(milliseconds: Self.holdBackMilliseconds)
        }
        isAtEnd = stream.relay.isBroken
      case .end:
        stream.end(isBroken: false)
        isAtEnd = true
      case .failed:
        stream.end(isBroken: true)
        problem = isShuttingDown ? .shutdown : isDrained(transfer) ? .drainLimit : .upstreamCut
        isAtEnd = true
      case .callerGone:
        noteCallerGone()
        continue
      case .deadlinePassed:
        if stream.relay.end == .stopped {
          isAtEnd = true
        } else if releaseDue <= reactor.now {
          stream.release()
        } else {
          await reply.pingIfDue()
        }
      }
      if !isAtEnd && isDrained(transfer) {
        problem = .drainLimit
        isAtEnd = true
      }
      if stream.relay.isReleased {
        releaseDue = .never
        body.free()
        reply.start(headers: passed)
        await reply.send(stream.takeOutput()[...])
      }
    }
    return ending(stream, problem, head, account, firstContent)
  }

  private func ending(
    _ stream: IncomingStream, _ problem: SettlementReason?, _ head: UpstreamHead,
    _ account: UpstreamAccount, _ firstContent: MonotonicTime?
  ) -> AttemptEnd {
    let (relay, meter) = (stream.relay, stream.meter)
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
      failure =
        stream.failure.map { FailedAttempt($0, status: head.status, at: gateway) }
        ?? FailedAttempt(.errorEvent, status: Self.status(ofError: type), detail: type)
    case .malformed(let what):
      ending = ending ?? .upstreamCut
      failure = FailedAttempt(.malformedAnswer, status: head.status, detail: what)
    }
    failure.usage = meter.reported
    if !relay.isReleased && ending != nil && !isShuttingDown && problem != .drainLimit {
      return .failed(failure)
    }
    guard meter.hasAnything else { return .abandoned }
    return .answered(
      AnsweredRequest(
        account: account, meter: meter, ending: ending, status: head.status,
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
  private func readUnexpected(
    _ transfer: Transfer, _ head: UpstreamHead, _ account: UpstreamAccount
  ) async -> AttemptEnd {
    let unknown = FailedAttempt(
      .malformedAnswer, status: head.status, detail: "the answer is not a stream of events")
    guard case .success(let body) = await readAll(transfer, limit: Self.errorBodyLimit) else {
      return .failed(unknown)
    }
    if account.isTranslated {
      guard case .failed(let failed) = translatedAnswer(body, head, account),
        failed.failure == .errorEvent
      else { return .failed(unknown) }
      return .failed(failed)
    }
    guard case .error(let type) = AnthropicAnswer.read(body) else { return .failed(unknown) }
    return .failed(
      FailedAttempt(.errorEvent, status: head.status, detail: "error \(type) under 2xx"))
  }
}
