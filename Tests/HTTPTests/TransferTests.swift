// Transfers to upstreams: answers, reuse of connections, and all the ways an upstream fails.

import Base
import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

/// What a transfer came to.
struct Fetched: Sendable {
  var status = 0
  var headers: [String: String] = [:]
  var body: [UInt8] = []
  var failure: TransferFailure?
  var wasReused: Bool?
}

/// Runs a request on a reactor and takes all of its answer.
func fetch(_ request: UpstreamRequest, on reactor: Reactor) async -> Fetched {
  await reactor.run {
    let transfer = reactor.start(request)
    var fetched = Fetched()
    switch await transfer.head() {
    case .head(let head):
      fetched.status = head.status
      for i in 0..<head.headers.count {
        fetched.headers[head.headers.name(at: i)] = head.headers.value(at: i)
      }
    case .failed(let failure):
      fetched.failure = failure
      return fetched
    case .deadlinePassed, .callerGone: return fetched
    }
    while true {
      switch await transfer.next() {
      case .bytes(let bytes):
        fetched.body += bytes
        continue
      case .failed(let failure): fetched.failure = failure
      case .end: fetched.wasReused = transfer.wasReused
      case .deadlinePassed, .callerGone: break
      }
      return fetched
    }
  }
}

@Suite struct TransferTests {
  let headers = UpstreamHeaders([("content-type", "application/json"), ("x-a", "b")])

  @Test func `a transfer brings status, headers and body`() async throws {
    try await withServer { request, client in
      guard let body = try? await client.readBody(limit: 1 << 20) else { return }
      var headers = ResponseHeaders(contentType: "text/plain")
      headers.add("x-seen", request.headers["x-a"] ?? "-")
      client.respond(status: 201, headers: headers, body: Array(body.reversed()))
    } _: { server in
      let url = "http://127.0.0.1:\(server.port)/v1/messages"
      let request = UpstreamRequest(url: url, headers: headers, body: [1, 2, 3])
      let first = await fetch(request, on: server.reactors[0])
      #expect(first.status == 201)
      #expect(first.headers["x-seen"] == "b")
      #expect(first.body == [3, 2, 1])
      #expect(first.wasReused == false)
      let second = await fetch(request, on: server.reactors[0])
      #expect(second.wasReused == true)
    }
  }

  @Test func `a large body arrives whole, also on a connection used again`() async throws {
    let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    try await withServer { _, client in
      guard let body = try? await client.readBody(limit: 1 << 24) else { return }
      client.respond(status: 200, headers: ResponseHeaders(), body: body)
    } _: { server in
      let url = "http://127.0.0.1:\(server.port)/"
      for _ in 0..<3 {
        let request = UpstreamRequest(url: url, headers: headers, body: body)
        let result = await fetch(request, on: server.reactors[0])
        #expect(result.body == body)
      }
    }
  }

  @Test(arguments: [Method.get, .put, .delete, .patch, .options, .head])
  func `every method is sent as it is`(_ method: HTTP.Method) async throws {
    try await withServer { request, client in
      let body = (try? await client.readBody(limit: 100)) ?? []
      var headers = ResponseHeaders()
      headers.add("x-seen", "\(request.method.rawValue) \(body.count)")
      client.respond(status: 200, headers: headers)
    } _: { server in
      let url = "http://127.0.0.1:\(server.port)/"
      let body: [UInt8] = method == .get || method == .head ? [] : [1, 2]
      let request = UpstreamRequest(url: url, method: method, headers: headers, body: body)
      let result = await fetch(request, on: server.reactors[0])
      #expect(result.headers["x-seen"] == "\(method.rawValue) \(body.count)")
    }
  }

  @Test func `only the given fields are sent`() async throws {
    try await withServer { request, client in
      var names: [String] = []
      for i in 0..<request.headers.count { names.append(request.headers.name(at: i)) }
      _ = try? await client.readBody(limit: 1 << 20)
      let text = names.sorted().joined(separator: " ")
      client.respond(status: 200, headers: ResponseHeaders(), body: Array(text.utf8))
    } _: { server in
      let url = "http://127.0.0.1:\(server.port)/"
      let fields = UpstreamHeaders([
        ("x-a", "b"), ("x-empty", ""), ("x-bad", "a\r\nx-smuggled: c"), ("bad name", "x"),
      ])
      let body = [UInt8](repeating: 1, count: 2_000_000)
      let request = UpstreamRequest(url: url, headers: fields, body: [1])
      let result = await fetch(request, on: server.reactors[0])
      #expect(String(decoding: result.body, as: UTF8.self) == "content-length host x-a x-empty")
      let large = UpstreamRequest(url: url, headers: fields, body: body)
      let second = await fetch(large, on: server.reactors[0])
      #expect(second.failure == nil && second.status == 200)
    }
  }

