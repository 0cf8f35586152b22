// One request and its answer in all their forms: bodies, 100 Continue, HEAD, HTTP/1.0, streams.

import Base
import HTTP
import TestSupport
import Testing

private let plain = ResponseHeaders(contentType: "text/plain")

@Sendable private func stream(_ request: Request, _ client: Client) async {
  client.startStream(status: 200, headers: plain)
  try? await client.write(Array("hello ".utf8))
  try? await client.write(Array("world".utf8))
  client.finishStream()
}

@Suite struct ExchangeTests {
  @Test func `a chunked request arrives whole, its extensions and trailers dropped`() async throws {
    try await withServer(echo) { server in
      let reply = try await server.exchange(
        "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n"
          + "3;x=y\r\nabc\r\n00A\r\n0123456789\r\n0\r\nt: u\r\n\r\n")
      #expect(reply.hasSuffix("POST /a 13"))
    }
  }

  @Test func `a request sent byte by byte is answered as one sent whole`() async throws {
    try await withServer(echo) { server in
      let port = server.port
      let reply = try await onThread {
        let socket = try RawSocket.connect(port: port)
        let text =
          "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        for byte in text.utf8 { try socket.send([byte]) }
        return try socket.receiveAllText()
      }
      #expect(reply.hasSuffix("POST /a 5"))
    }
  }

  @Test func `100 Continue is sent when the body is asked for`() async throws {
    try await withServer(echo) { server in
      let port = server.port
      let (first, second) = try await onThread {
        let socket = try RawSocket.connect(port: port)
        try socket.send(
          "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
            + "Connection: close\r\n\r\n")
        let first = try socket.receive(until: "\r\n\r\n")
        try socket.send("abc")
        return (first, try socket.receiveAllText())
      }
      #expect(first == "HTTP/1.1 100 Continue\r\n\r\n")
      #expect(second.hasSuffix("POST /a 3"))
    }
  }

  @Test func `a body over the limit is refused before it is asked for`() async throws {
    try await withServer(echo) { server in
      let reply = try await server.exchange(
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n")
      #expect(reply.hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
      #expect(reply.contains("connection: close\r\n"))
      #expect(!reply.contains("100 Continue"))
    }
  }

  @Test func `an answer that comes before the body reaches a caller who is still sending`()
    async throws
  {
    try await withServer { _, client in
      client.respond(status: 403, headers: plain, body: Array("no".utf8))
    } _: { server in
      let port = server.port
      let reply = try await onThread {
        let socket = try RawSocket.connect(port: port)
        try socket.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n")
        try socket.send([UInt8](repeating: 97, count: 600_000))
        return try socket.receiveAllText()
      }
      #expect(reply.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
      #expect(reply.hasSuffix("\r\n\r\nno"))
    }
  }

  @Test func `a body nobody reads does not end the connection when it is here already`()
    async throws
  {
    try await withServer { request, client in
      client.respond(status: 200, headers: plain, body: Array(request.path.utf8))
    } _: { server in
      let reply = try await server.exchange(
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
          + "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(reply.contains("\r\n\r\n/a"))
      #expect(reply.hasSuffix("\r\n\r\n/b"))
    }
  }

  @Test func `nothing is answered after a request that says close`() async throws {
    try await withServer(echo) { server in
      let reply = try await server.exchange(
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
          + "GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(reply.hasSuffix("GET /a 0"))
    }
  }

  @Test func `HEAD gets the head of the answer alone`() async throws {
    try await withServer(echo) { server in
      let reply = try await server.exchange(
        "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"
          + "HEAD /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      )
      let heads = reply.components(separatedBy: "\r\n\r\n")
      #expect(heads.count == 3 && heads[2].isEmpty)
      #expect(heads[0].contains("content-length: 9\r\n") || heads[0].hasSuffix("content-length: 9"))
    }
  }

  @Test func `a stream goes out in chunks`() async throws {
    try await withServer(stream) { server in
      let reply = try await server.exchange(
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(reply.contains("transfer-encoding: chunked\r\n"))
      #expect(reply.hasSuffix("\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"))
    }
  }

  @Test func `a stream to HTTP 1 0 ends with the connection`() async throws {
    try await withServer(stream) { server in
      let reply = try await server.exchange("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(!reply.contains("chunked"))
      #expect(reply.hasSuffix("\r\n\r\nhello world"))
    }
  }

  @Test func `HTTP 1 0 keeps the connection only when asked`() async throws {
    try await withServer(echo) { server in
      let reply = try await server.exchange(
        "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
      #expect(reply.contains("connection: keep-alive\r\n\r\nGET /a 0"))
      #expect(reply.hasSuffix("connection: close\r\n\r\nGET /b 0"))
    }
  }

  @Test func `a stream that is not finished is cut, not ended`() async throws {
    try await withServer { _, client in
      client.startStream(status: 200, headers: plain)
      try? await client.write(Array("half".utf8))
      await client.sleep(until: client.reactor.now.advanced(milliseconds: 20))
    } _: { server in
      let reply = try await server.exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(reply.hasSuffix("4\r\nhalf\r\n"))
    }
  }

  @Test func `a request the handler does not answer is a 500`() async throws {
    try await withServer { _, _ in
    } _: { server in
      let reply = try await server.exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(reply.hasPrefix("HTTP/1.1 500 Internal Server Error\r\n"))
    }
  }

  @Test func `204 has neither body nor length`() async throws {
    try await withServer { _, client in
      client.respond(status: 204, headers: ResponseHeaders())
    } _: { server in
      let reply = try await server.exchange(
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(reply.hasPrefix("HTTP/1.1 204 No Content\r\ndate: "))
      #expect(!reply.contains("content-length"))
    }
  }

  @Test func `bodies over the budget of all are refused and leave nothing reserved`() async throws {
    let budget = BodyBudget(limit: 1000)
    try await withServer { _, client in
      do {
        let body = try await client.readBody(limit: 10_000, budget: budget)
        let text = "\(body.count) of \(budget.usedBytes)"
        budget.release(body.count)
        client.respond(status: 200, headers: plain, body: Array(text.utf8))
      } catch {
        client.respond(status: 503, headers: plain, body: Array("\(error)".utf8))
      }
    } _: { server in
      let start = "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      let body = String(repeating: "b", count: 600)
      let small = try await server.exchange(start + "Content-Length: 600\r\n\r\n" + body)
      #expect(small.hasSuffix("\r\n\r\n600 of 600"))
      let large = try await server.exchange(start + "Content-Length: 1001\r\n\r\n")
      #expect(large.hasPrefix("HTTP/1.1 503 ") && large.hasSuffix("busy"))
      let chunk = "258\r\n" + body + "\r\n"
      let chunked = try await server.exchange(
        start + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n")
      #expect(chunked.hasPrefix("HTTP/1.1 503 "))
      #expect(budget.usedBytes == 0)
    }
  }
}
