// What a request costs: token classes, cache marks, limits, and refusals in Anthropic's words.

import Testing

@testable import Sandbox

@Suite struct PromptTests {
  private func prompt(_ json: String) throws -> Prompt { try Prompt(body: Array(json.utf8)) }

  @Test func `more text costs more input`() throws {
    let short = try prompt(#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#)
    let text = String(repeating: "hello ", count: 700)
    let long = try prompt(#"{"model":"m","messages":[{"role":"user","content":"\#(text)"}]}"#)
    #expect(short.input == InputTokens(fresh: short.input.sum))
    #expect(long.input.fresh - short.input.fresh == 1_198)
  }
  @Test func `the same body always costs the same`() throws {
    let body = cached(ttl: nil, turns: 1)
    #expect(try prompt(body).input == prompt(body).input)
  }
  @Test func `no cache mark means no cache tokens`() throws {
    let plain = try prompt(
      #"{"model":"m","system":"you are","messages":[{"role":"user","content":"hello"}]}"#)
    #expect(plain.input.cacheRead + plain.input.write5m + plain.input.write1h == 0)
  }
  @Test func `a marked prefix is written or read, for as long as the mark says`() throws {
    var seen: Set<String> = []
    for salt in 0..<40 {
      let five = try prompt(cached(ttl: nil, turns: 1, salt: salt)).input
      let hour = try prompt(cached(ttl: "1h", turns: 1, salt: salt)).input
      #expect(five.write1h == 0 && hour.write5m == 0)
      #expect((five.write5m > 0) != (five.cacheRead > 0))
      #expect((hour.write1h > 0) != (hour.cacheRead > 0))
      seen.insert(five.cacheRead > 0 ? "read" : "written")
    }
    #expect(seen == ["read", "written"])
  }
  @Test func `a conversation that goes on reads what it had and writes the rest`() throws {
    let input = try prompt(cached(ttl: "1h", turns: 3)).input
    #expect(input.cacheRead > 0 && input.write1h > 0 && input.write5m == 0)
  }
  @Test func `all classes together stay below every price tier`() throws {
    let text = String(repeating: "words and ", count: 40_000)
    let fresh = try prompt(#"{"model":"m","messages":[{"role":"user","content":"\#(text)"}]}"#)
    #expect(fresh.input.sum == Prompt.inputLimit)
    #expect(fresh.countedTokens > 100_000)
    let marked = try prompt(
      """
      {"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"\(text)",
      "cache_control":{"type":"ephemeral"}}]}]}
      """)
    #expect(marked.input.sum == Prompt.inputLimit && marked.input.fresh == 1)
  }
  @Test(arguments: [
    ("{", "JSON"), ("[]", "object"), (#"{"messages":[]}"#, "model: Field required"),
    (#"{"model":"m"}"#, "messages: Field required"),
    (#"{"model":"m","messages":[]}"#, "at least one message"),
    (#"{"model":"m","stream":"yes","messages":[{}]}"#, "stream"),
    (#"{"model":"m","max_tokens":0,"messages":[{}]}"#, "max_tokens"),
    (#"{"model":"m","max_tokens":99999999999999999999,"messages":[{}]}"#, "max_tokens"),
  ])
  func `a request that Anthropic refuses is refused`(json: String, words: String) {
    let error = #expect(throws: PromptError.self) { try prompt(json) }
    #expect(error?.message.contains(words) == true, "\(error?.message ?? "accepted")")
  }
  @Test func `a tool is called when the choice forces it or the last turn names it`() throws {
    func tool(_ choice: String, _ text: String) throws -> String? {
      try prompt(
        """
        {"model":"m","tools":[{"name":"first"},{"name":"get_weather"}],"tool_choice":\(choice),
        "messages":[{"role":"user","content":"\(text)"}]}
        """
      ).tool?.name
    }
    #expect(try tool(#"{"type":"any"}"#, "hello") == "first")
    #expect(try tool(#"{"type":"tool","name":"get_weather"}"#, "hello") == "get_weather")
    #expect(try tool(#"{"type":"auto"}"#, "hello") == nil)
    #expect(try tool(#"{"type":"auto"}"#, "use get_weather please") == "get_weather")
    #expect(try tool(#"{"type":"none"}"#, "use get_weather please") == nil)
  }
  @Test func `any truncation of a body is refused or read, never a crash`() {
    let body = Array(cached(ttl: "1h", turns: 2).utf8)
    for end in body.indices { _ = try? Prompt(body: Array(body[..<end])) }
  }

  private func cached(ttl: String?, turns: Int, salt: Int = 0) -> String {
    let mark = #""cache_control":{"type":"ephemeral"\#(ttl.map { #","ttl":"\#($0)""# } ?? "")}"#
    let text = String(repeating: "a long instruction ", count: 30)
    var messages = [#"{"role":"user","content":"question \#(salt)"}"#]
    for turn in 1..<max(1, turns) {
      messages.append(#"{"role":"assistant","content":[{"type":"text","text":"so \#(turn)"}]}"#)
      messages.append(
        #"{"role":"user","content":[{"type":"text","text":"next \#(turn)",\#(mark)}]}"#)
    }
    return """
      {"model":"m","max_tokens":100,"system":[{"type":"text","text":"\(text)",\(mark)}],
      "messages":[\(messages.joined(separator: ","))]}
      """
  }
}
