// Gemini and Antigravity accounts behind a running server: what goes upstream, what comes back,
// what it costs, and how they fail.
import Base
import Ledger
import Projections
import Sandbox
import TestSupport
import Testing

@testable import Gateway

/// Gemini's answers, as short as they can be.
enum Gemini {
  static func answer(
    _ text: String = "hi", finish: String? = "STOP", prompt: Int = 30, cached: Int = 10,
    output: Int = 5, thoughts: Int = 2
  ) -> String {
    let reason = finish.map { #","finishReason":"\#($0)""# } ?? ""
    return """
      {"candidates":[{"content":{"role":"model","parts":[{"text":"\(text)"}]}\(reason),"index":0}],\
      "usageMetadata":{"promptTokenCount":\(prompt),"cachedContentTokenCount":\(cached),\
      "candidatesTokenCount":\(output),"thoughtsTokenCount":\(thoughts),\
      "totalTokenCount":\(prompt + output + thoughts)},\
      "modelVersion":"gemini-2.5-pro","responseId":"resp-1"}
      """
  }
  static func event(_ json: String) -> String { "data: \(json)\r\n\r\n" }
  static func error(_ code: Int, _ status: String, _ message: String, details: String = "[]")
    -> String
  {
    """
    {"error":{"code":\(code),"message":"\(message)","status":"\(status)","details":\(details)}}
    """
  }
}

@Suite struct GeminiPlatformTests {
  private static let model = "gemini-2.5-pro"

  private func bed(
    _ upstreams: [ScriptedUpstream], platform: Platform = .gemini,
    configure: (inout Configuration) -> Void = { _ in }
  ) throws -> GatewayBed {
    try GatewayBed(upstreams.map { _ in .init() }) { configuration in
      configuration.groups[0].platform = platform
      for index in upstreams.indices {
        configuration.accounts[index].platform = platform
        configuration.accounts[index].baseURL = upstreams[index].url
        if platform == .antigravity { configuration.accounts[index].project = "project-1" }
      }
      configure(&configuration)
    }
  }
  private func body(stream: Bool = false, content: String = #""hello""#) -> String {
    """
    {"model":"\(Self.model)","max_tokens":100,"stream":\(stream),"system":"be kind",\
    "messages":[{"role":"user","content":\(content)}]}
    """
  }

