// Answers of upstreams that speak Gemini's language, in Anthropic's words.
import Base
import HTTP
import Ledger

extension Forwarding {
  /// A whole answer: one JSON object, or a stream gathered into one because the platform always
  /// streams.
  func translatedAnswer(
    _ body: [UInt8], _ head: UpstreamHead, _ account: UpstreamAccount
  ) -> AttemptEnd {
    let whole: GeminiMessage.Whole
    do throws(GeminiFailure) {
      whole =
        account.streams(call)
        ? try gathered(body, from: account)
        : try GeminiAnswer.read(
          body, shownModel: call.model, model: account.name(of: call.model),
          signatures: gateway.signatures, ids: .system, now: gateway.wallClock.now())
    } catch {
      return .failed(FailedAttempt(error, status: head.status, at: gateway))
    }
    guard whole.meter.hasAnything else {
      return .failed(
        FailedAttempt(.malformedAnswer, status: head.status, detail: "the answer is empty"))
    }
    let fields = ForwardedHeaders.toCaller(
      head.headers, rateLimits: settings.passRateLimits, isTranslated: true)
    return .answered(
      AnsweredRequest(
        account: account, meter: whole.meter,
        ending: whole.meter.hasStopReason ? nil : .upstreamCut, status: head.status,
        upstreamRequestID: head.headers["x-request-id"] ?? "", firstContent: nil,
        remainder: .body(whole.body, fields: fields)))
  }

  private func gathered(
    _ body: [UInt8], from account: UpstreamAccount
  ) throws(GeminiFailure) -> GeminiMessage.Whole {
    var stream = GeminiAccumulator(
      message: GeminiMessage(
        shownModel: call.model, model: account.name(of: call.model),
        signatures: gateway.signatures, ids: .system), limit: Int(settings.maxAnswerBytes))
    stream.take(body, now: gateway.wallClock.now())
    return try stream.end()
  }

  /// What turns this account's stream into Anthropic's; nil when it is that already.
  func translator(for account: UpstreamAccount) -> GeminiStream? {
    guard account.isTranslated else { return nil }
    return GeminiStream(
      shownModel: call.model, model: account.name(of: call.model),
      signatures: gateway.signatures, ids: .system)
  }
}

extension FailedAttempt {
  init(_ failure: GeminiFailure, status: Int, at gateway: Gateway) {
    switch failure {
    case .error(let error):
      self.init(.errorEvent, status: error.status, detail: "\(error.kind) under 2xx")
      isOperatorFault = error.isOperatorFault
      if error.status == 429 {
        restSeconds = error.restSeconds(now: gateway.wallClock.now(), pacific: gateway.pacific)
      }
    case .malformed(let what):
      self.init(.malformedAnswer, status: status, detail: what)
    }
  }
}
