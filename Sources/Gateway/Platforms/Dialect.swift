// What an account is asked, by the platform it speaks: where, with which header fields, in which
// words. Anthropic's platform gets the body as it came; the others get a translation.
import Base
import HTTP
import Ledger

extension UpstreamAccount {
  /// The name under which this account is asked for a model.
  func name(of model: String) -> String { models.sent(for: model) ?? model }

  /// True when its platform speaks another language than Anthropic's.
  var isTranslated: Bool { platform == .gemini || platform == .antigravity }

  /// True when the upstream's answer is a stream, whatever the caller wants.
  func streams(_ call: MessagesCall) -> Bool { call.isStream || platform == .antigravity }
}

extension Gateway {
  /// A Messages request as one to this account.
  /// - Throws: 400 when the platform has no words for it; nothing is sent then.
  func messagesRequest(
    _ call: MessagesCall, _ body: [UInt8], from request: Request, to account: UpstreamAccount
  ) throws(Answer) -> UpstreamRequest {
    let sent = account.name(of: call.model)
    switch account.platform {
    case .gemini, .antigravity:
      let translated = try GeminiRequest.translate(
        body, model: sent, form: account.form, signatures: signatures, now: wallClock.now())
      let streams = account.streams(call)
      let url =
        account.platform == .antigravity
        ? GeminiEndpoint.antigravityURL(account.baseURL)
        : GeminiEndpoint.url(
          account.baseURL, model: sent, streams ? .streamGenerateContent : .generateContent)
      return translatedRequest(to: account, url, translated, isStream: streams)
    case .anthropic, .openai, .unrecognized:
      return anthropicRequest(
        to: account, "/v1/messages", call.renamed(body, sending: sent), request)
    }
  }

  /// The same for counting; nil for a platform that cannot count.
  func countRequest(
    _ call: MessagesCall, _ body: [UInt8], from request: Request, to account: UpstreamAccount
  ) throws(Answer) -> UpstreamRequest? {
    let sent = account.name(of: call.model)
    switch account.platform {
    case .antigravity: return nil
    case .gemini:
      let translated = try GeminiRequest.translate(
        body, model: sent, form: .count, signatures: signatures, now: wallClock.now())
      let url = GeminiEndpoint.url(account.baseURL, model: sent, .countTokens)
      return translatedRequest(to: account, url, translated, isStream: false)
    case .anthropic, .openai, .unrecognized:
      return anthropicRequest(
        to: account, "/v1/messages/count_tokens", call.renamed(body, sending: sent), request)
    }
  }

  private func anthropicRequest(
    to account: UpstreamAccount, _ path: String, _ body: [UInt8], _ request: Request
  ) -> UpstreamRequest {
    var url = account.baseURL + path
    if request.queryValue("beta") == "true" { url += "?beta=true" }
    let fields = ForwardedHeaders.toUpstream(request.headers)
    return UpstreamRequest(
      url: url, headers: headerCache.headers(for: account, fields), body: body,
      proxy: account.proxy)
  }

  /// Nothing of the caller's header goes along: it speaks another API.
  private func translatedRequest(
    to account: UpstreamAccount, _ url: String, _ body: [UInt8], isStream: Bool
  ) -> UpstreamRequest {
    let fields = GeminiEndpoint.headers(isStream: isStream, authorization: nil)
    return UpstreamRequest(
      url: url, headers: headerCache.headers(for: account, fields), body: body,
      proxy: account.proxy)
  }
}

extension UpstreamAccount {
  fileprivate var form: GeminiRequest.Form {
    platform == .antigravity ? .antigravity(project: project ?? "") : .generate
  }

  /// The field that carries an account's credential.
  static func authorization(
    _ credential: String, platform: Platform, usesBearer: Bool
  ) -> (name: String, value: String) {
    switch platform {
    case .gemini, .antigravity:
      GeminiEndpoint.authorization(credential, platform: platform, usesBearer: usesBearer)
    case .anthropic, .openai, .unrecognized:
      usesBearer ? ("authorization", "Bearer \(credential)") : ("x-api-key", credential)
    }
  }
}
