// Google's two APIs over loopback: routes, errors, failures on demand, the record file.

import Base
import HTTP
import Testing
import TestSupport

@testable import Sandbox

@Suite struct GoogleServerTests {
  /// What a caller of either API asks.
  enum API: CaseIterable, Sendable {
    case gemini, antigravity

    func path(_ model: String, stream: Bool) -> String {
      let method = stream ? "streamGenerateContent?alt=sse" : "generateContent"
      return self == .gemini ? "/v1beta/models/\(model):\(method)" : "/v1internal:\(method)"
    }
    func body(_ model: String, _ text: String = "hello") -> String {
      let request = #"{"contents":[{"role":"user","parts":[{"text":"\#(text)"}]}]}"#
      return self == .gemini
        ? request : #"{"project":"p","model":"\#(model)","request":\#(request)}"#
    }
    /// The GenerateContentResponse of an answer or a chunk.
    func response(_ value: JSONValue?) -> JSONValue? {
      self == .gemini ? value : value?["response"]
    }
  }
  private func ask(
    _ bed: SandboxBed, _ api: API, model: String = "gemini-3-flash", stream: Bool = false,
    text: String = "hello"
  ) async throws -> Received {
    try await bed.ask(api.body(model, text), path: api.path(model, stream: stream))
  }
  /// The usage object that usageMetadata stands for, by the gateway's rules.
  private func billed(_ response: JSONValue?) -> [String: Int64] {
    let counts = response?["usageMetadata"]
    func count(_ name: String) -> Int64 { counts?[name]?.integer ?? 0 }
    let cached = count("cachedContentTokenCount")
    return [
      "input_tokens": max(0, count("promptTokenCount") - cached) + count("toolUsePromptTokenCount"),
      "cache_read_input_tokens": cached,
      "output_tokens": count("candidatesTokenCount") + count("thoughtsTokenCount"),
    ]
  }
  private func recorded(_ record: JSONValue) -> [String: Int64] {
    var counts: [String: Int64] = [:]
    for name in ["input_tokens", "cache_read_input_tokens", "output_tokens"] {
      counts[name] = record["usage"]?[name]?.integer
    }
    return counts
  }

