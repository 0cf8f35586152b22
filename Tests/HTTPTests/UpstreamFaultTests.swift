// Upstreams that misbehave, played on a bare socket: each fault is told apart from the others, and
// what had come before it is kept.

import Base
import HTTP
import Synchronization
import TestSupport
import Testing

/// An upstream that reads one request's head per connection and then does what a script says.
final class ScriptedUpstream: Sendable {
  let listener: RawListener
  var url: String { "http://127.0.0.1:\(listener.port)/v1/messages" }

  init(_ script: @escaping @Sendable (RawSocket) throws -> Void) throws {
    listener = try RawListener()
    let listener = listener
    let thread = try SystemThread.start(name: "upstream") {
      while let socket = try? listener.accept() {
        if (try? socket.receive(until: "\r\n\r\n")) != nil { try? script(socket) }
      }
    }
    thread.detach()
  }
  deinit { listener.stop() }
}

private let headers = UpstreamHeaders([("content-type", "application/json")])

@Suite struct UpstreamFaultTests {
  let reactor: Reactor
  let clock = ManualMonotonicClock()
  init() throws {
    reactor = Reactor(clock: clock)
    try reactor.start()
  }

  func fetched(
    _ script: @escaping @Sendable (RawSocket) throws -> Void
  ) async throws -> Fetched {
    let upstream = try ScriptedUpstream(script)
    let result = await fetch(UpstreamRequest(url: upstream.url, headers: headers), on: reactor)
    try await onThread { [reactor] in reactor.stop() }
    return result
  }

