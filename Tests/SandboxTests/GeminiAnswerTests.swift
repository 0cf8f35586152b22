// Answers in Google's wire format: parts, counts, ends, broken streams.

import Base
import Testing

@testable import Sandbox

@Suite struct GeminiAnswerTests {
  private func answer(
    _ extra: String = "", text: String = "hello", config: String = "", events: Int? = nil,
    fate: Fate = .answer,
    wire: Wire = .gemini, model: String = "m", form: Form = .events, ids: UInt64 = 9
  ) throws -> Answer {
    var options = SandboxOptions()
    options.events = events
    var dice = Dice(seed: ids)
    let request = """
      {"contents":[{"role":"user","parts":[{"text":"\(text)"}]}],
      "generationConfig":{\(config)}\(extra)}
      """
    let isGemini = wire == .gemini
    let path = isGemini ? "/v1beta/models/\(model)" : "/v1internal"
    let body = isGemini ? request : #"{"project":"p","model":"\#(model)","request":\#(request)}"#
    let call = try #require(GoogleCall(path: path + ":streamGenerateContent"))
    let prompt = try Prompt(body: Array(body.utf8), call: call, isEvents: form == .events)
    return Answer(to: prompt, options: options, fate: fate, ids: &dice)
  }
  private func parse(_ bytes: [UInt8]) throws -> JSONValue { try JSONParser().parse(bytes) }
  /// The objects of a stream of events.
  private func objects(_ events: [StreamEvent]) throws -> [JSONValue] {
    try events.map { event in
      let text = String(decoding: event.bytes, as: UTF8.self)
      #expect(text.hasPrefix("data: {") && text.hasSuffix("}\r\n\r\n"))
      return try parse(Array(event.bytes.dropFirst(6)))
    }
  }
  private func parts(_ value: JSONValue) -> [JSONValue] {
    value["candidates"]?.array?.first?["content"]?["parts"]?.array ?? []
  }
  private func finish(_ value: JSONValue) -> String? {
    value["candidates"]?.array?.first?["finishReason"]?.string
  }
  private func count(_ value: JSONValue, _ name: String) -> Int64 {
    value["usageMetadata"]?[name]?.integer ?? 0
  }
  private static let noThought = #""thinkingConfig":{"thinkingBudget":0}"#
  private static let shown = #""thinkingConfig":{"includeThoughts":true}"#

