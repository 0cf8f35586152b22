// What callers are held to in time and number, and what happens when they leave. Time limits are
// reached by a clock that the test moves; "has happened by now" is waited for, never slept for.

import Base
import HTTP
import Synchronization
import TestSupport
import Testing

private let plain = ResponseHeaders(contentType: "text/plain")

/// Moves the clock in steps until `task` has ended: whichever step is the one that matters.
func advance<Result: Sendable>(
  _ clock: ManualMonotonicClock, milliseconds: Int,
  until task: @escaping @Sendable () async throws -> Result
) async throws -> (result: Result, advanced: Int) {
  let done = Atomic<Bool>(false)
  async let result = {
    defer { done.store(true, ordering: .relaxed) }
    return try await task()
  }()
  var advanced = 0
  while !done.load(ordering: .relaxed) {
    _ = try await onThread {
      Doorbell().wait(until: SystemMonotonicClock().now.advanced(milliseconds: 2))
    }
    clock.advance(milliseconds: milliseconds)
    advanced += milliseconds
  }
  return (try await result, advanced)
}

@Suite struct LimitsTests {
  @Test func `a head that does not end in time is answered 408`() async throws {
    let clock = ManualMonotonicClock()
    try await withServer(clock: clock, echo) { server in
      let (reply, time) = try await advance(clock, milliseconds: 500) {
        try await server.exchange("GET /a HTTP/1.1\r\nHost: ")
      }
      #expect(reply.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
      #expect(time >= 10_000)
    }
  }

  @Test func `a head that trickles in is not given more time`() async throws {
    let clock = ManualMonotonicClock()
    try await withServer(clock: clock, echo) { server in
      let port = server.port
      let socket = try await onThread { try RawSocket.connect(port: port) }
      let (reply, _) = try await advance(clock, milliseconds: 1000) {
        try await onThread {
          try socket.send("GET /a HTTP/1.1\r\nHost: x\r\na: ")
          // One byte each clock step would keep an inactivity timer from ever firing.
          for _ in 0..<2000 {
            do { try socket.send("b") } catch { break }
            Doorbell().wait(until: SystemMonotonicClock().now.advanced(milliseconds: 1))
          }
          return try socket.receiveAllText()
        }
      }
      #expect(reply.hasPrefix("HTTP/1.1 408 "))
    }
  }

  @Test func `an idle connection is closed without a word`() async throws {
    let clock = ManualMonotonicClock()
    try await withServer(clock: clock, echo) { server in
      let port = server.port
      let socket = try await onThread {
        let socket = try RawSocket.connect(port: port)
        try socket.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = try socket.receive(until: "GET /a 0")
        return socket
      }
      let (rest, time) = try await advance(clock, milliseconds: 5000) {
        try await onThread { try socket.receiveAllText() }
      }
      #expect(rest.isEmpty)
      #expect(time >= 75_000)
    }
  }

  @Test func `a body that trickles in is answered 408`() async throws {
    let clock = ManualMonotonicClock()
    try await withServer(clock: clock, echo) { server in
      let (reply, time) = try await advance(clock, milliseconds: 1000) {
        try await server.exchange("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nabc")
      }
      #expect(reply.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
      #expect(time >= 10_000)
    }
  }

  @Test func `no time limit applies while a request is being answered`() async throws {
    let clock = ManualMonotonicClock()
    try await withServer(clock: clock) { _, client in
      await client.sleep(until: client.reactor.now.advanced(seconds: 500))
      client.respond(status: 200, headers: plain, body: Array("late".utf8))
    } _: { server in
      let (reply, time) = try await advance(clock, milliseconds: 20_000) {
        try await server.exchange("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      }
      #expect(reply.hasSuffix("late"))
      #expect(time >= 500_000)
    }
  }

  @Test func `connections above the limit are told so`() async throws {
    var limits = ServerLimits()
    limits.maxConnections = 2
    try await withServer(limits: limits, echo) { server in
      let port = server.port
      let reply = try await onThread {
        let kept = [try RawSocket.connect(port: port), try RawSocket.connect(port: port)]
        for socket in kept {
          try socket.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
          _ = try socket.receive(until: "GET /a 0")
        }
        let third = try RawSocket.connect(port: port)
        return try third.receiveAllText()
      }
      #expect(reply.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
    }
  }

  @Test func `a caller that does not read bounds what is kept for it`() async throws {
    let most = Atomic<Int>(0), written = Atomic<Int>(0)
    try await withServer { _, client in
      client.startStream(status: 200, headers: plain)
      let piece = [UInt8](repeating: 120, count: 64 * 1024)
      for _ in 0..<400 {
        guard (try? await client.write(piece)) != nil else { return }
        most.store(max(most.load(ordering: .relaxed), client.unsentBytes), ordering: .relaxed)
        written.add(piece.count, ordering: .relaxed)
      }
      client.finishStream()
    } _: { server in
      let port = server.port
      let (before, total) = try await onThread {
        let socket = try RawSocket.connect(port: port, receiveBuffer: 64 * 1024)
        try socket.send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        // The writer stops when our window is full: its count stands still.
        var before = -1
        while before != written.load(ordering: .relaxed) || before == 0 {
          before = written.load(ordering: .relaxed)
          Doorbell().wait(until: SystemMonotonicClock().now.advanced(milliseconds: 100))
        }
        return (before, try socket.receiveAll().count)
      }
      #expect(before < 400 * 64 * 1024)
      #expect(total > 400 * 64 * 1024)
      #expect(most.load(ordering: .relaxed) <= 64 * 1024 + 65 * 1024)
    }
  }

  @Test func `a caller that takes nothing for too long is gone`() async throws {
    let clock = ManualMonotonicClock()
    let ended = Doorbell()
    try await withServer(clock: clock) { _, client in
      client.startStream(status: 200, headers: plain)
      while (try? await client.write([UInt8](repeating: 120, count: 64 * 1024))) != nil {}
      ended.ring()
    } _: { server in
      let port = server.port
      let socket = try await onThread {
        let socket = try RawSocket.connect(port: port, receiveBuffer: 64 * 1024)
        try socket.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        return socket
      }
      let (_, time) = try await advance(clock, milliseconds: 5000) {
        try await onThread { ended.wait() }
      }
      #expect(time >= 60_000)
      _ = socket
    }
  }
}