  @Test func `an answer is asked for, told and charged in the caller's words`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream])
    let caller = try await bed.open(body: body())
    let arrived = try await upstream.next()
    #expect(
      arrived.head.hasPrefix("POST /v1beta/models/gemini-2.5-pro:generateContent HTTP/1.1\r\n"))
    #expect(!arrived.head.contains("sk-test-key") && !arrived.head.contains("anthropic-version"))
    let sent = try JSONParser().parse(arrived.body)
    #expect(sent["systemInstruction"]?["parts"]?.array?[0]["text"]?.string == "be kind")
    #expect(sent["contents"]?.array?[0]["parts"]?.array?[0]["text"]?.string == "hello")
    try await arrived.answer(200, Gemini.answer())
    let answer = try await caller.rest()
    let json = try #require(answer.json)
    #expect(answer.status == 200 && answer.header("content-type") == "application/json")
    #expect(json["id"]?.string == "msg_resp-1" && json["model"]?.string == Self.model)
    #expect(json["content"]?.array?[0]["text"]?.string == "hi")
    #expect(json["stop_reason"]?.string == "end_turn")
    #expect(json["usage"]?["input_tokens"]?.integer == 20)
    let charge = try bed.events(ForwardSettled.self)[0].settlement
    #expect(charge.usage.input == 20 && charge.usage.cacheRead == 10 && charge.usage.output == 7)
    #expect(charge.upstreamMessageID == "resp-1" && !charge.isPartial)
    #expect(bed.balance.value == 10 * NanoUSD.perUSD - charge.charged.value)
    #expect(charge.charged > .zero)
  }

  @Test(arguments: [Platform.gemini, .antigravity])
  func `a stream becomes the events of the Messages API`(platform: Platform) async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream], platform: platform)
    let path = platform == .antigravity ? "/antigravity/v1/messages" : "/v1/messages"
    let caller = try await bed.open(body: body(stream: true), path: path)
    let arrived = try await upstream.next()
    let wanted =
      platform == .antigravity
      ? "POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\n"
      : "POST /v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse HTTP/1.1\r\n"
    #expect(arrived.head.hasPrefix(wanted))
    func wrapped(_ answer: String) -> String {
      Gemini.event(platform == .antigravity ? #"{"response":\#(answer)}"# : answer)
    }
    try await arrived.beginStream()
    try await arrived.send(wrapped(Gemini.answer("one ", finish: nil, output: 1)))
    try await arrived.send(wrapped(Gemini.answer("two", output: 5)))
    arrived.socket.shutdownSending()
    let answer = try await caller.rest()
    #expect(answer.isWhole)
    // On a busy machine pings may come in between.
    let events = answer.events.filter { $0["type"]?.string != "ping" }
    #expect(
      events.compactMap { $0["type"]?.string } == [
        "message_start", "content_block_start", "content_block_delta", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
      ])
    #expect(events.suffix(2).first?["usage"]?["output_tokens"]?.integer == 7)
    let charge = try bed.events(ForwardSettled.self)[0].settlement
    #expect(charge.usage.input == 20 && charge.usage.output == 7 && !charge.isPartial)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `a stream that is cut is charged what it had reported, and ends with an error`()
    async throws
  {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream])
    let caller = try await bed.open(body: body(stream: true))
    let arrived = try await upstream.next()
    try await arrived.beginStream()
    try await arrived.send(Gemini.event(Gemini.answer("some", finish: nil, output: 3)))
    arrived.socket.shutdownSending()
    let answer = try await caller.rest()
    #expect(
      answer.events.last?["error"]?["message"]?.string == "Upstream stream ended unexpectedly")
    let charge = try bed.events(ForwardSettled.self)[0].settlement
    #expect(charge.isPartial && charge.reason == .upstreamCut && !charge.isEstimated)
    #expect(charge.usage.input == 20 && charge.usage.output == 5)
  }

  @Test func `a cut stream without usage is estimated, its input too`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream])
    let caller = try await bed.open(body: body(stream: true))
    let arrived = try await upstream.next()
    try await arrived.beginStream()
    try await arrived.send(
      Gemini.event(
        #"{"candidates":[{"content":{"parts":[{"text":"12345678"}]}}],"responseId":"r"}"#))
    arrived.socket.shutdownSending()
    _ = try await caller.rest()
    let charge = try bed.events(ForwardSettled.self)[0].settlement
    #expect(charge.isEstimated && charge.usage.input > 0 && charge.usage.output == 2)
  }

  @Test func `antigravity streams even when its caller does not`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream], platform: .antigravity)
    let caller = try await bed.open(body: body())
    let arrived = try await upstream.next()
    let sent = try JSONParser().parse(arrived.body)
    #expect(sent["project"]?.string == "project-1" && sent["model"]?.string == Self.model)
    #expect(sent["request"]?["contents"]?.array?.count == 1)
    try await arrived.beginStream()
    try await arrived.send(
      Gemini.event(#"{"response":\#(Gemini.answer("one ", finish: nil))}"#)
        + Gemini.event(#"{"response":\#(Gemini.answer("two"))}"#))
    arrived.socket.shutdownSending()
    let answer = try await caller.rest()
    #expect(answer.header("content-type") == "application/json")
    #expect(answer.json?["content"]?.array?[0]["text"]?.string == "one two")
    #expect(try bed.events(ForwardSettled.self)[0].settlement.usage.output == 7)
  }

  @Test func `a refusal comes back in Anthropic's words, uncharged`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream])
    let caller = try await bed.open(body: body())
    try await upstream.next().answer(400, Gemini.error(400, "INVALID_ARGUMENT", "bad tool"))
    let answer = try await caller.rest()
    #expect(answer.status == 400)
    #expect(
      answer.text
        == #"{"type":"error","error":{"type":"invalid_request_error","message":"bad tool"}}"#)
    #expect(bed.balance.value == 10 * NanoUSD.perUSD)
    #expect(try bed.events(AccountStateChanged.self).isEmpty)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `a key that is not valid is the operator's fault and fails over`() async throws {
    let upstreams = [try ScriptedUpstream(), try ScriptedUpstream()]
    let bed = try bed(upstreams)
    let caller = try await bed.open(body: body())
    try await upstreams[0].next().answer(
      400, Gemini.error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."))
    try await upstreams[1].next().answer(200, Gemini.answer())
    #expect(try await caller.rest().status == 200)
    #expect(try bed.events(AccountStateChanged.self).map(\.condition) == [.error])
  }

  @Test func `the rest after a 429 is what its details say`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream])
    let caller = try await bed.open(body: body())
    let details =
      #"[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"41s"}]"#
    try await upstream.next().answer(
      429, Gemini.error(429, "RESOURCE_EXHAUSTED", "quota", details: details))
    let answer = try await caller.rest()
    #expect(answer.status == 429)
    #expect(try bed.events(AttemptFailed.self)[0].coolDown == Milliseconds(41_000))
    #expect((40...41).contains(Int(answer.header("retry-after") ?? "") ?? 0))
  }

  @Test func `a request of a gemini group is tried on four accounts at most`() async throws {
    let upstreams = try (0..<5).map { _ in try ScriptedUpstream() }
    let bed = try bed(upstreams)
    let caller = try await bed.open(body: body())
    for upstream in upstreams.prefix(4) { try await upstream.next().answer(503, "{}") }
    let answer = try await caller.rest()
    #expect(answer.status == 502)
    #expect(answer.text.contains("Upstream service temporarily unavailable"))
    let outcomes = try bed.events(AttemptFailed.self).map(\.outcome)
    #expect(outcomes == [.failover, .failover, .failover, .exhausted])
  }

  @Test func `what the platform has no words for is refused before anything is sent`() async throws
  {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream])
    let image =
      #"[{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]"#
    let answer = try await bed.ask(body: body(content: image))
    #expect(answer.status == 400 && answer.text.contains("invalid_request_error"))
    #expect(try bed.events(ForwardFailed.self).map(\.failure) == [.refused])
    #expect(try bed.events(AttemptFailed.self).isEmpty)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `tokens are counted by countTokens`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream])
    let caller = try await bed.open(body: body(), path: "/v1/messages/count_tokens")
    let arrived = try await upstream.next()
    #expect(arrived.head.hasPrefix("POST /v1beta/models/gemini-2.5-pro:countTokens HTTP/1.1\r\n"))
    try await arrived.answer(200, #"{"totalTokens":31}"#)
    #expect(try await caller.rest().text == #"{"input_tokens":31}"#)
  }

  @Test func `a mixed antigravity account serves an anthropic group and its forced route`()
    async throws
  {
    let upstream = try ScriptedUpstream()
    let bed = try bed([upstream]) {
      $0.groups[0].platform = .anthropic
      $0.accounts[0].platform = .antigravity
      $0.accounts[0].isMixed = true
    }
    for path in ["/v1/messages", "/antigravity/v1/messages"] {
      let caller = try await bed.open(body: body(), path: path)
      let arrived = try await upstream.next()
      try await arrived.beginStream()
      try await arrived.send(Gemini.event(#"{"response":\#(Gemini.answer())}"#))
      arrived.socket.shutdownSending()
      #expect(try await caller.rest().status == 200)
    }
  }

  @Test func `a prompt too long for antigravity goes on in the fallback group, unforced`()
    async throws
  {
    let upstreams = [try ScriptedUpstream(), try ScriptedUpstream()]
    let bed = try bed(upstreams) {
      $0.groups[0].platform = .anthropic
      $0.groups[0].fallbackGroup = "large"
      $0.groups.append(GroupSettings(name: "large", platform: .anthropic, target: .balance))
      $0.accounts[0].platform = .antigravity
      $0.accounts[0].isMixed = true
      $0.accounts[1].platform = .anthropic
      $0.accounts[1].groups = ["large"]
    }
    let caller = try await bed.open(body: body(), path: "/antigravity/v1/messages")
    try await upstreams[0].next().answer(
      400, Gemini.error(400, "INVALID_ARGUMENT", "Prompt is too long"))
    let second = try await upstreams[1].next()
    #expect(second.head.hasPrefix("POST /v1/messages HTTP/1.1\r\n"))
    try await second.answer(200, Anthropic.message())
    #expect(try await caller.rest().status == 200)
    #expect(try bed.events(FallbackGroupUsed.self).count == 1)
    #expect(try await bed.eventually { bed.isAtRest })
  }
}
