// The scripted upstream over loopback: routes, wire forms, failures on demand, the record file.

import Base
import HTTP
import Testing
import TestSupport

@testable import Sandbox

@Suite struct SandboxServerTests {
  @Test func `a message comes whole, with usage and Anthropic's headers`() async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask(SandboxBed.body())
    #expect(answer.status == 200 && answer.isWhole)
    #expect(answer.header("content-type") == "application/json")
    #expect(answer.header("request-id")?.hasPrefix("req_01") == true)
    #expect(answer.header("anthropic-ratelimit-requests-remaining") != nil)
    let usage = try #require(answer.json?["usage"])
    #expect((usage["input_tokens"]?.integer ?? 0) > 0 && (usage["output_tokens"]?.integer ?? 0) > 0)
    #expect(answer.json?["model"]?.string == "claude-sonnet-5-5")
  }
  @Test func `a stream ends with message_stop`() async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask(SandboxBed.body(stream: true))
    #expect(answer.header("content-type") == "text/event-stream; charset=utf-8")
    #expect(answer.isWhole && answer.events.last?["type"]?.string == "message_stop")
  }
  @Test func `a stream and a message of the same prompt cost the same`() async throws {
    let bed = try SandboxBed()
    // Equal lengths, but other bytes: only the input is compared.
    let message = try await bed.ask(SandboxBed.body(stream: false))
    let stream = try await bed.ask(SandboxBed.body(stream: true))
    let start = stream.events.first?["message"]?["usage"]?["input_tokens"]?.integer
    #expect(start != nil && start == message.json?["usage"]?["input_tokens"]?.integer)
  }
  @Test func `chunk bytes cut the body anywhere and change none of it`() async throws {
    var options = SandboxOptions()
    options.events = 20
    let plain = try await SandboxBed(options).ask(SandboxBed.body(stream: true))
    options.chunkBytes = 7
    let cut = try await SandboxBed(options).ask(SandboxBed.body(stream: true))
    #expect(cut.chunkSizes.dropLast().allSatisfy { $0 == 7 } && cut.isWhole)
    // The identifiers differ; the words do not.
    func words(_ answer: Received) -> [String?] {
      answer.events.map { $0["delta"]?["text"]?.string }
    }
    #expect(words(plain) == words(cut) && cut.events.count == 26)
    let message = try await SandboxBed(options).ask(SandboxBed.body())
    #expect(message.isWhole && message.json?["usage"] != nil && message.chunkSizes.count > 1)
  }
  @Test(arguments: [
    (400, "invalid_request_error"), (401, "authentication_error"), (403, "permission_error"),
    (404, "not_found_error"), (413, "request_too_large"), (429, "rate_limit_error"),
    (500, "api_error"), (503, "api_error"), (529, "overloaded_error"),
  ])
  func `a model named after a status gets that status`(status: Int, type: String) async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask(SandboxBed.body(model: "sandbox-\(status)", stream: true))
    #expect(answer.status == status && answer.isWhole)
    #expect(answer.json?["error"]?["type"]?.string == type)
    #expect(answer.json?["request_id"]?.string == answer.header("request-id"))
    #expect((answer.header("retry-after") != nil) == [429, 503, 529].contains(status))
    let record = try #require(bed.records().first)
    #expect(record["status"]?.integer == Int64(status) && record["usage"]?.isNull == true)
  }
  @Test func `a prompt that is too long says by how much`() async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask(SandboxBed.body(model: "sandbox-too-long"))
    #expect(answer.status == 400)
    #expect(answer.json?["error"]?["type"]?.string == "invalid_request_error")
    let message = try #require(answer.json?["error"]?["message"]?.string)
    let match = try #require(message.wholeMatch(of: tooLong))
    #expect(try #require(Int(match.1)) > #require(Int(match.2)))
  }
  @Test func `a filtered answer is a refusal that is billed, with or without words`() async throws {
    let bed = try SandboxBed()
    let safety = try await bed.ask(SandboxBed.body(model: "sandbox-safety", stream: true))
    #expect(safety.events.contains { $0["delta"]?["stop_reason"]?.string == "refusal" })
    #expect(safety.events.contains { $0["delta"]?["text"] != nil })
    let blocked = try await bed.ask(SandboxBed.body(model: "sandbox-blocked")).json
    #expect(blocked?["stop_reason"]?.string == "refusal" && blocked?["content"]?.array == [])
    let usages = try bed.records().map { $0["usage"] }
    #expect(usages[0]?["output_tokens"]?.integer ?? 0 > 0)
    #expect(usages[1]?["output_tokens"]?.integer == 0)
    #expect(usages[1]?["input_tokens"]?.integer ?? 0 > 0)
  }
  @Test func `a failure share of 1 fails every request`() async throws {
    var options = SandboxOptions()
    try options.setFailures("529:1")
    let bed = try SandboxBed(options)
    for _ in 0..<3 { #expect(try await bed.ask(SandboxBed.body()).status == 529) }
  }
  @Test func `a cut before leaves no byte and no record`() async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask(SandboxBed.body(model: "sandbox-cut-before"))
    #expect(answer.status == 0 && answer.head.isEmpty)
    #expect(try bed.records().isEmpty)
  }
  @Test func `a cut inside leaves a stream without an end, recorded as incomplete`() async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask(SandboxBed.body(model: "sandbox-cut-inside", stream: true))
    #expect(answer.status == 200 && !answer.isWhole)
    #expect(answer.events.contains { $0["type"]?.string == "content_block_delta" })
    #expect(!answer.events.contains { $0["type"]?.string == "message_delta" })
    let record = try #require(bed.records().first)
    #expect(record["complete"]?.bool == false)
    let bytes = answer.events.reduce(0) { $0 + ($1["delta"]?["text"]?.string?.utf8.count ?? 0) }
    let start = answer.events.first?["message"]?["usage"]?["output_tokens"]?.integer ?? 0
    let expected = max(start, (Int64(bytes) + 3) / 4)
    #expect(record["usage"]?["output_tokens"]?.integer == expected)
  }
  @Test func `a message cut inside is not billed`() async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask(SandboxBed.body(model: "sandbox-cut-inside"))
    #expect(answer.status == 200 && !answer.isWhole && !answer.body.isEmpty)
    #expect(try bed.records().first?["usage"]?.isNull == true)
  }
  @Test func `an error inside a stream is an event, and the body ends properly`() async throws {
    let bed = try SandboxBed()
    let late = try await bed.ask(SandboxBed.body(model: "sandbox-stream-error", stream: true))
    #expect(late.isWhole && late.text.contains("event: error\ndata: {"))
    #expect(late.events.last?["error"]?["type"]?.string == "overloaded_error")
    #expect(late.events.contains { $0["type"]?.string == "content_block_delta" })
    let early = try await bed.ask(SandboxBed.body(model: "sandbox-early-error", stream: true))
    #expect(early.events.map { $0["type"]?.string } == ["message_start", "error"])
    #expect(try bed.records().map { $0["usage"]?.isNull } == [false, true])
  }
  @Test func `a stalled stream sends content and then nothing until the caller leaves`()
    async throws
  {
    let bed = try SandboxBed()
    let port = bed.port
    let body = SandboxBed.body(model: "sandbox-stall", stream: true)
    let text = try await onThread {
      let socket = try RawSocket.connect(port: port, timeoutSeconds: 1)
      try socket.send(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      var text = try socket.receive(until: "text_delta")
      while let more = try? socket.receive(), !more.isEmpty {
        text += String(decoding: more, as: UTF8.self)
      }
      return text
    }
    #expect(!text.contains("message_delta") && !text.contains("\r\n0\r\n"))
    #expect(try bed.records().first?["complete"]?.bool == false)
  }
  @Test func `answers that are no messages come with status 200`() async throws {
    let bed = try SandboxBed()
    let garbage = try await bed.ask(SandboxBed.body(model: "sandbox-garbage"))
    #expect(garbage.status == 200 && garbage.json == nil)
    let error = try await bed.ask(SandboxBed.body(model: "sandbox-error-body"))
    #expect(error.status == 200 && error.json?["type"]?.string == "error")
    let silent = try await bed.ask(SandboxBed.body(model: "sandbox-no-usage"))
    #expect(silent.json?["usage"] == nil && silent.json?["content"] != nil)
  }
  @Test func `the record holds each answer's id and final usage`() async throws {
    let bed = try SandboxBed()
    var expected: [String: Int64] = [:]
    for text in ["one", "two", "three"] {
      let json = try await bed.ask(SandboxBed.body(text: text)).json
      expected[json?["id"]?.string ?? ""] = json?["usage"]?["output_tokens"]?.integer
    }
    var seen: [String: Int64] = [:]
    for record in try bed.records() {
      seen[record["message_id"]?.string ?? ""] = record["usage"]?["output_tokens"]?.integer
    }
    #expect(seen == expected && seen.count == 3)
  }
  @Test func `a second sandbox on the same record file is refused`() throws {
    let bed = try SandboxBed()
    let error = #expect(throws: SandboxOptionError.self) {
      try SandboxBed(recordPath: bed.recordPath)
    }
    #expect(error?.description.contains("another sandbox") == true)
  }
  @Test func `an answer that cannot be recorded is withheld, and the reason told`() async throws {
    let bed = try SandboxBed(recordPath: "/dev/full")
    let answer = try await bed.ask(SandboxBed.body())
    #expect(answer.status == 0)
    #expect(bed.complaints.texts.count == 1)
    #expect(bed.complaints.texts.first?.contains("/dev/full") == true)
  }
  @Test func `tokens are counted as messages count them`() async throws {
    let bed = try SandboxBed()
    let body = SandboxBed.body(text: "how many tokens is this?")
    let counted = try await bed.ask(body, path: "/v1/messages/count_tokens").json
    let used = try await bed.ask(body).json?["usage"]
    #expect(counted?["input_tokens"]?.integer == used?["input_tokens"]?.integer)
    #expect(try bed.records().count == 1)
  }
  @Test func `models are listed, and any one is known`() async throws {
    let bed = try SandboxBed()
    let list = try await bed.ask("", path: "/v1/models", method: "GET").json
    #expect(list?["data"]?.array?.first?["type"]?.string == "model")
    let one = try await bed.ask("", path: "/v1/models/my-model", method: "GET").json
    #expect(one?["id"]?.string == "my-model")
  }
  @Test func `a bad request is refused in Anthropic's words`() async throws {
    let bed = try SandboxBed()
    let answer = try await bed.ask("{")
    #expect(answer.status == 400)
    #expect(answer.json?["error"]?["type"]?.string == "invalid_request_error")
    #expect(try await bed.ask("{}", path: "/nowhere").status == 404)
    #expect(try await bed.ask("{}", method: "PUT").status == 405)
  }
  @Test func `many streams at once all end whole`() async throws {
    var options = SandboxOptions()
    options.intervalMilliseconds = 1
    options.firstTokenMilliseconds = 5
    let bed = try SandboxBed(options)
    let port = bed.port
    let body = SandboxBed.body(stream: true)
    let whole = try await onThread {
      let sockets = try (0..<300).map { _ in try RawSocket.connect(port: port) }
      for socket in sockets {
        try socket.send(
          """
          POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r
          content-length: \(body.utf8.count)\r\n\r\n\(body)
          """)
      }
      return try sockets.filter { Received(try $0.receiveAll()).isWhole }.count
    }
    #expect(whole == 300)
    let records = try bed.records()
    #expect(Set(records.map { $0["message_id"]?.string }).count == 300)
    #expect(records.allSatisfy { $0["complete"]?.bool == true })
  }
}
