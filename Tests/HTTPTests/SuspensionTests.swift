// Waiting for another thread: who ends the wait is decided once, and all sides know who it was.

import Base
import HTTP
import Synchronization
import TestSupport
import Testing

private func withReactor(
  clock: any MonotonicClock = SystemMonotonicClock(),
  _ body: (Reactor) async throws -> Void
) async throws {
  let reactor = Reactor(clock: clock)
  try reactor.start()
  try await body(reactor)
  try await onThread { reactor.stop() }
}

@Suite struct SuspensionTests {
  @Test func `a resume before the wait counts`() async throws {
    try await withReactor { reactor in
      let suspension = Suspension()
      #expect(suspension.resume())
      let outcome = await reactor.run { await suspension.wait(until: .never, on: reactor) }
      #expect(outcome == .resumed)
    }
  }

  @Test func `only the first resume wins`() async throws {
    try await withReactor { reactor in
      let suspension = Suspension()
      #expect(suspension.resume())
      #expect(!suspension.resume())
      _ = reactor
    }
  }

  @Test func `a wait ends at its deadline and a later resume learns that it lost`() async throws {
    let clock = ManualMonotonicClock()
    try await withReactor(clock: clock) { reactor in
      let suspension = Suspension()
      let deadline = clock.now.advanced(seconds: 30)
      let (outcome, time) = try await advance(clock, milliseconds: 1000) {
        await reactor.run { await suspension.wait(until: deadline, on: reactor) }
      }
      #expect(outcome == .timedOut)
      #expect(time >= 30_000)
      #expect(!suspension.resume())
    }
  }

  @Test(arguments: [false, true])
  func `a waiter is woken when its caller leaves`(_ halfCloses: Bool) async throws {
    let outcomes = Mutex<[Suspension.Outcome]>([])
    let waiting = Doorbell(), ended = Doorbell()
    try await withServer { _, client in
      let suspension = Suspension()
      waiting.ring()
      let outcome = await suspension.wait(until: .never, on: client)
      outcomes.withLock { $0 = [outcome] }
      #expect(client.isGone)
      ended.ring()
    } _: { server in
      let port = server.port
      try await onThread {
        let socket = try RawSocket.connect(port: port)
        try socket.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        waiting.wait()
        if halfCloses { socket.shutdownSending() } else { socket.reset() }
        ended.wait()
      }
      #expect(outcomes.withLock { $0 } == [.callerGone])
    }
  }

  @Test func `resumes that race with deadlines agree with their waiters on who won`() async throws {
    try await withReactor { reactor in
      let rounds = 2000
      let wins = Atomic<Int>(0), resumed = Atomic<Int>(0), timedOut = Atomic<Int>(0)
      for round in 0..<rounds {
        let suspension = Suspension()
        async let outcome = reactor.run {
          let deadline = reactor.now.advanced(nanoseconds: Int64(round % 7) * 10_000)
          return await suspension.wait(until: deadline, on: reactor)
        }
        if suspension.resume() { wins.add(1, ordering: .relaxed) }
        switch await outcome {
        case .resumed: resumed.add(1, ordering: .relaxed)
        case .timedOut: timedOut.add(1, ordering: .relaxed)
        case .callerGone, .paused: Issue.record("nobody could leave or pause")
        }
      }
      #expect(wins.load(ordering: .relaxed) == resumed.load(ordering: .relaxed))
      #expect(resumed.load(ordering: .relaxed) + timedOut.load(ordering: .relaxed) == rounds)
    }
  }

  @Test func `timers fire in the order of their deadlines`() async throws {
    let clock = ManualMonotonicClock()
    let seed = UInt64.random(in: 0 ... .max)
    try await withReactor(clock: clock) { reactor in
      var random = SeededGenerator(state: seed)
      let seconds = (1...60).shuffled(using: &random)
      let order = Mutex<[Int]>([])
      let start = clock.now
      for s in seconds {
        reactor.start {
          await reactor.sleep(until: start.advanced(seconds: s))
          order.withLock { $0.append(s) }
        }
      }
      _ = try await advance(clock, milliseconds: 997) {
        await reactor.run { await reactor.sleep(until: start.advanced(seconds: 61)) }
      }
      #expect(order.withLock { $0 } == Array(1...60), "seed \(seed)")
    }
  }
}