  @Test func `an answer nobody takes is not read on, and nothing of it is lost`() async throws {
    let total = 16 << 20
    try await withServer { _, client in
      client.startStream(status: 200, headers: ResponseHeaders())
      let piece = (0..<65536).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 2) }
      for _ in 0..<(total / piece.count) { try? await client.write(piece) }
      client.finishStream()
    } _: { server in
      let reactor = Reactor()
      try reactor.start()
      let url = "http://127.0.0.1:\(server.port)/"
      let request = UpstreamRequest(url: url, method: .get, headers: headers)
      let (kept, taken) = await reactor.run {
        let transfer = reactor.start(request)
        _ = await transfer.head()
        var kept = -1
        while kept != transfer.receivedBytes || kept == 0 {
          kept = transfer.receivedBytes
          await reactor.sleep(until: reactor.now.advanced(milliseconds: 100))
        }
        var taken = 0
        while case .bytes(let bytes) = await transfer.next() { taken += bytes.count }
        return (kept, taken)
      }
      #expect(kept <= 64 * 1024 + 64 * 1024)
      #expect(taken == total)
      try await onThread { reactor.stop() }
    }
  }

  @Test func `a caller that leaves ends the wait, not the transfer`() async throws {
    let events = Mutex<[String]>([])
    let asked = Doorbell(), ended = Doorbell(), go = Doorbell()
    let upstream = try ScriptedUpstream { socket in
      try socket.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
      asked.ring()
      go.wait()
      try socket.send("cd")
    }
    let url = upstream.url
    try await withServer { _, client in
      let headers = UpstreamHeaders([])
      let transfer = client.reactor.start(UpstreamRequest(url: url, headers: headers))
      _ = await transfer.head(watching: client)
      var seen: [String] = []
      var watched: Client? = client
      loop: while true {
        switch await transfer.next(watching: watched) {
        case .bytes(let bytes): seen.append(String(decoding: bytes, as: UTF8.self))
        case .callerGone:
          seen.append("gone")
          watched = nil
          go.ring()
        case .end, .failed, .deadlinePassed: break loop
        }
      }
      events.withLock { $0 = seen }
      ended.ring()
    } _: { server in
      let port = server.port
      try await onThread {
        let socket = try RawSocket.connect(port: port)
        try socket.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        asked.wait()
        socket.shutdownSending()
        ended.wait()
      }
      #expect(events.withLock { $0 } == ["ab", "gone", "cd"])
    }
  }

  @Test(.enabled(if: resolves(hostName()), "this machine does not know its own name"))
  func `an upstream is found by its name`() async throws {
    let reactor = Reactor()
    try reactor.start()
    let server = try Server(
      .tcp(host: "", port: 0), on: [reactor], refusals: plainRefusal,
      handler: ClosureHandler(answer: echo))
    guard case .tcp(_, let port) = server.address else { preconditionFailure() }
    let url = "http://\(hostName()):\(port)/a"
    let result = await fetch(UpstreamRequest(url: url, headers: headers), on: reactor)
    #expect(String(decoding: result.body, as: UTF8.self) == "POST /a 0", "\(result)")
    try await onThread { reactor.stop() }
  }

  @Test func `a wait for the head may pass its deadline and go on`() async throws {
    let go = Doorbell()
    let upstream = try ScriptedUpstream { socket in
      go.wait()
      try socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }
    let url = upstream.url
    let reactor = Reactor()
    try reactor.start()
    let statuses = await reactor.run {
      let transfer = reactor.start(UpstreamRequest(url: url, headers: UpstreamHeaders([])))
      var statuses: [Int] = []
      for deadline in [reactor.now.advanced(milliseconds: 5), .never] {
        switch await transfer.head(until: deadline) {
        case .head(let head): statuses.append(head.status)
        case .deadlinePassed:
          statuses.append(0)
          go.ring()
        default: statuses.append(-1)
        }
      }
      return statuses
    }
    #expect(statuses == [0, 200])
    try await onThread { reactor.stop() }
  }
}

/// This machine's name.
func hostName() -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  gethostname(&buffer, 255)
  return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Whether this machine knows an address for `name`.
func resolves(_ name: String) -> Bool {
  var list: UnsafeMutablePointer<addrinfo>?
  let code = getaddrinfo(name, nil, nil, &list)
  if let list { freeaddrinfo(list) }
  return code == 0
}

/// Points the environment's proxies at a port nobody listens on.
func setProxyVariables() {
  for name in ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"] {
    setenv(name, "http://127.0.0.1:1", 1)
  }
}
