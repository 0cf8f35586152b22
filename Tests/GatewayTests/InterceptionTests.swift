// Warm-ups and suggestions answered without a model: which requests these are (the seed's rules),
// what they get (the seed's bytes), and that they cost nothing.
import Base
import Ledger
import TestSupport
import Testing

@testable import Gateway

private func kind(_ json: String) throws -> InterceptKind? {
  let body = Array(json.utf8)
  return try MessagesCall(body).interceptKind(body)
}
private func blocks(_ text: String, role: String = "user") -> String {
  #"{"role":"\#(role)","content":[{"type":"text","text":"\#(text)"}]}"#
}
private let topic =
  "Analyze if this message indicates a new conversation topic. If it does, extract a 2-3 word title"

@Suite struct InterceptionRules {
  @Test(arguments: [
    blocks("Warmup"),
    blocks("x Please write a 5-10 word title for the following conversation: y"),
    blocks("hi") + "," + blocks("Warmup"),
  ])
  func `a warm-up or a request for a title is recognized`(messages: String) throws {
    #expect(try kind(#"{"model":"m","messages":[\#(messages)]}"#) == .warmup)
  }

  @Test func `a request for a topic is recognized by its system text`() throws {
    let json = #"{"model":"m","system":[{"type":"text","text":"\#(topic)"}],"messages":[]}"#
    #expect(try kind(json) == .warmup)
  }

  @Test func `a suggestion is recognized by how the user's last message begins`() throws {
    let marked = blocks("[SUGGESTION MODE: next]")
    #expect(try kind(#"{"model":"m","messages":[\#(blocks("hi")),\#(marked)]}"#) == .suggestion)
    #expect(try kind(#"{"model":"m","messages":[\#(marked),\#(blocks("hi"))]}"#) == nil)
    let assistant = blocks("[SUGGESTION MODE: next]", role: "assistant")
    #expect(try kind(#"{"model":"m","messages":[\#(assistant)]}"#) == nil)
    #expect(try kind(#"{"model":"m","messages":[\#(blocks(" [SUGGESTION MODE:"))]}"#) == nil)
  }

  @Test(arguments: [
    #"{"model":"m","messages":[{"role":"user","content":"Warmup"}]}"#,
    #"{"model":"m","system":"a title","messages":[\#(blocks("Warmup"))]}"#,
    #"{"model":"m","messages":[\#(blocks("Warmup")),{"role":"user","content":"text"}]}"#,
    #"{"model":"m","messages":[{"content":[{"text":5}]},\#(blocks("Warmup"))]}"#,
    #"{"model":"m","messages":[\#(blocks("Warmup please"))]}"#,
    #"{"model":"m","messages":[{"role":"user","content":[{"type":"image","text":"Warmup"}]}]}"#,
    #"{"model":"m","messages":[\#(blocks("hello"))]}"#,
    #"{"model":"m","messages":[]}"#, #"{"model":"m"}"#,
  ])
  func `anything else needs a model`(json: String) throws {
    #expect(try kind(json) == nil)
  }
}

@Suite struct InterceptionOverLoopback {
  private func bed(intercepts: Bool = true) throws -> GatewayBed {
    try GatewayBed { $0.accounts[0].interceptsWarmup = intercepts }
  }
  private func body(_ text: String, stream: Bool, model: String = "claude-sonnet-5-5") -> String {
    #"{"model":"\#(model)","max_tokens":5,"stream":\#(stream),"messages":[\#(blocks(text))]}"#
  }

