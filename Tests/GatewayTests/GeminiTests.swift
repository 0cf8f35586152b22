// The parts of the Gemini platform that recorded pairs do not show: errors and their rests, the
// memory of signatures, URLs, counting, bounds.
import Base
import Testing

@testable import Gateway

private let now = Timestamp(seconds: 1_790_000_000)

private func translated(_ body: String, model: String = "gemini-2.5-flash") throws -> String {
  let sent = try GeminiRequest.translate(
    Array(body.utf8), model: model, signatures: ThoughtSignatures(), now: now)
  return String(decoding: sent, as: UTF8.self)
}

private func error(_ status: Int, _ body: String) -> GeminiError {
  GeminiError(status: status, body: Array(body.utf8))
}

/// A 429 with this message and these details.
private func exhausted(_ message: String, details: String = "[]") -> GeminiError {
  var quoted: [UInt8] = []
  JSONWriter.appendQuoted(message, to: &quoted)
  let text = String(decoding: quoted, as: UTF8.self)
  return error(
    429,
    """
    {"error":{"code":429,"message":\(text),"status":"RESOURCE_EXHAUSTED","details":\(details)}}
    """
  )
}

struct GeminiErrorTests {
  @Test(arguments: [
    (400, "INVALID_ARGUMENT", "invalid_request_error"),
    (401, "UNAUTHENTICATED", "authentication_error"),
    (403, "PERMISSION_DENIED", "permission_error"), (404, "NOT_FOUND", "not_found_error"),
    (429, "RESOURCE_EXHAUSTED", "rate_limit_error"), (503, "UNAVAILABLE", "overloaded_error"),
    (500, "INTERNAL", "api_error"), (504, "DEADLINE_EXCEEDED", "timeout_error"),
  ])
  func `an error is told by its name`(status: Int, name: String, kind: String) {
    let read = error(
      status, #"{"error":{"code":\#(status),"message":"Why.","status":"\#(name)"}}"#)
    #expect(read.status == status && read.kind == kind && read.message == "Why.")
    let inStream = error(0, #"{"error":{"message":"Why.","status":"\#(name)"}}"#)
    #expect(inStream.status == status && inStream.kind == kind)
  }

  @Test func `an error without a name is told by its status`() {
    #expect(error(403, "<html>").kind == "permission_error")
    #expect(error(418, "").kind == "invalid_request_error")
    #expect(error(599, "null").kind == "api_error")
    #expect(error(503, "[]").message == "Upstream request failed")
  }

  @Test func `an error may be the element of an array`() {
    let read = error(429, #"[{"error":{"code":429,"message":"Much.","status":"X"}}]"#)
    #expect(read.message == "Much." && read.kind == "rate_limit_error")
  }

  @Test func `a key that is not valid is the operator's fault`() {
    let body = """
      {"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",
       "status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
       "reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}
      """
    #expect(error(400, body).isOperatorFault)
    #expect(!error(400, #"{"error":{"message":"bad contents"}}"#).isOperatorFault)
  }

  @Test(arguments: [
    """
    {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}
    """,
    #"{"error":{"code":400,"message":"Prompt is too long","status":"INVALID_ARGUMENT"}}"#,
    """
    {"error":{"code":400,"message":"The input token count (1200293) exceeds the maximum number of \
    tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}
    """,
    #"{"error":{"message":"{\"error\":{\"message\":\"prompt is too long: 9 tokens\"}}"}}"#,
  ])
  func `a prompt that is too long is recognised`(body: String) {
    #expect(error(400, body).isPromptTooLong)
    #expect(!error(429, body).isPromptTooLong)
  }

  @Test(arguments: [
    (#"[{"retryDelay":"38s"}]"#, 38), (#"[{"a":1},{"retryDelay":"47.434392449s"}]"#, 48),
    (#"[{"retryDelay":"0s"}]"#, 1), (#"[{"retryDelay":"99999999999s"}]"#, 604_800),
    (#"[{"retryDelay":"soon"}]"#, 300), (#"[{"retryDelay":7}]"#, 300), ("7", 300),
  ])
  func `RetryInfo says how long an account rests`(details: String, seconds: Int) {
    let read = exhausted("Quota exceeded.", details: details)
    #expect(read.restSeconds(now: now, pacific: .standard) == Int64(seconds))
  }

  @Test(arguments: [
    ("Please retry in 47.434392449s.", 48), ("Quota.\nPlease retry in 12s", 12),
    ("please retry in 1m 12.5s.", 73), ("Please retry in 2h3m4s.", 7384),
    ("Please retry in 816.25ms.", 1), ("Please retry in 1500ms.", 2),
    ("Please retry in a while", 300), ("Please retry in 5", 300), ("Please retry in .s", 300),
    ("Please retry in 99999999999999999999999999999999s.", 300), ("Resource exhausted", 300),
  ])
  func `words say how long an account rests`(message: String, seconds: Int) {
    #expect(exhausted(message).restSeconds(now: now, pacific: .standard) == Int64(seconds))
  }

  @Test(arguments: [
    ("limit 'Requests per day per user'", "[]"),
    ("Quota", #"[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProject"}]}]"#),
    ("Quota", #"[{"metadata":{"quota_limit":"Gemini25ProRequestsPerDay"}}]"#),
  ])
  func `a quota of the day is renewed at midnight in California`(
    message: String, details: String
  ) throws {
    // 2026-01-15T20:00:00Z is noon there, 2026-07-15T20:00:00Z is 13:00.
    let winter = Timestamp(seconds: 1_768_507_200)
    let summer = Timestamp(seconds: 1_784_145_600)
    let read = exhausted(message, details: details)
    #expect(read.restSeconds(now: winter, pacific: PacificTime()) == 12 * 3600)
    #expect(read.restSeconds(now: summer, pacific: PacificTime()) == 11 * 3600)
    #expect(read.restSeconds(now: winter, pacific: .standard) == 12 * 3600)
    #expect(read.restSeconds(now: summer, pacific: .standard) == 12 * 3600)
  }

  @Test(arguments: [Int64.min, -1, 0, 28_799, 28_800, 28_801, Int64.max])
  func `midnight is never more than a day away`(microseconds: Int64) {
    let time = Timestamp(microseconds: microseconds)
    #expect((1...90_000).contains(PacificTime().secondsToMidnight(from: time)))
    #expect((1...86_400).contains(PacificTime.standard.secondsToMidnight(from: time)))
  }
}

struct ThoughtSignatureTests {
  @Test func `a signature is known for an hour`() {
    let memory = ThoughtSignatures()
    memory.remember("s", for: "id", now: now)
    #expect(memory.signature(for: "id", now: now.advanced(bySeconds: 3599)) == "s")
    #expect(memory.signature(for: "id", now: now.advanced(bySeconds: 3600)) == nil)
    #expect(memory.signature(for: "other", now: now) == nil)
  }

  @Test func `the last signature of an id counts, from its own time on`() {
    let memory = ThoughtSignatures()
    memory.remember("first", for: "id", now: now)
    memory.remember("second", for: "id", now: now.advanced(bySeconds: 1800))
    #expect(memory.signature(for: "id", now: now.advanced(bySeconds: 3700)) == "second")
    #expect(memory.count == 1)
  }

  @Test func `the oldest goes when there are too many`() {
    let memory = ThoughtSignatures(limits: .init(count: 2))
    for id in ["a", "b", "c"] { memory.remember("s", for: id, now: now) }
    #expect(memory.signature(for: "a", now: now) == nil)
    #expect(memory.signature(for: "b", now: now) == "s" && memory.count == 2)
  }

  @Test func `the oldest goes when they are too long together`() {
    let memory = ThoughtSignatures(limits: .init(bytes: 10, signatureBytes: 9))
    memory.remember("1234", for: "a", now: now)
    memory.remember("1234", for: "b", now: now)
    #expect(memory.count == 2)
    memory.remember("1", for: "c", now: now)
    #expect(memory.signature(for: "a", now: now) == nil && memory.count == 2)
    memory.remember("1234567890", for: "d", now: now)
    #expect(memory.signature(for: "d", now: now) == nil, "too long by itself")
    #expect(memory.count == 2)
  }

  @Test func `what is over an hour old gives its room`() {
    let memory = ThoughtSignatures()
    for i in 0..<5000 { memory.remember("s", for: "\(i)", now: now) }
    memory.remember("s", for: "new", now: now.advanced(bySeconds: 4000))
    #expect(memory.count == 1)
  }
}

struct GeminiEndpointTests {
  @Test func `a model's place in the URL is its own`() {
    #expect(
      GeminiEndpoint.url("https://g.example", model: "gemini-2.5-pro", .generateContent)
        == "https://g.example/v1beta/models/gemini-2.5-pro:generateContent")
    #expect(
      GeminiEndpoint.url("https://g.example", model: "models/m", .streamGenerateContent)
        == "https://g.example/v1beta/models/m:streamGenerateContent?alt=sse")
    #expect(
      GeminiEndpoint.url("b", model: "../../a?b#c%d é:x", .countTokens)
        == "b/v1beta/models/%2E%2E%2F%2E%2E%2Fa%3Fb%23c%25d%20%C3%A9%3Ax:countTokens")
    #expect(
      GeminiEndpoint.antigravityURL("https://a.example")
        == "https://a.example/v1internal:streamGenerateContent?alt=sse")
  }

  @Test func `the credential goes into the field the platform reads`() {
    let key = GeminiEndpoint.authorization("k", platform: .gemini, usesBearer: false)
    #expect(key == ("x-goog-api-key", "k"))
    let bearer = GeminiEndpoint.authorization("k", platform: .gemini, usesBearer: true)
    #expect(bearer == ("authorization", "Bearer k"))
    let token = GeminiEndpoint.authorization("k", platform: .antigravity, usesBearer: false)
    #expect(token == ("authorization", "Bearer k"))
  }

  @Test func `nothing of the caller's headers goes along`() {
    let fields = GeminiEndpoint.headers(isStream: true, authorization: ("x-goog-api-key", "k"))
    #expect(
      fields.map(\.name) == ["content-type", "accept", "accept-encoding", "x-goog-api-key"])
    #expect(fields[1].value == "text/event-stream")
  }

  @Test func `counting asks with system and tools`() throws {
    let body = #"{"model":"m","system":"S","messages":[{"role":"user","content":"Hi"}]}"#
    let sent = try GeminiRequest.translate(
      Array(body.utf8), model: "gemini-2.5-pro", form: .count, signatures: ThoughtSignatures(),
      now: now)
    #expect(
      String(decoding: sent, as: UTF8.self) == """
        {"generateContentRequest":{"model":"models/gemini-2.5-pro",\
        "systemInstruction":{"parts":[{"text":"S"}]},\
        "contents":[{"role":"user","parts":[{"text":"Hi"}]}],"generationConfig":{}}}
        """)
  }

  @Test func `a count is read and answered`() {
    #expect(GeminiCount.read(Array(#"{"totalTokens":31,"cachedContentTokenCount":0}"#.utf8)) == 31)
    for bad in ["", "{}", #"{"totalTokens":-1}"#, #"{"totalTokens":"3"}"#, "[3]"] {
      #expect(GeminiCount.read(Array(bad.utf8)) == nil)
    }
    #expect(GeminiCount.answer(31) == Array(#"{"input_tokens":31}"#.utf8))
  }
}

struct GeminiLimitTests {
  @Test(arguments: [
    ("gemini-2.5-pro", 50, 128), ("gemini-2.5-pro", 99_999, 32_768),
    ("gemini-2.5-flash", 99_999, 24_576), ("gemini-2.5-flash-lite", 10, 512),
    ("claude-opus-4-5-thinking", 99_999, 99_999), ("some-model", 7, 7),
  ])
  func `a thinking budget fits the model`(model: String, asked: Int, sent: Int) throws {
    let body = """
      {"thinking":{"type":"enabled","budget_tokens":\(asked)},\
      "messages":[{"role":"user","content":"x"}]}
      """
    #expect(try translated(body, model: model).contains("\"thinkingBudget\":\(sent)}"))
  }

  @Test(arguments: [
    ("gemini-2.5-pro", 65_536), ("gemini-flash-latest", 65_536), ("gemini-2.0-flash", 8192),
    ("claude-sonnet-4-5", 64_000), ("some-model", 128_000),
  ])
  func `max_tokens fits the model`(model: String, sent: Int) throws {
    let body = #"{"max_tokens":128000,"messages":[{"role":"user","content":"x"}]}"#
    #expect(try translated(body, model: model).contains("\"maxOutputTokens\":\(sent)}"))
  }

  @Test func `a model that cannot think is not told to`() throws {
    let body = #"{"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"x"}]}"#
    #expect(try !translated(body, model: "gemini-2.0-flash").contains("thinking"))
  }

  @Test(arguments: [
    (#"{"messages":[{"role":"user","content":"x"}],"max_tokens":0}"#, "max_tokens"),
    (#"{"messages":[{"role":"user","content":"x"}],"temperature":"1"}"#, "temperature"),
    (#"{"messages":[{"role":"user","content":"x"}],"stop_sequences":[1]}"#, "stop_sequences"),
    (#"{"messages":[{"role":"user","content":"x"}],"thinking":{"type":"odd"}}"#, "thinking.type"),
    (#"{"messages":[{"role":"user","content":"x"}],"system":7}"#, "system"),
    (#"{"messages":[{"role":"user","content":"x"}],"tools":[{}]}"#, "tools.0.name"),
    (#"{"messages":[{"role":"system","content":"x"}]}"#, "messages.0.role"),
    (#"{"messages":[{"role":"user"}]}"#, "messages.0.content"),
    (#"{"messages":[{"role":"user","content":[7]}]}"#, "messages.0.content.0.type"),
    (#"{"messages":[{"role":"user","content":[{"type":"text"}]}]}"#, "messages.0.content.0.text"),
    (#"{"messages":[{"role":"user","content":[{"type":"odd"}]}]}"#, "\"odd\""),
    (#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a"}]}]}"#, "a name"),
    (#"{"messages":{}}"#, "messages"), ("[]", "Failed to parse"), ("", "Failed to parse"),
  ])
  func `what cannot be translated is refused with its place`(body: String, place: String) {
    do {
      _ = try translated(body)
      Issue.record("not refused")
    } catch {
      let answer = error as? Answer
      #expect(answer?.status == 400 && answer?.kind == "invalid_request_error")
      #expect(answer?.message.contains(place) == true, "\(answer?.message ?? "")")
    }
  }

  @Test func `a schema that refers to itself many times stays small`() throws {
    let members = (0..<40).map { ##""p\##($0)":{"$ref":"#/$defs/A"}"## }.joined(separator: ",")
    let schema =
      ##"{"type":"object","$defs":{"A":{"type":"object","properties":{\##(members)}}},"##
      + ##""properties":{\##(members)}}"##
    let body = """
      {"messages":[{"role":"user","content":"x"}],\
      "tools":[{"name":"f","input_schema":\(schema)}]}
      """
    let sent = try translated(body)
    #expect(sent.utf8.count < 8 * body.utf8.count + 8192)
    _ = try JSONParser().parse(sent)
  }

  @Test func `a schema as deep as a body may be is cut, not refused`() throws {
    let deep = 118
    let schema =
      String(repeating: #"{"type":"object","properties":{"a":"#, count: deep / 2)
      + #"{"type":"string"}"# + String(repeating: "}}", count: deep / 2)
    let body = """
      {"messages":[{"role":"user","content":"x"}],\
      "tools":[{"name":"f","input_schema":\(schema)}]}
      """
    _ = try JSONParser().parse(try translated(body))
  }

  @Test func `ids differ and have the form of the Messages API`() {
    let ids = (0..<1000).map { _ in AnswerIDs.system.toolUse() }
    #expect(Set(ids).count == 1000)
    #expect(ids.allSatisfy { $0.hasPrefix("toolu_") && $0.utf8.count == 30 })
    #expect(AnswerIDs.system.message("").utf8.count == 28)
    #expect(AnswerIDs.system.message("aB-_9/\n") == "msg_aB-_9")
  }
}
