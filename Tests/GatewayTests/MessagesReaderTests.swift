// The one-pass reader of Messages bodies against the same rules applied to a tree.
import Base
import Projections
import Testing

@testable import Gateway

/// What a body counts for, by looking its members up one by one.
private struct TreeBasis {
  var basis = HoldBasis()

  init(_ body: JSONValue) {
    basis.maxTokens = body["max_tokens"]?.integer
    for message in body["messages"]?.array ?? [] { add(message["content"]) }
    add(body["system"])
  }
  private mutating func add(_ content: JSONValue?) {
    basis.textBytes += Self.bytes(content)
    for block in content?.array ?? [] { addBlock(block) }
  }
  private mutating func addBlock(_ block: JSONValue) {
    if block["cache_control"]?["ttl"]?.string == "1h" { basis.wantsHourCache = true }
    switch block["type"]?.string {
    case "image": basis.images += 1
    case "document":
      let source = block["source"]
      if source?["type"]?.string == "base64" {
        basis.documentBytes += Int64((source?["data"]?.string?.utf8.count ?? -2) + 2)
      } else {
        basis.textBytes += Self.bytes(source?["data"])
        add(source?["content"])
      }
    case "tool_result": add(block["content"])
    case "tool_use": basis.textBytes += block["input"] == nil ? 0 : 2
    default:
      basis.textBytes += Self.bytes(block["text"]) + Self.bytes(block["thinking"])
      basis.textBytes += block["input"] == nil ? 0 : 2
      add(block["content"])
    }
  }
  private static func bytes(_ value: JSONValue?) -> Int64 { Int64(value?.string?.utf8.count ?? 0) }
}

/// Writes bodies that are legal and odd: members in any order, unknown ones, wrong places.
private struct BodyMaker {
  var random: SeededRandom

  private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

  mutating func body() -> String {
    let messages = (0..<below(4)).map { _ in
      object([#""role":"user""#, #""content":\#(content(2))"#, #""x":[{}]"#])
    }
    return object([
      #""model":"claude-x""#, #""max_tokens":\#(below(9))"#,
      #""messages":[\#(messages.joined(separator: ","))]"#, #""system":\#(content(1))"#,
      #""metadata":{"content":"not counted"}"#,
    ])
  }
  private mutating func object(_ members: [String]) -> String {
    "{\(members.shuffled(using: &random).joined(separator: " , "))}"
  }
  private mutating func text() -> String {
    ["\"\"", #""abc""#, #""é\n\u20ac\ud83d\ude00""#, "null", "7"][below(5)]
  }
  private mutating func content(_ depth: Int) -> String {
    if below(3) == 0 { return text() }
    return "[\((0..<below(4)).map { _ in block(depth) }.joined(separator: ","))]"
  }
  private mutating func block(_ depth: Int) -> String {
    let types = ["text", "thinking", "image", "document", "tool_result", "tool_use", "other"]
    var members = [#""type":"\#(types[below(types.count)])""#, #""text":\#(text())"#]
    if below(2) == 0 { members.append(#""thinking":\#(text())"#) }
    if below(2) == 0 { members.append(#""input":{}"#) }
    if below(4) == 0 { members.append(#""cache_control":{"type":"x","ttl":"1h"}"#) }
    if depth > 0, below(2) == 0 { members.append(#""content":\#(content(depth - 1))"#) }
    if depth > 0, below(2) == 0 { members.append(#""source":\#(source(depth - 1))"#) }
    return below(9) == 0 ? "[1]" : object(members)
  }
  private mutating func source(_ depth: Int) -> String {
    object([
      #""type":"\#(["base64", "text", "content"][below(3)])""#,
      #""data":\#(below(3) == 0 ? #""QUJD""# : #""""#)"#,
      #""content":\#(content(depth))"#,
    ])
  }
}

@Test func `a body counts for the same in one pass as by looking members up`() throws {
  for seed in UInt64(0)..<2000 {
    var maker = BodyMaker(random: SeededRandom(seed: seed))
    let body = maker.body()
    let call = try MessagesCall(Array(body.utf8))
    #expect(call.basis == TreeBasis(try JSONParser().parse(body)).basis, "seed \(seed): \(body)")
  }
}

@Test(arguments: [
  (#"{"messages":{},"model":"a"}"#, "Failed to parse request body"),
  (#"{"messages":[7],"model":"a"}"#, "Failed to parse request body"),
  (#"{"stream":1}"#, "model is required"),
  (#"{"stream":1,"model":"a","x":[}"#, "Failed to parse request body"),
])
func `what is wrong with a body is told in the same order wherever it stands`(
  json: String, message: String
) {
  let error = #expect(throws: Answer.self) { try MessagesCall(Array(json.utf8)) }
  #expect(error?.message == message)
}

@Test(arguments: [
  (#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"é\n"}}"#, 3),
  (#"{"delta":{"thinking":"abc","type":"thinking_delta"},"index":0}"#, 3),
  (#"{"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#, 5),
  (#"{"delta":{"type":"signature_delta","signature":"abc"}}"#, 0),
  (#"{"type":"content_block_start","content_block":{"type":"text","text":"ab"}}"#, 2),
  (#"{"delta":"text"}"#, 0), ("[]", 0), ("", 0), (#"{"delta":{"text":"ab"#, 0),
  (#"{"delta":{"text":"ab"},"#, 2),
])
func `a piece of content counts the bytes of its text`(data: String, bytes: Int) {
  #expect(ContentText.byteCount(Array(data.utf8).span) == bytes)
}
