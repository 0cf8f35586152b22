// Requests that cannot be served: each gets an error that says what is wrong, costs nothing, and
// leaves a server that goes on.

import Base
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct FaultRequestTests {
  @Test func `what cannot be served is refused with a reason and costs nothing`() async throws {
    let upstream = try FaultyUpstream([:])
    let bed = try await FaultBed(
      upstream, gateway: #""max_body_bytes": 65536, "default_price_model": null"#)
    let server = try await bed.serve()
    let good = FaultServer.body("good")
    func expect(_ answer: Received, _ status: Int, _ problem: String) {
      #expect(answer.status == status && answer.problem == problem, "\(answer.text)")
      #expect(answer.header("request-id")?.count == 26, "\(answer.head)")
    }
    let invalid = "invalid_request_error"
    for body in [
      "{", #"{"model": "good",}"#, #"{"model": "good"} x"#, "[]", "\u{1}", "{\"model\": 1}",
      #"{"model": "good", "model": "other"}"#, #"{"model": "good", "max_tokens": "many"}"#,
      #"{"model": "good", "max_tokens": -1}"#, #"{"model": "good", "stream": 1}"#,
      #"{"model": "good", "x": "# + String(repeating: "[", count: 1000)
        + String(repeating: "]", count: 1000) + "}",
    ] {
      expect(try await server.post(body), 400, "\(invalid): Failed to parse request body")
    }
    expect(try await server.post(""), 400, "\(invalid): Request body is empty")
    expect(try await server.post("{}"), 400, "\(invalid): model is required")
    expect(
      try await server.post(FaultServer.body("no-such-model")), 400,
      "\(invalid): model no-such-model has no price")
    expect(
      try await server.post(good, headers: "content-encoding: gzip\r\n"), 415,
      "\(invalid): content-encoding is not supported, send identity")
    expect(try await server.post(good, key: "sk-wrong"), 401, "INVALID_API_KEY: Invalid API key")
    expect(
      try await server.post(good, key: bed.keys.poor), 403,
      "INSUFFICIENT_BALANCE: Insufficient account balance")
    #expect(upstream.requests("good") == 0, "nothing was sent upstream")
    #expect(try await bed.events("billing_checked").isEmpty)
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test func `a body over the limit is refused before it is sent`() async throws {
    let bed = try await FaultBed(try FaultyUpstream([:]), gateway: #""max_body_bytes": 65536"#)
    let server = try await bed.serve()
    // The announced length alone is enough; not one byte of the body is sent.
    let head =
      "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: \(server.key)\r\n"
      + "expect: 100-continue\r\n"
    let announced = try await server.exchange(head + "content-length: 65537\r\n\r\n")
    let chunks = try await server.exchange(
      head.replacing("expect: 100-continue\r\n", with: "")
        + "transfer-encoding: chunked\r\n\r\n10001\r\n" + String(repeating: " ", count: 65_537)
        + "\r\n0\r\n\r\n")
    for answer in [announced, chunks] {
      #expect(answer.status == 413 && answer.head.contains("connection: close"), "\(answer)")
      let text = "invalid_request_error: Request body too large, limit is 65536 bytes"
      #expect(answer.problem == text)
    }
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))
  }

  @Test func `a request that breaks off is answered where it can be, and is never admitted`()
    async throws
  {
    let upstream = try FaultyUpstream([:])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    let whole = server.request("good")
    // Cut at the line, the head, the end of the head, the body: half-closed, then reset.
    for end in [1, 20, 60, whole.utf8.count - 120, whole.utf8.count - 1] {
      for resets in [false, true] {
        let part = String(decoding: Array(whole.utf8).prefix(end), as: UTF8.self)
        let port = server.port
        let answer = try await onThread {
          let socket = try RawSocket.connect(port: port)
          try socket.send(part)
          if resets { socket.reset() } else { socket.shutdownSending() }
          return Received(try socket.receiveAll())
        }
        #expect(answer.status == 0 || answer.status == 400, "cut at \(end): \(answer)")
      }
    }
    #expect(try await server.ask("good").status == 200)
    #expect(upstream.requests("good") == 1)
    #expect(try await bed.events("billing_checked").count == 1)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test func `money used up ends a user's requests, and /v1/usage still says why`() async throws {
    let dear = #"{"input_tokens":900000000,"output_tokens":5}"#
    let upstream = try FaultyUpstream([
      "dear": { try $0.send(FaultyUpstream.json(FaultyUpstream.message(usage: dear))) }
    ])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    #expect(try await server.ask("dear").status == 200)
    let refused = try await server.ask("dear")
    #expect(refused.status == 403)
    #expect(refused.problem == "INSUFFICIENT_BALANCE: Insufficient account balance")
    let usage = try #require(try await server.get("/v1/usage").json)
    #expect(usage["balance"]?.numberText?.hasPrefix("-") == true && usage["is_active"] != nil)
    #expect(upstream.requests("dear") == 1)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test func `requests that could be read in two ways are refused and the connection closed`()
    async throws
  {
    let upstream = try FaultyUpstream([:])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    let key = "Host: x\r\nx-api-key: \(server.key)\r\n"
    let smuggled = server.request("good")
    let body = FaultServer.body("good")
    let size = String(body.utf8.count, radix: 16)
    let rows: [(Int, String, String)] = [
      (400, key + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      (400, key + "Content-Length: \r\n", ""),
      (400, key + "Content-Length: 5\r\nContent-Length: 5\r\n", "abcde"),
      (400, key + "Content-Length: +5\r\n", "abcde"),
      (501, key + "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
      (400, key + "Transfer Encoding: chunked\r\n", ""),
      (400, key + "Transfer-Encoding : chunked\r\n", ""),
      (400, key + "a: b\r\n c\r\n", ""), (400, key + "a: b\0\r\n", ""),
      (400, key + "Host: y\r\n", ""), (400, "x-api-key: \(server.key)\r\n", ""),
      (431, key + "a: \(String(repeating: "b", count: 17_000))\r\n", ""),
      (400, key + "Transfer-Encoding: chunked\r\n", "\(size)\n\(body)\r\n0\r\n\r\n"),
      (400, key + "Transfer-Encoding: chunked\r\n", "\(size)\r\n\(body)x\r\n0\r\n\r\n"),
      (413, key + "Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nx\r\n0\r\n\r\n"),
    ]
    for (status, fields, body) in rows {
      let answer = try await server.exchange(
        "POST /v1/messages HTTP/1.1\r\n\(fields)\r\n\(body)\(smuggled)")
      #expect(answer.status == status, "\(fields.prefix(200)): \(answer)")
      #expect(answer.head.contains("connection: close") && answer.isWhole, "\(answer.head)")
      #expect(answer.json?["error"]?["message"]?.string?.isEmpty == false, "\(answer.text)")
    }
    let answer = try await server.exchange("GET / HTTP/3.7\r\nHost: x\r\n\r\n\(smuggled)")
    #expect(answer.status == 505)
    #expect(upstream.requests("good") == 0, "what was smuggled in is no request")
    #expect(try await server.process.terminate() == .exited(0))
  }
}
