// What a generateContent request costs and asks for, and what the Gemini API would refuse.

import Testing

@testable import Sandbox

@Suite struct GeminiPromptTests {
  private func prompt(
    _ json: String, path: String = "/v1beta/models/gemini-3-flash:generateContent"
  ) throws -> Prompt {
    let call = try #require(GoogleCall(path: path))
    return try Prompt(body: Array(json.utf8), call: call, isEvents: true)
  }
  private static let turn = #"{"role":"user","parts":[{"text":"hello"}]}"#
  private func with(_ members: String, contents: String = turn) throws -> Prompt {
    try prompt(#"{"contents":[\#(contents)]\#(members.isEmpty ? "" : ",")\#(members)}"#)
  }

  @Test(
    arguments: [
      ("/v1beta/models/gemini-3-pro:generateContent", Wire.gemini, "gemini-3-pro"),
      ("/v1beta/models/sandbox-429:streamGenerateContent", .gemini, "sandbox-429"),
      ("/v1beta/models/m:countTokens", .gemini, "m"),
      ("/v1internal:streamGenerateContent", .antigravity, nil),
      ("/v1internal:generateContent", .antigravity, nil),
    ] as [(String, Wire, String?)])
  func `a path names the API, the model and the method`(path: String, wire: Wire, model: String?)
    throws
  {
    let call = try #require(GoogleCall(path: path))
    #expect(call.wire == wire && call.model == model)
    #expect(path.hasSuffix(":" + call.method.rawValue))
  }
  @Test(arguments: [
    "/v1beta/models/:generateContent", "/v1beta/models/a/b:generateContent", "/v1beta/models/m",
    "/v1beta/models/m:embedContent", "/v1internal:countTokens", "/v1internal", "/v1beta", ":", "",
  ])
  func `another path names no method`(path: String) { #expect(GoogleCall(path: path) == nil) }

  @Test func `a stream is one of events or an array, as the query says`() throws {
    let call = try #require(GoogleCall(path: "/v1beta/models/m:streamGenerateContent"))
    let body = Array(#"{"contents":[\#(Self.turn)]}"#.utf8)
    #expect(try Prompt(body: body, call: call, isEvents: true).form == .events)
    #expect(try Prompt(body: body, call: call, isEvents: false).form == .array)
    #expect(try with("").form == .whole)
  }
  @Test func `more text costs more input`() throws {
    let text = String(repeating: "hello ", count: 700)
    let long = #"{"role":"user","parts":[{"text":"\#(text)"}]}"#
    #expect(try with("", contents: long).input.fresh - with("").input.fresh == 1_198)
  }
  @Test func `system and tools are cached or not, as the text says`() throws {
    var seen: Set<Bool> = []
    for salt in 0..<40 {
      let system = #""systemInstruction":{"parts":[{"text":"you are \#(salt)"}]}"#
      let input = try with(system).input
      #expect(try with(system).input == input)
      seen.insert(input.cacheRead > 0)
    }
    #expect(seen == [true, false])
  }
  @Test func `a conversation that goes on reads all before its last turn`() throws {
    let answer = #"{"role":"model","parts":[{"text":"yes"}]}"#
    let one = try with("").input
    let three = try with("", contents: [Self.turn, answer, Self.turn].joined(separator: ",")).input
    #expect(three.cacheRead == one.sum + 5)
    #expect(three.fresh == one.fresh - 3)
  }
  @Test func `a function's result counts as tool use, on top of the prompt`() throws {
    let call = #"{"role":"model","parts":[{"functionCall":{"name":"f"},"thoughtSignature":"s"}]}"#
    let result = """
      {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"sunny"}}}]}
      """
    let input = try with("", contents: [Self.turn, call, result].joined(separator: ",")).input
    #expect(input.toolUse > 0 && input.fresh == 4 + input.toolUse && input.cacheRead > 0)
  }
  @Test func `all classes together stay below every price tier`() throws {
    let text = String(repeating: "words and ", count: 40_000)
    let long = #"{"role":"user","parts":[{"text":"\#(text)"}]}"#
    let answer = #"{"role":"model","parts":[{"text":"yes"}]}"#
    let result = """
      {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"\(text)"}}}]}
      """
    for contents in [[long], [long, answer, Self.turn], [result], [long, answer, result]] {
      let prompt = try with("", contents: contents.joined(separator: ","))
      #expect(prompt.input.sum == Prompt.inputLimit && prompt.countedTokens > 100_000)
      #expect(prompt.input.fresh > prompt.input.toolUse)
    }
  }
  @Test func `thoughts are counted unless the budget is 0, and shown when asked for`() throws {
    func thought(_ config: String) throws -> Prompt.Thought {
      try with(#""generationConfig":{"thinkingConfig":\#(config)}"#).thought
    }
    #expect(try with("").thought == .hidden)
    #expect(try thought(#"{"thinkingBudget":0,"includeThoughts":true}"#) == .none)
    #expect(try thought(#"{"thinkingBudget":1024}"#) == .hidden)
    #expect(try thought(#"{"includeThoughts":true}"#) == .shown)
  }
  @Test func `a function is called when the mode forces it or the last turn names it`() throws {
    func tool(_ config: String, _ text: String) throws -> String? {
      try with(
        """
        "tools":[{"functionDeclarations":[{"name":"first"},{"name":"get_weather"}]}],
        "toolConfig":{"functionCallingConfig":\(config)}
        """, contents: #"{"role":"user","parts":[{"text":"\#(text)"}]}"#
      ).tool?.name
    }
    #expect(try tool(#"{"mode":"ANY"}"#, "hello") == "first")
    let named = #"{"mode":"ANY","allowedFunctionNames":["get_weather"]}"#
    #expect(try tool(named, "hello") == "get_weather")
    #expect(try tool("{}", "hello") == nil)
    #expect(try tool(#"{"mode":"AUTO"}"#, "use get_weather please") == "get_weather")
    #expect(try tool(#"{"mode":"VALIDATED"}"#, "use get_weather please") == "get_weather")
    #expect(try tool(#"{"mode":"NONE"}"#, "use get_weather please") == nil)
  }

  @Test(arguments: [
    ("{", "JSON"), (#"{"contents":[]}"#, "contents is not specified"),
    (#"{"contents":[{"role":"assistant","parts":[{"text":"a"}]}]}"#, "valid role: user, model"),
    (#"{"contents":[{"role":"user","parts":[]}]}"#, "contents.parts must not be empty"),
    (#"{"contents":[{"role":"user","parts":[{}]}]}"#, "required oneof field 'data'"),
    (
      #"{"contents":[\#(turn)],"generationConfig":{"maxOutputTokens":0}}"#,
      "max_output_tokens must be positive"
    ),
    (
      #"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]}]}"#,
      "missing a thought_signature"
    ),
    (
      """
      {"contents":[\(turn)],"tools":[{"functionDeclarations":[{"name":"f","parameters":
      {"type":"OBJECT","properties":{"a":{"type":"ARRAY","items":{"$ref":"x"}}}}}]}]}
      """,
      #"Unknown name "$ref" at 'tools[0].function_declarations[0].parameters.properties[a].items'"#
    ),
    (#"{"contents":[\#(turn)],"tools":[{"functionDeclarations":[{}]}]}"#, "Invalid function name"),
    (
      #"{"contents":[\#(turn)],"systemInstruction":{"parts":[]}}"#,
      "system_instruction.parts: contents.parts must not be empty"
    ),
  ])
  func `a request that the Gemini API refuses is refused`(json: String, words: String) {
    let error = #expect(throws: PromptError.self) { try prompt(json) }
    #expect(error?.message.contains(words) == true, "\(error?.message ?? "accepted")")
  }
  @Test func `only the first of several calls in a turn needs a signature`() throws {
    let calls = """
      {"role":"model","parts":[{"functionCall":{"name":"f"},"thoughtSignature":"s"},
      {"functionCall":{"name":"g"}}]}
      """
    #expect(try with("", contents: Self.turn + "," + calls).input.cacheRead > 0)
  }
  @Test func `a model before Gemini 3 takes calls back without a signature`() throws {
    let call = #"{"role":"model","parts":[{"functionCall":{"name":"f"}}]}"#
    let body = #"{"contents":[\#(Self.turn),\#(call)]}"#
    #expect(throws: PromptError.self) { try prompt(body) }
    let old = try prompt(body, path: "/v1beta/models/gemini-2.5-pro:generateContent")
    #expect(old.model == "gemini-2.5-pro")
  }
  @Test func `the envelope brings model and request`() throws {
    let path = "/v1internal:generateContent"
    let inner = #"{"contents":[\#(Self.turn)]}"#
    let read = try prompt(#"{"project":"p","model":"m","request":\#(inner)}"#, path: path)
    #expect(read.model == "m" && read.wire == .antigravity)
    #expect(try read.input == prompt(inner).input)
    for broken in [inner, #"{"model":"m"}"#, #"{"model":"m","request":[]}"#] {
      #expect(throws: PromptError.self) { try prompt(broken, path: path) }
    }
  }
  @Test func `a count is asked of contents or of a whole request, never of both`() throws {
    let path = "/v1beta/models/m:countTokens"
    let plain = try prompt(#"{"contents":[\#(Self.turn)]}"#, path: path)
    let system = #""systemInstruction":{"parts":[{"text":"be brief"}]}"#
    let request = #"{"model":"models/m","contents":[\#(Self.turn)],\#(system)}"#
    let whole = try prompt(#"{"generateContentRequest":\#(request)}"#, path: path)
    #expect(whole.countedTokens == plain.countedTokens + 3)
    for broken in [
      #"{"contents":[\#(Self.turn)],\#(system)}"#,
      #"{"contents":[\#(Self.turn)],"generateContentRequest":\#(request)}"#,
      #"{"generateContentRequest":{"contents":[\#(Self.turn)]}}"#,
    ] {
      #expect(throws: PromptError.self) { try prompt(broken, path: path) }
    }
  }
  @Test func `any truncation of a body is refused or read, never a crash`() {
    let body = """
      {"contents":[{"role":"user","parts":[{"text":"é"},{"inlineData":{"mimeType":"image/png",
      "data":"AAAA"}}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1}},
      "thoughtSignature":"s"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":
      {"anyOf":[{"type":"STRING"}]}}]}],"generationConfig":{"maxOutputTokens":5}}
      """
    let bytes = Array(body.utf8)
    for end in bytes.indices {
      _ = try? prompt(String(decoding: bytes[..<end], as: UTF8.self))
    }
    #expect(throws: Never.self) { try prompt(body) }
  }
}