  @Test func `the same seed and body give the same answer under another id`() throws {
    let (one, two) = (try answer(ids: 1), try answer(ids: 2))
    #expect(one.id != two.id && one.id.count == 22)
    let (first, second) = try (
      parse(one.response(hasUsage: true)), parse(two.response(hasUsage: true))
    )
    #expect(first["candidates"] == second["candidates"])
    #expect(first["usageMetadata"] == second["usageMetadata"])
  }
  @Test func `the stream brings the text and the thoughts of the whole answer`() throws {
    let answer = try answer(config: Self.shown)
    let whole = parts(try parse(answer.response(hasUsage: true)))
    let chunks = try objects(answer.chunks(hasUsage: true)).flatMap(parts)
    let isThought = { (part: JSONValue) in part["thought"]?.bool == true }
    func text(_ parts: [JSONValue]) -> String { parts.compactMap { $0["text"]?.string }.joined() }
    #expect(whole.count == 2 && isThought(whole[0]) && !isThought(whole[1]))
    #expect(text(chunks.filter(isThought)) == whole[0]["text"]?.string)
    #expect(text(chunks.filter { !isThought($0) }) == whole[1]["text"]?.string)
    #expect(whole[1]["thoughtSignature"]?.string == chunks.last?["thoughtSignature"]?.string)
    #expect(whole[1]["thoughtSignature"]?.string?.isEmpty == false)
  }
  @Test(arguments: [noThought, shown, #""maxOutputTokens":7"#, ""])
  func `counts grow from chunk to chunk and end as the whole answer tells`(config: String) throws {
    let answer = try answer(config: config)
    let whole = try parse(answer.response(hasUsage: true))
    let chunks = try objects(answer.chunks(hasUsage: true))
    var last: (Int64, Int64) = (0, 0)
    for chunk in chunks {
      let now = (count(chunk, "candidatesTokenCount"), count(chunk, "thoughtsTokenCount"))
      #expect(now.0 >= last.0 && now.1 >= last.1)
      last = now
      let sum = count(chunk, "promptTokenCount") + now.0 + now.1
      #expect(count(chunk, "totalTokenCount") == sum)
    }
    #expect(chunks.last?["usageMetadata"] == whole["usageMetadata"])
    #expect(last.0 + last.1 == Int64(answer.usage.output))
  }
  @Test func `hidden thoughts are counted and not shown`() throws {
    let answer = try answer()
    let chunks = try objects(answer.chunks(hasUsage: true))
    #expect(chunks.allSatisfy { count($0, "thoughtsTokenCount") == Int64(answer.usage.thoughts) })
    #expect(answer.usage.thoughts > 0)
    #expect(!chunks.flatMap(parts).contains { $0["thought"] != nil })
  }
  @Test func `output never exceeds maxOutputTokens, and says when it ended there`() throws {
    for max in 1...120 {
      let answer = try answer(config: #""maxOutputTokens":\#(max),"# + Self.shown)
      #expect(answer.usage.output <= max && answer.usage.output >= 1)
      #expect(answer.usage.thoughts < max)
      let end = try #require(objects(answer.chunks(hasUsage: true)).last)
      #expect(finish(end) == (answer.usage.output == max ? "MAX_TOKENS" : "STOP"), "\(max)")
    }
  }
  @Test func `only the last chunk has a finish reason`() throws {
    for config in [Self.noThought, Self.shown] {
      let chunks = try objects(answer(config: config, events: 5).chunks(hasUsage: true))
      #expect(chunks.count >= 5)
      #expect(chunks.dropLast().allSatisfy { finish($0) == nil } && finish(chunks.last!) == "STOP")
    }
  }
  @Test func `a function is called at once, signed, with arguments that fit the schema`() throws {
    let answer = try answer(
      """
      ,"tools":[{"functionDeclarations":[{"name":"w","parameters":{"type":"OBJECT","required":
      ["city","days","unit"],"properties":{"city":{"type":"STRING"},"days":{"type":"INTEGER"},
      "unit":{"type":"STRING","enum":["c","f"]},"other":{"type":"STRING"}}}}]}],
      "toolConfig":{"functionCallingConfig":{"mode":"ANY"}}
      """)
    let chunks = try objects(answer.chunks(hasUsage: true))
    let call = try #require(chunks.flatMap(parts).first { $0["functionCall"] != nil })
    let whole = try #require(parts(parse(answer.response(hasUsage: true))).last)
    #expect(call == whole && call["functionCall"]?["name"]?.string == "w")
    let args = call["functionCall"]?["args"]
    #expect(args?["city"]?.string != nil && args?["days"]?.integer != nil)
    #expect(args?["unit"]?.string == "c" && args?["other"] == nil)
    #expect(call["thoughtSignature"]?.string?.isEmpty == false)
    #expect(finish(try #require(chunks.last)) == "STOP")
  }
  @Test func `a grounded answer tells its queries at its end`() throws {
    let tools = #","tools":[{"googleSearch":{}}]"#
    let plain = try answer(tools)
    #expect(plain.usage.searches == 0)
    for (model, fees) in [("gemini-3-pro", 2), ("gemini-2.5-pro", 1)] {
      let answer = try answer(tools, text: "use web_search", model: model)
      #expect(answer.usage.searches == fees)
      let chunks = try objects(answer.chunks(hasUsage: true))
      let candidates = chunks.compactMap { $0["candidates"]?.array?.first }
      #expect(candidates.dropLast().allSatisfy { $0["groundingMetadata"] == nil })
      let grounding = try #require(candidates.last?["groundingMetadata"])
      #expect(grounding["webSearchQueries"]?.array?.count == 2)
      #expect(grounding["groundingChunks"]?.array?.first?["web"]?["uri"]?.string != nil)
    }
  }
  @Test func `a filter stops the answer behind some text`() throws {
    let chunks = try objects(answer(fate: .safety).chunks(hasUsage: true))
    let end = try #require(chunks.last)
    #expect(finish(end) == "SAFETY" && parts(end).isEmpty && parts(chunks[0]).count == 1)
    #expect(count(end, "candidatesTokenCount") > 0)
  }
  @Test func `a filter stops the prompt: no candidates, no output`() throws {
    for value in [
      try parse(answer(fate: .blocked).response(hasUsage: true)),
      try objects(answer(fate: .blocked).chunks(hasUsage: true))[0],
    ] {
      #expect(value["candidates"] == nil)
      #expect(value["promptFeedback"]?["blockReason"]?.string == "PROHIBITED_CONTENT")
      #expect(count(value, "promptTokenCount") == count(value, "totalTokenCount"))
      #expect(count(value, "promptTokenCount") > 0)
    }
  }
  @Test func `usage can be left out`() throws {
    let answer = try answer()
    #expect(try parse(answer.response(hasUsage: false))["usageMetadata"] == nil)
    let chunks = try objects(answer.chunks(hasUsage: false))
    #expect(chunks.allSatisfy { $0["usageMetadata"] == nil && $0["modelVersion"] != nil })
  }
  @Test func `the envelope wraps every object`() throws {
    let answer = try answer(wire: .antigravity)
    let whole = try parse(answer.response(hasUsage: true))
    #expect(whole["candidates"] == nil && whole["traceId"]?.string != nil)
    #expect(whole["response"]?["responseId"]?.string == answer.id)
    for chunk in try objects(answer.chunks(hasUsage: true)) {
      #expect(chunk["response"]?["modelVersion"]?.string == "m")
    }
  }
  @Test func `a Claude model behind Antigravity signs the thought, not the end`() throws {
    let answer = try answer(config: Self.shown, wire: .antigravity, model: "claude-opus-5-5")
    let whole = try parse(answer.response(hasUsage: true))
    let chunks = try objects(answer.chunks(hasUsage: true))
    for parts in [
      parts(try #require(whole["response"])), chunks.compactMap { $0["response"] }.flatMap(parts),
    ] {
      let signed = parts.filter { $0["thoughtSignature"] != nil }
      #expect(signed.count == 1 && signed[0]["thought"]?.bool == true)
      #expect(signed[0] == parts.last { $0["thought"]?.bool == true })
    }
  }
  @Test func `without alt=sse the chunks are one array`() throws {
    for fate in [Fate.answer, .blocked, .streamError(isEarly: true), .streamError(isEarly: false)] {
      let answer = try answer(fate: fate, form: .array)
      var dice = Dice(seed: 1)
      let plan = StreamPlan(answer, fate: fate, requestID: "r", dice: &dice)
      let array = try parse(plan.events.flatMap(\.bytes) + plan.closing)
      #expect(array.array?.count == plan.events.count + 1)
    }
  }

  @Test func `a stream cut inside is billed by the last whole chunk`() throws {
    for seed in UInt64(1)...50 {
      let answer = try answer(config: seed % 2 == 0 ? Self.shown : "")
      var dice = Dice(seed: seed)
      let plan = StreamPlan(answer, fate: .cutInside, requestID: "r", dice: &dice)
      let last = try #require(objects(plan.events).last)
      let output = count(last, "candidatesTokenCount") + count(last, "thoughtsTokenCount")
      #expect(plan.billed?.output == Int(output), "seed \(seed)")
      #expect(plan.end == .cut && !plan.isComplete && !plan.closing.isEmpty)
      #expect(plan.billed?.input == answer.usage.input)
    }
  }
  @Test func `a stream that stalls ends in a whole chunk, by which it is billed`() throws {
    let answer = try answer(config: Self.noThought)
    var dice = Dice(seed: 5)
    let plan = StreamPlan(answer, fate: .stall, requestID: "r", dice: &dice)
    let last = try parse(Array(plan.closing.dropFirst(6)))
    #expect(plan.billed?.output == Int(count(last, "candidatesTokenCount")))
    #expect(plan.end == .silence)
  }
  @Test func `an error before any content is an event, one behind it breaks the format`() throws {
    let answer = try answer()
    var dice = Dice(seed: 3)
    let early = StreamPlan(answer, fate: .streamError(isEarly: true), requestID: "r", dice: &dice)
    let late = StreamPlan(answer, fate: .streamError(isEarly: false), requestID: "r", dice: &dice)
    #expect(early.events.isEmpty && early.billed == nil && late.billed != nil)
    let event = try parse(Array(early.closing.dropFirst(6)))
    let bare = try parse(late.closing)
    #expect(event["error"]?["status"]?.string == "UNAVAILABLE")
    #expect(bare["error"]?["code"]?.integer == 503 && late.closing.contains(10))
  }
  @Test func `a caller that leaves owes nothing where no usage is told`() throws {
    let answer = try answer()
    var dice = Dice(seed: 3)
    let told = StreamPlan(answer, fate: .answer, requestID: "r", dice: &dice)
    let silent = StreamPlan(answer, fate: .missingUsage, requestID: "r", dice: &dice)
    #expect(told.billed(afterEvents: 3) != nil && told.billed(afterEvents: 0) == nil)
    #expect(silent.billed(afterEvents: 3) == nil && silent.billed == nil)
  }
}
