// Queues that are full, turns that do not come, the end of the process.
import Base
import Glibc
import Ledger
import TestSupport

@testable import Gateway

private let request = GatewayBed.request(body: GatewayBed.body())

/// Sends `count` requests at once to an upstream that answers none, and gives the first answer: of
/// the one that found no place.
private func crowd(
  _ count: Int, configure: @escaping @Sendable (inout Configuration) -> Void = { _ in },
  concurrency: Int32
) -> @Sendable () async throws -> [UInt8] {
  {
    let gate = Gate()
    let upstream = try BareUpstream { _ in try gate.pass() }
    let bed = try GatewayBed.still(
      concurrency: concurrency, upstream: upstream, configure: configure)
    let port = bed.port
    let first = try await onThread {
      let sockets = try (0..<count).map { _ in try RawSocket.connect(port: port) }
      for socket in sockets { try socket.send(request) }
      var waits = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
      guard poll(&waits, nfds_t(waits.count), 20_000) > 0,
        let place = waits.firstIndex(where: { $0.revents != 0 })
      else { throw SocketFailure(call: "nobody was turned away", code: 0) }
      var bytes: [UInt8] = []
      while !Received(bytes).isWhole {
        let more = try sockets[place].receive()
        if more.isEmpty { break }
        bytes += more
      }
      return bytes
    }
    gate.open()
    return first
  }
}

/// The answer to a request behind one that never ends.
private func behind(
  concurrency: Int32, configure: @escaping @Sendable (inout Configuration) -> Void
) -> @Sendable () async throws -> [UInt8] {
  {
    let gate = Gate()
    let upstream = try BareUpstream { _ in try gate.pass() }
    let bed = try GatewayBed.still(
      concurrency: concurrency, upstream: upstream, configure: configure)
    return try await bed.behind(request, at: upstream, until: gate) {
      try $0.exchangeNow(request)
    }
  }
}

/// What a caller is told whose answer has not begun when the process ends.
private func endOfProcess(stream: Bool) -> @Sendable () async throws -> [UInt8] {
  {
    let gate = Gate()
    let upstream = try BareUpstream { _ in try gate.pass() }
    let bed = try GatewayBed.still(upstream: upstream) {
      if stream { $0.gateway.pingInterval = .milliseconds(5) }
    }
    let ending = try await bed.talk { talk in
      try talk.send(GatewayBed.request(body: GatewayBed.body(stream: stream)))
      let begun = stream ? try talk.receive(until: "event: ping") : ""
      try upstream.asked.pass()
      bed.server.shutDown(within: 1_000_000_000)
      return try talk.answer(after: begun)
    }
    gate.open()
    return ending
  }
}

/// What becomes of a stream that got its first ping behind a request that holds the only slot.
/// The clock stands still but for what is said here: ten seconds to the ping, then as long as a
/// wait may be, unless the slot comes back first.
private func afterPing(
  concurrency: Int32, slotComesBack: Bool = false,
  configure: @escaping @Sendable (inout Configuration) -> Void = { _ in },
  meanwhile: @escaping @Sendable (GatewayBed) throws -> Void = { _ in }
) -> @Sendable () async throws -> [UInt8] {
  {
    let gate = Gate()
    let upstream = try BareUpstream { socket in
      try gate.pass()
      try socket.send(BareUpstream.json(BareUpstream.message()))
    }
    let clock = ManualMonotonicClock()
    let bed = try GatewayBed.still(
      concurrency: concurrency, clock: clock, upstream: upstream, configure: configure)
    return try await bed.talk { talk in
      defer { gate.open() }
      try talk.send(request)
      try upstream.asked.pass()
      let second = try Talk(port: bed.port)
      try second.send(GatewayBed.request(body: GatewayBed.body(stream: true)))
      try bed.awaitWaiter()
      clock.advance(milliseconds: 10_000)
      let begun = try second.receive(until: "data: {\"type\": \"ping\"}\n\n")
      try meanwhile(bed)
      if slotComesBack {
        gate.open()
        _ = try talk.answer()
      } else {
        clock.advance(milliseconds: 30_000)
      }
      return try second.answer(after: begun)
    }
  }
}

extension GatewayBed {
  /// Blocks until a request waits for a slot.
  fileprivate func awaitWaiter() throws {
    let clock = SystemMonotonicClock()
    let deadline = clock.now.advanced(seconds: 30)
    let bell = Doorbell()
    while scheduler.withLock({ $0.waitingRequests }) == 0 {
      if clock.now >= deadline { throw SocketFailure(call: "nobody waits", code: 0) }
      bell.wait(until: clock.now.advanced(milliseconds: 2))
    }
  }
}

extension ErrorCase {
  static let waiting = [
    ErrorCase(
      "wait-timed-out-user-stream", "waitTimedOut", .waitTimedOut("user"),
      afterPing(concurrency: 1)),
    ErrorCase(
      "wait-timed-out-account-stream", "waitTimedOut", .waitTimedOut("account"),
      afterPing(concurrency: 0, configure: { $0.accounts[0].concurrency = 1 })),
    ErrorCase(
      "billing-balance-stream", "init", Answer(.insufficientBalance),
      afterPing(
        concurrency: 1, slotComesBack: true,
        meanwhile: { try $0.credit(NanoUSD(-10 * NanoUSD.perUSD)) })),
    ErrorCase(
      "key-revoked-stream", "keyDisabled", .keyDisabled,
      afterPing(concurrency: 1, slotComesBack: true, meanwhile: { try $0.revokeKey() })),
    ErrorCase(
      "no-account-stream", "noAccount", .noAccount,
      afterPing(
        concurrency: 0, slotComesBack: true, configure: { $0.accounts[0].concurrency = 1 },
        meanwhile: { bed in
          bed.scheduler.withLock { $0.setCondition(AccountID(1), .disabled, until: nil) }
        })),
    ErrorCase("queue-full", "queueFull", .queueFull, crowd(23, concurrency: 1)),
    ErrorCase(
      "queue-full-account", "queueFull", .queueFull,
      crowd(102, configure: { $0.accounts[0].concurrency = 1 }, concurrency: 0)),
    ErrorCase(
      "wait-timed-out-user", "waitTimedOut", .waitTimedOut("user"),
      behind(concurrency: 1) { $0.gateway.userWait = .milliseconds(5) }),
    ErrorCase(
      "wait-timed-out-account", "waitTimedOut", .waitTimedOut("account"),
      behind(concurrency: 0) {
        $0.accounts[0].concurrency = 1
        $0.gateway.accountWait = .milliseconds(5)
      }),
    ErrorCase("shutting-down", "shuttingDown", .shuttingDown, endOfProcess(stream: false)),
    ErrorCase("shutting-down-stream", "shuttingDown", .shuttingDown, endOfProcess(stream: true)),
  ]
}
