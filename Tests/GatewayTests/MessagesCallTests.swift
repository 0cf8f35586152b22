// What the gateway reads of a Messages request, and which bodies it refuses.
import Base
import Testing

@testable import Gateway

private func call(_ json: String) throws -> MessagesCall { try MessagesCall(Array(json.utf8)) }
private func refusal(_ json: String) -> String? {
  do {
    _ = try call(json)
    return nil
  } catch { return (error as? Answer)?.message }
}

@Test func `model, stream and the basis of the hold are read`() throws {
  let call = try call(
    """
    {"model":"claude-x","stream":true,"max_tokens":100,"system":"abc","messages":[
     {"role":"user","content":"12345"},
     {"role":"user","content":[{"type":"text","text":"\\u00e9","cache_control":
      {"type":"ephemeral","ttl":"1h"}},{"type":"image","source":{}},
      {"type":"document","source":{"type":"base64","data":"QUJD"}}]}]}
    """)
  #expect(call.model == "claude-x" && call.isStream)
  #expect(call.basis.textBytes == 3 + 5 + 2)
  #expect(call.basis.images == 1 && call.basis.documentBytes == 6)
  #expect(call.basis.wantsHourCache && call.basis.maxTokens == 100)
}

@Test(arguments: [
  ("", "Request body is empty"), ("[]", "Failed to parse request body"),
  ("{", "Failed to parse request body"), ("{} {}", "Failed to parse request body"),
  (#"{"model":"a","model":"b"}"#, "Failed to parse request body"),
  (#"{"model":"a","mod\u0065l":"b"}"#, "Failed to parse request body"),
  (#"{"model":7}"#, "Failed to parse request body"),
  (#"{"model":"a","stream":"yes"}"#, "Failed to parse request body"),
  (#"{"model":"a","max_tokens":-1}"#, "Failed to parse request body"),
  (#"{"model":"a","messages":{}}"#, "Failed to parse request body"),
  ("{}", "model is required"), (#"{"model":null}"#, "model is required"),
  (#"{"model":""}"#, "model is required"),
  (#"{"model":"a\nb"}"#, "model must be 1 to 256 bytes without control characters"),
])
func `a body that cannot be forwarded is refused`(json: String, message: String) {
  #expect(refusal(json) == message)
}

@Test func `bodies too deep or not UTF-8 are refused`() {
  let deep =
    #"{"model":"a","x":"# + String(repeating: "[", count: 200)
    + String(repeating: "]", count: 200) + "}"
  #expect(refusal(deep) == "Failed to parse request body")
  #expect(throws: Answer.self) {
    try MessagesCall(Array(#"{"model":"a","x":""#.utf8) + [0xFF] + Array("\"}".utf8))
  }
}

@Test func `renaming changes the model's bytes and nothing else`() throws {
  let json = #"{ "a":[1,2], "model" : "short" ,"z":"short"}"#
  let renamed = try call(json).renamed(Array(json.utf8), sending: "much \"longer\"")
  let wanted = #"{ "a":[1,2], "model" : "much \"longer\"" ,"z":"short"}"#
  #expect(String(decoding: renamed, as: UTF8.self) == wanted)
  #expect(try call(json).renamed(Array(json.utf8), sending: "short") == Array(json.utf8))
}

@Test func `a body with a flood of members is refused`() throws {
  let members = (0..<MessagesReader.greatestNames).map { #""x\#($0)":1"# }.joined(separator: ",")
  #expect(refusal(#"{"model":"a",\#(members)}"#) == "Failed to parse request body")
  let fewer = (0..<MessagesReader.greatestNames - 1).map { #""x\#($0)":1"# }
  #expect(refusal(#"{"model":"a",\#(fewer.joined(separator: ","))}"#) == nil)
}

@Test func `content of blocks that are not known by name is held for`() throws {
  let call = try call(
    """
    {"model":"a","messages":[{"role":"user","content":[{"type":"search_result","title":"t",
     "content":[{"type":"text","text":"1234567"}]},
     {"type":"server_tool_use","input":{"query":"ab"}}]}]}
    """)
  #expect(call.basis.textBytes == Int64(7 + #"{"query":"ab"}"#.utf8.count))
}
