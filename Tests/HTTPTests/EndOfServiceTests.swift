// Where a server listens, how it stops, and its Unix socket with the command line's client.

import Base
import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

private let plain = ResponseHeaders(contentType: "text/plain")

@Suite struct EndOfServiceTests {
  @Test func `a port that is taken is an error that says so`() async throws {
    try await withServer(reactors: 2, echo) { server in
      let other = Reactor()
      let error = #expect(throws: ListenError.self) {
        _ = try Server(
          server.server.address, on: [other], refusals: plainRefusal,
          handler: ClosureHandler(answer: echo))
      }
      #expect(error?.isInUse == true)
      #expect(error?.description.contains("another program is using it") == true)
    }
  }

  @Test func `all reactors share one port`() async throws {
    let seen = Mutex<Set<Int>>([])
    try await withServer(reactors: 2) { _, client in
      #expect(client.reactor.isCurrent)
      _ = seen.withLock { $0.insert(client.reactor.index) }
      client.respond(status: 200, headers: plain)
    } _: { server in
      for _ in 0..<40 {
        _ = try await server.exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      }
      #expect(seen.withLock { $0 } == [0, 1])
      let counted = server.reactors.map { $0.counters.requests.load(ordering: .relaxed) }
      #expect(counted.reduce(0, +) == 40)
    }
  }

  @Test(arguments: ["[::1]:0", "127.0.0.1:0", "localhost:0"])
  func `addresses of both families are listened on`(_ text: String) throws {
    let server = try Server(
      try ListenAddress(text), on: [Reactor()], refusals: plainRefusal,
      handler: ClosureHandler(answer: echo))
    guard case .tcp(let host, let port) = server.address else { preconditionFailure() }
    #expect(port > 0)
    #expect(host == (text.hasPrefix("[") ? "::1" : "127.0.0.1"))
    #expect("\(server.address)".hasSuffix(":\(port)"))
  }

  @Test(arguments: ["8080", "a:b", "1:2:3", "a:65536", "a:-1", "::1:80"])
  func `an address that is none is refused`(_ text: String) {
    #expect(throws: ListenError.self) { try ListenAddress(text) }
  }

  @Test func `after stopAccepting idle connections close and open requests finish`()
    async throws
  {
    let go = Suspension(), begun = Doorbell()
    try await withServer { request, client in
      if request.path == "/slow" {
        begun.ring()
        _ = await go.wait(until: .never, on: client)
      }
      client.respond(status: 200, headers: plain, body: Array(request.path.utf8))
    } _: { server in
      let port = server.port
      let (idle, slow, isClosed) = try await onThread {
        let idle = try RawSocket.connect(port: port)
        try idle.send("GET /idle HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = try idle.receive(until: "/idle")
        let slow = try RawSocket.connect(port: port)
        try slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        begun.wait()
        server.server.stopAccepting()
        let rest = try idle.receiveAllText()
        #expect(throws: SocketFailure.self) { _ = try RawSocket.connect(port: port) }
        go.resume()
        let answer = try slow.receiveAllText()
        let deadline = SystemMonotonicClock().now.advanced(seconds: 10)
        return (rest, answer, server.server.waitUntilClosed(until: deadline))
      }
      #expect(idle.isEmpty)
      #expect(slow.hasSuffix("connection: close\r\n\r\n/slow"))
      #expect(isClosed)
    }
  }

  @Test func `closing the connections tells their handlers`() async throws {
    let begun = Doorbell(), outcomes = Mutex<[Suspension.Outcome]>([])
    try await withServer { _, client in
      begun.ring()
      let outcome = await Suspension().wait(until: .never, on: client)
      outcomes.withLock { $0.append(outcome) }
    } _: { server in
      let port = server.port
      try await onThread {
        let socket = try RawSocket.connect(port: port)
        try socket.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        begun.wait()
        server.server.stopAccepting()
        server.server.closeConnections()
        #expect(try socket.receiveAll().isEmpty)
        let deadline = SystemMonotonicClock().now.advanced(seconds: 10)
        #expect(server.server.waitUntilClosed(until: deadline))
        server.reactors[0].stop()
      }
      #expect(outcomes.withLock { $0 } == [.callerGone])
    }
  }

  @Test func `a signal that is blocked is read by the reactor`() async throws {
    let number = SIGUSR2
    let seen = Mutex<[Int32]>([]), came = Doorbell()
    try await onThread {
      Signals.block([number])
      let reactor = Reactor()
      reactor.watch(signals: [number]) { number in
        seen.withLock { $0.append(number) }
        came.ring()
      }
      try reactor.start()
      // Sent to the one thread that is sure to block it.
      let sent = Doorbell()
      reactor.post {
        pthread_kill(pthread_self(), number)
        sent.ring()
      }
      sent.wait()
      #expect(came.wait(until: SystemMonotonicClock().now.advanced(seconds: 10)))
      reactor.stop()
    }
    #expect(seen.withLock { $0 } == [number])
  }

  @Test func `the Unix socket is for its owner alone and answers the local client`() async throws {
    let folder = TemporaryDirectory()
    let path = folder.path + "/daybook.sock"
    let reactor = Reactor()
    try reactor.start()
    try await onThread {
      #expect(throws: LocalClientError.self) { try LocalClient(path: path).request(.get, "/") }
      let server = try Server(
        .unix(path: path), on: [reactor], refusals: plainRefusal,
        handler: ClosureHandler { request, client in
          if request.path == "/stream" {
            client.startStream(status: 200, headers: plain)
            for i in 0..<1000 { try? await client.write(Array("line \(i)\n".utf8)) }
            return client.finishStream()
          }
          await echo(request, client)
        })
      var status = stat()
      stat(path, &status)
      #expect(status.st_mode & 0o777 == 0o600)

      let client = LocalClient(path: path, timeoutSeconds: 10)
      let body = [UInt8](repeating: 7, count: 300_000)
      let reply = try client.request(.post, "/a", headers: [("x-a", "b")], body: body)
      #expect(reply.status == 200)
      #expect(reply.headers["content-type"] == "text/plain")
      #expect(String(decoding: reply.body, as: UTF8.self) == "POST /a 300000")

      var streamed: [UInt8] = []
      let stream = try client.request(.get, "/stream") { _, piece in
        streamed += piece
        return true
      }
      #expect(stream.body.isEmpty)
      #expect(streamed.split(separator: 10).count == 1000)

      #expect(throws: ListenError.self) {
        _ = try Server(
          .unix(path: path), on: [reactor], refusals: plainRefusal,
          handler: ClosureHandler(answer: echo))
      }
      server.stopAccepting()
      reactor.stop()
      #expect(access(path, F_OK) != 0)
    }
  }

  @Test func `a socket file left by a dead server is replaced`() async throws {
    let folder = TemporaryDirectory()
    let path = folder.path + "/daybook.sock"
    try await onThread {
      let first = Reactor(), second = Reactor()
      try first.start()
      try second.start()
      let dead = try Server(
        .unix(path: path), on: [first], refusals: plainRefusal,
        handler: ClosureHandler(answer: echo))
      first.stop()
      withExtendedLifetime(dead) {}
      #expect(access(path, F_OK) == 0)
      let server = try Server(
        .unix(path: path), on: [second], refusals: plainRefusal,
        handler: ClosureHandler(answer: echo))
      #expect(try LocalClient(path: path, timeoutSeconds: 10).request(.get, "/").status == 200)
      server.stopAccepting()
      second.stop()
    }
  }
}