  @Test(arguments: API.allCases) func `an answer comes whole, as it is recorded`(api: API)
    async throws
  {
    let bed = try SandboxBed()
    let answer = try await ask(bed, api)
    #expect(answer.status == 200 && answer.isWhole)
    #expect(answer.header("content-type") == "application/json; charset=UTF-8")
    #expect(!answer.head.contains("anthropic") && !answer.head.contains("request-id"))
    let response = try #require(api.response(answer.json))
    let record = try #require(bed.records().first)
    #expect(record["message_id"]?.string == response["responseId"]?.string)
    #expect(record["model"]?.string == "gemini-3-flash" && record["complete"]?.bool == true)
    #expect(recorded(record) == billed(response))
  }
  @Test(arguments: API.allCases) func `a stream comes in chunks, as it is recorded`(api: API)
    async throws
  {
    let bed = try SandboxBed()
    let answer = try await ask(bed, api, stream: true)
    #expect(answer.header("content-type") == "text/event-stream" && answer.isWhole)
    #expect(answer.events.count > 3)
    let last = try #require(api.response(answer.events.last))
    #expect(last["candidates"]?.array?.first?["finishReason"]?.string == "STOP")
    let record = try #require(bed.records().first)
    #expect(recorded(record) == billed(last))
    #expect(record["message_id"]?.string == last["responseId"]?.string)
  }
  @Test func `a whole answer and a stream of the same body are the same`() async throws {
    let bed = try SandboxBed()
    let whole = try await ask(bed, .gemini).json
    let stream = try await ask(bed, .gemini, stream: true).events
    #expect(whole?["usageMetadata"] == stream.last?["usageMetadata"])
    let text = stream.compactMap {
      $0["candidates"]?.array?.first?["content"]?["parts"]?.array?.first?["text"]?.string
    }
    let said = whole?["candidates"]?.array?.first?["content"]?["parts"]?.array?.first?["text"]
    #expect(said?.string == text.joined())
  }
  @Test func `without alt=sse a stream is one JSON array`() async throws {
    let bed = try SandboxBed()
    let path = "/v1beta/models/m:streamGenerateContent"
    let answer = try await bed.ask(API.gemini.body("m"), path: path)
    #expect(answer.header("content-type") == "application/json; charset=UTF-8")
    #expect(answer.json?.array?.count ?? 0 > 3 && answer.isWhole)
  }
  @Test(arguments: [
    (400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"),
    (404, "NOT_FOUND"), (429, "RESOURCE_EXHAUSTED"), (500, "INTERNAL"), (503, "UNAVAILABLE"),
    (504, "DEADLINE_EXCEEDED"), (529, "UNAVAILABLE"), (302, "UNKNOWN"),
  ])
  func `a model named after a status gets that status in Google's shape`(
    status: Int, name: String
  ) async throws {
    let bed = try SandboxBed()
    for api in API.allCases {
      let answer = try await ask(bed, api, model: "sandbox-\(status)", stream: true)
      #expect(answer.status == status && answer.isWhole)
      #expect(answer.json?["error"]?["code"]?.integer == Int64(status))
      #expect(answer.json?["error"]?["status"]?.string == name)
      #expect(answer.json?["error"]?["message"]?.string?.isEmpty == false)
    }
    let records = try bed.records()
    #expect(records.count == 2)
    #expect(records.allSatisfy { $0["usage"]?.isNull == true && $0["complete"]?.bool == true })
  }
  @Test func `429 says in its details when to come again`() async throws {
    let bed = try SandboxBed()
    let answer = try await ask(bed, .gemini, model: "sandbox-429")
    let details = try #require(answer.json?["error"]?["details"]?.array)
    let info = details.first { $0["@type"]?.string == "type.googleapis.com/google.rpc.RetryInfo" }
    #expect(info?["retryDelay"]?.string == "1s")
    #expect(answer.header("retry-after") == nil)
  }
  @Test(arguments: API.allCases) func `a prompt that is too long says by how much`(api: API)
    async throws
  {
    let bed = try SandboxBed()
    let answer = try await ask(bed, api, model: "sandbox-too-long", stream: true)
    #expect(answer.status == 400)
    #expect(answer.json?["error"]?["status"]?.string == "INVALID_ARGUMENT")
    let message = try #require(answer.json?["error"]?["message"]?.string)
    #expect(message.wholeMatch(of: tooLong) != nil)
  }
  @Test func `a share of failures fails Google's requests too`() async throws {
    var options = SandboxOptions()
    try options.setFailures("503:1")
    let bed = try SandboxBed(options)
    for api in API.allCases { #expect(try await ask(bed, api).status == 503) }
  }
  @Test func `a cut before leaves no byte and no record`() async throws {
    let bed = try SandboxBed()
    for api in API.allCases {
      #expect(try await ask(bed, api, model: "sandbox-cut-before").status == 0)
    }
    #expect(try bed.records().isEmpty)
  }
  @Test(arguments: API.allCases) func `a cut inside is billed by the last whole chunk`(api: API)
    async throws
  {
    let bed = try SandboxBed()
    let answer = try await ask(bed, api, model: "sandbox-cut-inside", stream: true)
    #expect(answer.status == 200 && !answer.isWhole)
    let record = try #require(bed.records().first)
    #expect(record["complete"]?.bool == false)
    #expect(recorded(record) == billed(api.response(answer.events.last)))
  }
  @Test func `a whole answer cut inside is not billed`() async throws {
    let bed = try SandboxBed()
    let answer = try await ask(bed, .gemini, model: "sandbox-cut-inside")
    #expect(answer.status == 200 && !answer.isWhole && !answer.body.isEmpty)
    #expect(try bed.records().first?["usage"]?.isNull == true)
  }
  @Test(arguments: API.allCases) func `an error inside a stream comes behind content or before it`(
    api: API
  ) async throws {
    let bed = try SandboxBed()
    let late = try await ask(bed, api, model: "sandbox-stream-error", stream: true)
    #expect(late.isWhole && late.text.hasSuffix("\"status\": \"UNAVAILABLE\"\n  }\n}\n"))
    #expect(!late.events.isEmpty)
    let early = try await ask(bed, api, model: "sandbox-early-error", stream: true)
    #expect(early.events.map { $0["error"]?["code"]?.integer } == [503])
    let records = try bed.records()
    #expect(records.map { $0["usage"]?.isNull } == [false, true])
    #expect(recorded(records[0]) == billed(api.response(late.events.last)))
    let whole = try await ask(bed, api, model: "sandbox-stream-error")
    #expect(whole.status == 503)
  }
  @Test func `a stalled stream sends content and then nothing until the caller leaves`()
    async throws
  {
    let bed = try SandboxBed()
    let port = bed.port
    let body = API.gemini.body("")
    let path = API.gemini.path("sandbox-stall", stream: true)
    let text = try await onThread {
      let socket = try RawSocket.connect(port: port, timeoutSeconds: 1)
      try socket.send(
        "POST \(path) HTTP/1.1\r\nhost: x\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
      var text = try socket.receive(until: "usageMetadata")
      while let more = try? socket.receive(), !more.isEmpty {
        text += String(decoding: more, as: UTF8.self)
      }
      return text
    }
    #expect(!text.contains("finishReason") && !text.contains("\r\n0\r\n"))
    #expect(try bed.records().first?["complete"]?.bool == false)
  }
  @Test(arguments: API.allCases) func `answers that are no answers come with status 200`(api: API)
    async throws
  {
    let bed = try SandboxBed()
    let garbage = try await ask(bed, api, model: "sandbox-garbage", stream: true)
    #expect(garbage.status == 200 && garbage.json == nil && garbage.events.isEmpty)
    let error = try await ask(bed, api, model: "sandbox-error-body", stream: true)
    #expect(error.status == 200 && error.json?["error"]?["code"]?.integer == 503)
    let silent = try await ask(bed, api, model: "sandbox-no-usage")
    #expect(api.response(silent.json)?["usageMetadata"] == nil)
    #expect(api.response(silent.json)?["candidates"] != nil)
    #expect(try bed.records().allSatisfy { $0["usage"]?.isNull == true })
  }
  @Test(arguments: API.allCases) func `filters are named as Google names them`(api: API)
    async throws
  {
    let bed = try SandboxBed()
    let safety = api.response(try await ask(bed, api, model: "sandbox-safety").json)
    #expect(safety?["candidates"]?.array?.first?["finishReason"]?.string == "SAFETY")
    let blocked = api.response(try await ask(bed, api, model: "sandbox-blocked").json)
    #expect(blocked?["promptFeedback"]?["blockReason"]?.string == "PROHIBITED_CONTENT")
    #expect(try bed.records().map(recorded) == [billed(safety), billed(blocked)])
  }
  @Test func `chunk bytes cut the body anywhere and change none of it`() async throws {
    var options = SandboxOptions()
    options.events = 20
    let plain = try await ask(SandboxBed(options), .gemini, stream: true)
    options.chunkBytes = 7
    let cut = try await ask(SandboxBed(options), .gemini, stream: true)
    #expect(cut.chunkSizes.dropLast().allSatisfy { $0 == 7 } && cut.isWhole)
    #expect(cut.events.map { $0["candidates"] } == plain.events.map { $0["candidates"] })
  }
  @Test func `tokens are counted as answers count them`() async throws {
    let bed = try SandboxBed()
    let body = API.gemini.body("", "how many tokens is this?")
    let counted = try await bed.ask(body, path: "/v1beta/models/m:countTokens").json
    let used = try await bed.ask(body, path: "/v1beta/models/m:generateContent").json
    let total = counted?["totalTokens"]?.integer
    #expect(total != nil && total == used?["usageMetadata"]?["promptTokenCount"]?.integer)
    #expect(try bed.records().count == 1)
    let refused = try await bed.ask(body, path: "/v1beta/models/sandbox-503:countTokens")
    #expect(refused.status == 503 && refused.json?["error"]?["status"]?.string == "UNAVAILABLE")
  }
  @Test func `a key is taken wherever it stands`() async throws {
    let bed = try SandboxBed()
    let path = "/v1beta/models/m:streamGenerateContent?key=any&alt=sse"
    let answer = try await bed.ask(API.gemini.body("m"), path: path)
    #expect(answer.status == 200 && !answer.events.isEmpty)
  }
  @Test func `a bad request is refused in Google's words`() async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask("{", path: "/v1beta/models/m:generateContent")
    #expect(answer.status == 400)
    #expect(answer.json?["error"]?["status"]?.string == "INVALID_ARGUMENT")
    let unknown = ["/v1beta/models/m:embedContent", "/v1internal:loadCodeAssist", "/v1beta/x"]
    for path in unknown {
      let answer = try await bed.ask("{}", path: path)
      #expect(answer.status == 404 && answer.json?["error"]?["status"]?.string == "NOT_FOUND")
    }
    let path = "/v1beta/models/m:generateContent"
    #expect(try await bed.ask("", path: path, method: "GET").status == 404)
  }
}