  @Test func `a refused connection sent nothing`() async throws {
    let listener = try RawListener()
    let url = "http://127.0.0.1:\(listener.port)/"
    listener.stop()
    let result = await fetch(UpstreamRequest(url: url, headers: headers), on: reactor)
    #expect(result.failure?.kind == .connect)
    #expect(result.failure?.sentBytes == 0)
    #expect(result.failure?.message.contains("refused") == true, "\(result.failure!)")
    try await onThread { [reactor] in reactor.stop() }
  }
  @Test func `a connection that ends before the head is cut, and the request had left`()
    async throws
  {
    let result = try await fetched { _ in }
    #expect(result.failure?.kind == .cut)
    #expect((result.failure?.sentBytes ?? 0) > 0)
  }
  @Test func `a body cut short keeps what came`() async throws {
    let result = try await fetched {
      try $0.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcd")
    }
    #expect(result.status == 200)
    #expect(result.body == Array("abcd".utf8))
    #expect(result.failure?.kind == .cut)
  }
  @Test func `a chunked body cut short is cut`() async throws {
    let result = try await fetched {
      try $0.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n")
    }
    #expect(result.body == Array("abcd".utf8))
    #expect(result.failure?.kind == .cut)
  }
  @Test func `a reset inside the body is cut`() async throws {
    let result = try await fetched {
      try $0.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcd")
      $0.reset()
    }
    #expect(result.failure?.kind == .cut)
  }
  @Test(arguments: ["garbage\r\n\r\n", "HTTP/1.1 99999 x\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0\r\n\r\n"])
  func `what is not HTTP is malformed`(_ text: String) async throws {
    let result = try await fetched { try $0.send(text) }
    #expect(result.failure?.kind == .malformed, "\(result)")
  }
  @Test func `a head above 64 KB is refused`() async throws {
    let result = try await fetched {
      var text = "HTTP/1.1 200 OK\r\n"
      for i in 0..<700 { text += "x-\(i): \(String(repeating: "y", count: 100))\r\n" }
      try $0.send(text + "Content-Length: 0\r\n\r\n")
    }
    #expect(result.failure?.kind == .malformed)
    #expect(result.failure?.message.contains("65536") == true)
  }
  @Test func `interim answers are skipped and a body may end with the connection`() async throws {
    let result = try await fetched {
      try $0.send("HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\nx-b: c\r\n\r\nabc")
    }
    #expect(result.status == 200)
    #expect(result.headers == ["x-b": "c"])
    #expect(result.body == Array("abc".utf8))
    #expect(result.failure == nil)
  }
  @Test func `a redirect is an answer like any other`() async throws {
    let result = try await fetched {
      try $0.send(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    }
    #expect(result.status == 302)
    #expect(result.failure == nil)
  }
  @Test(arguments: ["ftp://127.0.0.1/", "file:///etc/passwd", "http://", "nonsense://x", ""])
  func `only http and https are spoken`(_ url: String) async throws {
    let result = await fetch(UpstreamRequest(url: url, headers: headers), on: reactor)
    #expect(result.failure != nil)
    #expect(result.failure?.sentBytes == 0)
    try await onThread { [reactor] in reactor.stop() }
  }
  @Test func `a server without TLS fails an https request as tls`() async throws {
    let listener = try RawListener()
    let thread = try SystemThread.start(name: "plain") {
      guard let socket = try? listener.accept() else { return }
      _ = try? socket.receive()
      try? socket.send("HTTP/1.1 400 no\r\n\r\n")
    }
    thread.detach()
    let url = "https://127.0.0.1:\(listener.port)/"
    let result = await fetch(UpstreamRequest(url: url, headers: headers), on: reactor)
    #expect(result.failure?.kind == .tls, "\(result)")
    #expect(result.failure?.sentBytes == 0)
    try await onThread { [reactor] in reactor.stop() }
  }

  @Test(arguments: [false, true])
  func `silence before the head and inside the body times out`(_ hasHead: Bool) async throws {
    let upstream = try ScriptedUpstream { socket in
      if hasHead { try socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcd") }
      _ = try socket.receive()
    }
    let url = upstream.url
    let (result, time) = try await advance(clock, milliseconds: 10_000) { [reactor] in
      await fetch(UpstreamRequest(url: url, headers: headers), on: reactor)
    }
    #expect(result.failure?.kind == .timeout)
    #expect(result.body.count == (hasHead ? 4 : 0))
    #expect(time >= (hasHead ? 180_000 : 600_000))
    try await onThread { [reactor] in reactor.stop() }
  }

  @Test func `the proxy of the environment is not used`() async throws {
    setProxyVariables()
    let result = try await fetched { try $0.send("HTTP/1.1 204 No Content\r\n\r\n") }
    #expect(result.status == 204)
  }

  @Test func `a cancelled transfer closes its connection`() async throws {
    let closed = Doorbell()
    let upstream = try ScriptedUpstream { socket in
      try socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcd")
      while try !socket.receive().isEmpty {}
      closed.ring()
    }
    let url = upstream.url
    let kind = await reactor.run { [reactor] () -> TransferFailure.Kind? in
      let transfer = reactor.start(UpstreamRequest(url: url, headers: headers))
      _ = await transfer.head()
      transfer.cancel()
      while true {
        switch await transfer.next() {
        case .bytes: continue
        case .failed(let failure): return failure.kind
        default: return nil
        }
      }
    }
    #expect(kind == .cancelled)
    try await onThread { [reactor] in
      #expect(closed.wait(until: SystemMonotonicClock().now.advanced(seconds: 10)))
      reactor.stop()
    }
  }

  @Test func `a transfer nobody holds is cancelled`() async throws {
    let closed = Doorbell()
    let upstream = try ScriptedUpstream { socket in
      while try !socket.receive().isEmpty {}
      closed.ring()
    }
    let url = upstream.url
    let deadline = clock.now
    await reactor.run { [reactor] in
      let transfer = reactor.start(UpstreamRequest(url: url, headers: headers))
      _ = await transfer.head(until: deadline)
    }
    try await onThread { [reactor] in
      #expect(closed.wait(until: SystemMonotonicClock().now.advanced(seconds: 10)))
      reactor.stop()
    }
  }
}