  @Test func `a warm-up gets the seed's answer`() async throws {
    let bed = try bed()
    let answer = try await bed.ask(body: body("Warmup", stream: false))
    #expect(answer.status == 200)
    #expect(
      answer.text == """
        {"content":[{"text":"New Conversation","type":"text"}],"id":"msg_mock_warmup",\
        "model":"claude-sonnet-5-5","role":"assistant","stop_reason":"end_turn","type":"message",\
        "usage":{"input_tokens":10,"output_tokens":2}}
        """)
  }

  @Test func `a suggestion gets the seed's answer, its model's name escaped as the seed does`()
    async throws
  {
    let bed = try bed()
    let answer = try await bed.ask(
      body: body("[SUGGESTION MODE: x]", stream: false, model: "claude-sonnet-<&>"))
    #expect(
      answer.text == """
        {"content":[{"text":"","type":"text"}],"id":"msg_mock_suggestion",\
        "model":"claude-sonnet-\\u003c\\u0026\\u003e","role":"assistant",\
        "stop_reason":"end_turn","type":"message","usage":{"input_tokens":10,"output_tokens":1}}
        """)
  }

  @Test func `a streamed warm-up gets the seed's events, one by one`() async throws {
    let bed = try bed()
    let answer = try await bed.ask(body: body("Warmup", stream: true))
    #expect(answer.isWhole && answer.chunkSizes.count == 7)
    #expect(
      answer.text == """
        event: message_start
        data: {"message":{"content":[],"id":"msg_mock_warmup","model":"claude-sonnet-5-5",\
        "role":"assistant","stop_reason":null,"stop_sequence":null,"type":"message",\
        "usage":{"input_tokens":10,"output_tokens":0}},"type":"message_start"}

        event: content_block_start
        data: {"content_block":{"text":"","type":"text"},"index":0,"type":"content_block_start"}

        event: content_block_delta
        data: {"delta":{"text":"New","type":"text_delta"},"index":0,"type":"content_block_delta"}

        event: content_block_delta
        data: {"delta":{"text":" Conversation","type":"text_delta"},"index":0,\
        "type":"content_block_delta"}

        event: content_block_stop
        data: {"index":0,"type":"content_block_stop"}

        event: message_delta
        data: {"delta":{"stop_reason":"end_turn","stop_sequence":null},"type":"message_delta",\
        "usage":{"input_tokens":10,"output_tokens":2}}

        event: message_stop
        data: {"type":"message_stop"}


        """)
  }

  @Test(arguments: [true, false])
  func `it costs nothing, holds nothing and stands in no statistic`(isStream: Bool) async throws {
    let bed = try bed()
    _ = try await bed.ask(body: body("Warmup", stream: isStream))
    let events = try bed.events(RequestIntercepted.self)
    #expect(events.count == 1 && events[0].kind == .warmup)
    #expect(bed.balance == NanoUSD(10 * NanoUSD.perUSD))
    #expect(try await bed.eventually { bed.isAtRest })
    let usage = bed.live.withBooks { $0.usage(of: KeyID(1), at: SystemWallClock().now()) }
    #expect(usage.total.requests == 0)
    #expect(try bed.events(ForwardSettled.self).isEmpty)
  }

  @Test func `an account that does not intercept asks its model`() async throws {
    let bed = try bed(intercepts: false)
    _ = try await bed.ask(body: body("Warmup", stream: false))
    #expect(try bed.events(ForwardSettled.self).count == 1)
  }

  @Test func `a busy account answers it at once`() async throws {
    let upstream = try ScriptedUpstream()
    let bed = try GatewayBed {
      $0.accounts[0].interceptsWarmup = true
      $0.accounts[0].concurrency = 1
      $0.accounts[0].baseURL = upstream.url
    }
    let first = try await bed.open(body: GatewayBed.body())
    let arrived = try await upstream.next()
    #expect(try await bed.ask(body: body("Warmup", stream: false)).status == 200)
    try await arrived.answer(200, Anthropic.message())
    #expect(try await first.rest().status == 200)
    #expect(try await bed.eventually { bed.isAtRest })
  }

  @Test func `on an empty balance even a warm-up is refused`() async throws {
    let bed = try bed()
    try bed.credit(nanoUSD: -10 * NanoUSD.perUSD)
    let answer = try await bed.ask(body: body("Warmup", stream: false))
    #expect(answer.status == 403)
  }
}
