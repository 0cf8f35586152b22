// What is said and what it costs: determinism, limits, the two wire forms, broken streams, the
// record.

import Base
import Testing

@testable import Sandbox

@Suite struct AnswerTests {
  private func answer(
    _ extra: String = "", max: Int = 500, events: Int? = nil, seed: UInt64 = 1, ids: UInt64 = 9
  ) throws -> Answer {
    var options = SandboxOptions()
    options.events = events
    options.seed = seed
    var dice = Dice(seed: ids)
    let body = """
      {"model":"m","max_tokens":\(max)\(extra),"messages":[{"role":"user","content":"hello"}]}
      """
    return Answer(to: try Prompt(body: Array(body.utf8)), options: options, ids: &dice)
  }
  private func parse(_ bytes: [UInt8]) throws -> JSONValue { try JSONParser().parse(bytes) }
  private func data(_ event: StreamEvent) throws -> JSONValue {
    let text = String(decoding: event.bytes, as: UTF8.self)
    let line = try #require(text.split(separator: "\n").last)
    return try parse(Array(line.dropFirst("data: ".count).utf8))
  }

  @Test func `the same seed and body give the same answer under another id`() throws {
    let (one, two) = (try answer(ids: 1), try answer(ids: 2))
    #expect(one.id != two.id)
    #expect(one.usage == two.usage)
    #expect(one.blocks.flatMap(\.pieces) == two.blocks.flatMap(\.pieces))
  }
  @Test func `another seed gives another answer`() throws {
    let pieces = try (1...8).map { try answer(seed: $0).blocks.flatMap(\.pieces) }
    #expect(Set(pieces).count > 1)
  }
  @Test func `ids look like Anthropic's`() throws {
    let id = try answer().id
    #expect(id.hasPrefix("msg_01") && id.count == 28)
  }
  @Test func `output never exceeds max_tokens, and says when it ended there`() throws {
    for max in 1...120 {
      let answer = try answer(max: max)
      #expect(answer.usage.output <= max && answer.usage.output >= 1)
      #expect(answer.firstOutput <= answer.usage.output)
      #expect((answer.ending == .limit) == (answer.usage.output == max))
    }
  }
  @Test func `as many pieces come as events are asked for`() throws {
    let answer = try answer(max: 10, events: 50)
    #expect(answer.blocks.flatMap(\.pieces).count == 50)
    #expect(answer.usage.output == 10)
  }
  @Test func `the stream brings the text of the message`() throws {
    let answer = try answer(#","thinking":{"type":"adaptive"}"#)
    let message = try parse(answer.message())
    var texts: [String: String] = [:]
    for event in try answer.contentEvents().map(data) where event["delta"] != nil {
      for field in ["text", "thinking", "signature"] {
        texts[field, default: ""] += event["delta"]?[field]?.string ?? ""
      }
    }
    let blocks = try #require(message["content"]?.array)
    #expect(blocks[0]["thinking"]?.string == texts["thinking"])
    #expect(blocks[0]["signature"]?.string == texts["signature"])
    #expect(blocks[1]["text"]?.string == texts["text"])
    #expect(texts["text"]?.isEmpty == false)
  }
  @Test func `a stream's events come in Anthropic's order`() throws {
    let answer = try answer(events: 2)
    let types = try (answer.contentEvents() + answer.endEvents())
      .map { try data($0)["type"]?.string }
    #expect(
      types == [
        "message_start", "content_block_start", "ping", "content_block_delta",
        "content_block_delta", "content_block_stop", "message_delta", "message_stop",
      ])
  }
  @Test func `the end of the stream and the message tell the same usage`() throws {
    let answer = try answer()
    let usage = try parse(answer.message())["usage"]
    let last = try data(answer.endEvents()[0])["usage"]
    for field in ["input_tokens", "output_tokens", "cache_read_input_tokens"] {
      #expect(usage?[field]?.integer != nil)
      #expect(usage?[field]?.integer == last?[field]?.integer)
    }
  }
  @Test func `a tool call carries input that fits its schema`() throws {
    let schema = """
      {"type":"object","required":["city","days","unit","size","kind"],"properties":{
      "city":{"type":"string"},"days":{"type":["integer","null"]},"unit":{"enum":["c","f"]},
      "size":{"oneOf":[{"enum":[3]},{"type":"null"}]},"kind":{"const":false},
      "other":{"type":"string"}}}
      """
    let answer = try answer(
      #","tools":[{"name":"w","input_schema":\#(schema)}],"tool_choice":{"type":"any"}"#)
    let block = try #require(try parse(answer.message())["content"]?.array?.last)
    #expect(block["input"]?["city"]?.string != nil)
    #expect(block["input"]?["days"]?.integer != nil)
    #expect(block["input"]?["unit"]?.string == "c" && block["input"]?["other"] == nil)
    #expect(block["input"]?["size"]?.integer == 3 && block["input"]?["kind"]?.bool == false)
    #expect(try parse(answer.message())["stop_reason"]?.string == "tool_use")
    let json = try answer.contentEvents().map(data)
      .compactMap { $0["delta"]?["partial_json"]?.string }.joined()
    #expect(try parse(Array(json.utf8))["city"]?.string == "sandbox")
  }

  @Test func `a web search is done, shown and counted, in a message and in a stream`() throws {
    let body = """
      {"model":"m","tools":[{"type":"web_search_20250305","name":"web_search"}],
      "messages":[{"role":"user","content":"use web_search"}]}
      """
    var dice = Dice(seed: 1)
    let prompt = try Prompt(body: Array(body.utf8))
    let answer = Answer(to: prompt, options: SandboxOptions(), ids: &dice)
    let message = try parse(answer.message())
    let blocks = try #require(message["content"]?.array)
    let kinds = ["server_tool_use", "web_search_tool_result", "text"]
    #expect(blocks.map { $0["type"]?.string } == kinds)
    #expect(blocks[0]["input"]?["query"]?.string != nil)
    #expect(blocks[0]["id"] == blocks[1]["tool_use_id"])
    let starts = try answer.contentEvents().map(data).compactMap { $0["content_block"] }
    #expect(starts.map { $0["type"]?.string } == kinds)
    let end = try data(answer.endEvents()[0])["usage"]
    for usage in [message["usage"], end] {
      #expect(usage?["server_tool_use"]?["web_search_requests"]?.integer == 1)
    }
  }

  @Test func `a stream cut inside is billed by the content sent`() throws {
    for seed in UInt64(1)...50 {
      let answer = try answer()
      var dice = Dice(seed: seed)
      let plan = StreamPlan(answer, fate: .cutInside, requestID: "r", dice: &dice)
      let bytes = plan.events.reduce(0) { $0 + $1.contentBytes }
      #expect(bytes > 0 && plan.end == .cut && !plan.isComplete && !plan.closing.isEmpty)
      #expect(plan.billed?.output == max(answer.firstOutput, (bytes + 3) / 4), "seed \(seed)")
      #expect(plan.billed?.input == answer.usage.input)
    }
  }
  @Test func `an error before any content is not billed, one behind it is`() throws {
    let answer = try answer()
    var dice = Dice(seed: 3)
    let early = StreamPlan(answer, fate: .streamError(isEarly: true), requestID: "r", dice: &dice)
    let late = StreamPlan(answer, fate: .streamError(isEarly: false), requestID: "r", dice: &dice)
    #expect(early.billed == nil && late.billed != nil)
    #expect(String(decoding: late.closing, as: UTF8.self).hasPrefix("event: error\n"))
    #expect(early.end == .finished && late.end == .finished)
  }
  @Test func `a record line names what was answered`() throws {
    let answer = try answer()
    let record = AnswerRecord(
      messageID: answer.id, model: "m", usage: answer.usage, status: 200, isComplete: true)
    let line = try parse(record.line)
    #expect(line["message_id"]?.string == answer.id)
    #expect(line["usage"]?["output_tokens"]?.integer == Int64(answer.usage.output))
    #expect(line["complete"]?.bool == true)
    let none = try parse(AnswerRecord(model: nil, status: 400, isComplete: true).line)
    #expect(none["usage"]?.isNull == true && none["message_id"]?.isNull == true)
  }
}
