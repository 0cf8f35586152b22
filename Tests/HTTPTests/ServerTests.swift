// The server end to end: bare sockets on one side, a handler given as a closure on the other.

import Base
import HTTP
import TestSupport
import Testing

@Suite struct ServerTests {
  @Test func `a request is answered and the connection is kept`() async throws {
    try await withServer(echo) { server in
      let port = server.port
      let replies = try await onThread {
        let socket = try RawSocket.connect(port: port)
        var replies: [String] = []
        for i in 0..<3 {
          try socket.send("GET /a\(i)?b=c HTTP/1.1\r\nHost: x\r\n\r\n")
          replies.append(try socket.receive(until: "GET /a\(i) 0"))
        }
        return replies
      }
      for reply in replies { #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\ndate: ")) }
    }
  }

  @Test func `pipelined requests are answered in order`() async throws {
    try await withServer(echo) { server in
      var text = ""
      for i in 0..<50 {
        text += "POST /\(i) HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      }
      text += "GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      let reply = try await server.exchange(text)
      let bodies = reply.split(separator: "\r\n").filter {
        $0.contains("POST /") || $0.contains("GET /")
      }
      #expect(reply.components(separatedBy: "HTTP/1.1 200 OK").count == 52)
      var last = reply.startIndex
      for i in 0..<50 {
        let range = try #require(reply[last...].firstRange(of: "POST /\(i) 3"))
        last = range.upperBound
      }
      #expect(reply.hasSuffix("GET /end 0"), "\(bodies.count)")
    }
  }
}

extension String {
  func components(separatedBy mark: String) -> [Substring] {
    split(separator: mark, omittingEmptySubsequences: false)
  }
}
