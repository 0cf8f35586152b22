// One attempt: send the request to one account, read its answer. Whole answers and errors are here,
// answers that stream in Forwarding+Stream.
import Base
import HTTP
import Ledger

extension Forwarding {
  /// An error answer longer than this is cut: nobody reads it.
  static let errorBodyLimit = 1 << 20

  func attempt(_ account: UpstreamAccount) async -> AttemptEnd {
    var outgoing: UpstreamRequest
    do throws(Answer) {
      outgoing = try gateway.messagesRequest(call, body.bytes, from: request, to: account)
    } catch {
      return .refused(error)
    }
    outgoing.connectMilliseconds = settings.connect.milliseconds
    outgoing.firstByteMilliseconds =
      (account.streams(call) ? settings.streamFirstByte : settings.firstByte).milliseconds
    outgoing.gapMilliseconds = settings.streamGap.milliseconds
    let transfer = reactor.start(outgoing)
    transferUnderWay = transfer
    defer { transferUnderWay = nil }
    let head: UpstreamHead
    switch await awaitHead(transfer) {
    case .success(let came): head = came
    case .failure(let failed): return failed
    }
    switch StatusVerdict(status: head.status) {
    case .success:
      // `identity` was asked for: bytes in another coding can neither be metered nor passed on.
      if let coding = head.headers["content-encoding"], coding.lowercased() != "identity" {
        let detail = "the answer has content-encoding \(coding), which was not asked for"
        return .failed(FailedAttempt(.malformedAnswer, status: head.status, detail: detail))
      }
      return call.isStream
        ? await relay(transfer, head, account) : await buffer(transfer, head, account)
    case .failover, .passThrough:
      return await readError(transfer, head, account)
    }
  }

  private enum HeadOrEnd {
    case success(UpstreamHead)
    case failure(AttemptEnd)
  }

  /// Waits for the answer's head; pings the caller meanwhile, notes when it leaves.
  private func awaitHead(_ transfer: Transfer) async -> HeadOrEnd {
    while true {
      let deadline = min(reply.pingDue, drainEnds ?? .never)
      switch await transfer.head(until: deadline, watching: watched) {
      case .head(let head): return .success(head)
      case .failed(let failure):
        if isShuttingDown || isDrained(transfer) { return .failure(.abandoned) }
        return .failure(.failed(FailedAttempt(failure)))
      case .callerGone: noteCallerGone()
      case .deadlinePassed:
        if isDrained(transfer) { return .failure(.abandoned) }
        await reply.pingIfDue()
      }
    }
  }

  /// The client to watch: nobody once it has left.
  var watched: Client? {
    if reply.isGone { noteCallerGone() }
    return drainEnds == nil ? reply.client : nil
  }

  func isDrained(_ transfer: Transfer) -> Bool {
    guard let drainEnds else { return false }
    return drainEnds <= reactor.now || transfer.receivedBytes > Int(settings.drainBytes)
  }

  // MARK: Answers that are errors

  private func readError(
    _ transfer: Transfer, _ head: UpstreamHead, _ account: UpstreamAccount
  ) async -> AttemptEnd {
    let body: [UInt8]
    switch await readAll(transfer, limit: Self.errorBodyLimit) {
    case .success(let all): body = all
    case .failure: body = []
    }
    let error = UpstreamError(
      status: head.status, body: body, from: account, now: gateway.wallClock.now(),
      pacific: gateway.pacific)
    if !error.isOperatorFault, case .passThrough = StatusVerdict(status: head.status) {
      let refusal = UpstreamRefusal(
        status: head.status, body: error.body,
        fields: ForwardedHeaders.toCaller(
          head.headers, rateLimits: settings.passRateLimits, isTranslated: account.isTranslated))
      return error.isPromptTooLong ? .promptTooLong(refusal) : .passThrough(refusal)
    }
    var failed = FailedAttempt(.status, status: head.status, detail: "status \(head.status)")
    failed.isOperatorFault = error.isOperatorFault
    failed.resetHeader = head.headers["anthropic-ratelimit-unified-reset"]
    failed.retryAfter = head.headers["retry-after"]
    failed.restSeconds = error.restSeconds
    return .failed(failed)
  }

  enum BodyProblem: Error {
    case transfer(TransferFailure)
    case tooLarge
    case drained
  }

  /// Reads a body to its end.
  func readAll(
    _ transfer: Transfer, limit: Int
  ) async -> Result<[UInt8], BodyProblem> {
    var body: [UInt8] = []
    while true {
      let deadline = min(reply.pingDue, drainEnds ?? .never)
      switch await transfer.next(until: deadline, watching: watched) {
      case .bytes(let bytes):
        guard body.count + bytes.count <= limit else { return .failure(.tooLarge) }
        if body.isEmpty { body = bytes } else { body.append(contentsOf: bytes) }
        if isDrained(transfer) { return .failure(.drained) }
      case .end: return .success(body)
      case .failed(let failure): return .failure(.transfer(failure))
      case .callerGone: noteCallerGone()
      case .deadlinePassed:
        if isDrained(transfer) { return .failure(.drained) }
        await reply.pingIfDue()
      }
    }
  }

  // MARK: Whole answers

  private func buffer(
    _ transfer: Transfer, _ head: UpstreamHead, _ account: UpstreamAccount
  ) async -> AttemptEnd {
    switch await readAll(transfer, limit: Int(settings.maxAnswerBytes)) {
    case .failure(.tooLarge):
      return .failed(
        FailedAttempt(.malformedAnswer, status: head.status, detail: "answer over the limit"))
    case .failure(.drained):
      return .abandoned
    case .failure(.transfer(let failure)):
      if isShuttingDown || isDrained(transfer) { return .abandoned }
      return .failed(FailedAttempt(failure, status: head.status))
    case .success(let body):
      return account.isTranslated
        ? translatedAnswer(body, head, account) : answer(body, head, account)
    }
  }

  private func answer(
    _ body: [UInt8], _ head: UpstreamHead, _ account: UpstreamAccount
  ) -> AttemptEnd {
    switch AnthropicAnswer.read(body) {
    case .malformed:
      return .failed(
        FailedAttempt(.malformedAnswer, status: head.status, detail: "the answer is not JSON"))
    case .error(let type):
      return .failed(
        FailedAttempt(.errorEvent, status: head.status, detail: "error \(type) under 2xx"))
    case .message(let message) where !message.meter.hasAnything:
      let detail = "the answer has neither content nor usage"
      return .failed(FailedAttempt(.malformedAnswer, status: head.status, detail: detail))
    case .message(let message):
      let fields = ForwardedHeaders.toCaller(head.headers, rateLimits: settings.passRateLimits)
      return .answered(
        AnsweredRequest(
          account: account, meter: message.meter, ending: nil, status: head.status,
          upstreamRequestID: head.headers["request-id"] ?? "", firstContent: nil,
          remainder: .body(restored(body, message, account), fields: fields)))
    }
  }

  /// The answer under the model name the caller asked for.
  private func restored(
    _ body: [UInt8], _ message: AnthropicAnswer.Message, _ account: UpstreamAccount
  ) -> [UInt8] {
    guard renamed(account) != nil, let range = message.modelRange else { return body }
    var quoted: [UInt8] = []
    JSONWriter.appendQuoted(call.model, to: &quoted)
    var body = body
    body.replaceSubrange(range, with: quoted)
    return body
  }

  /// The caller's model name when the account asks under another one.
  func renamed(_ account: UpstreamAccount) -> String? {
    account.models.sent(for: call.model) == call.model ? nil : call.model
  }
}

extension FailedAttempt {
  init(_ failure: TransferFailure, status: Int = 0) {
    let kind: FailureClass =
      switch failure.kind {
      case .connect: .connect
      case .tls: .tls
      case .timeout: .timeout
      case .cut, .cancelled: .cut
      case .malformed: .malformedAnswer
      }
    self.init(kind, status: status, detail: failure.message)
  }
}
