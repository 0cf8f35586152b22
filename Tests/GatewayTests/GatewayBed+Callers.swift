// More callers for a gateway bed: keys of other groups, money, requests that stay open.
import Base
import Ledger
import Projections
import TestSupport

@testable import Gateway

extension GatewayBed {
  /// Issues a key of a group to the bed's user.
  func issueKey(_ text: String, group: String) throws {
    try live.withBooks { books throws(BooksError) in
      var issued = KeyState()
      issued.key = books.catalog.nextKey
      issued.user = UserID(1)
      issued.group = books.catalog.group(named: group)?.id ?? .none
      issued.hash = sha256(text.utf8)
      issued.name = text
      try books.append(KeyIssued(issued), now: SystemWallClock().now())
    }
  }

  /// Adds to the balance of the bed's user, or takes from it.
  func credit(nanoUSD amount: Int64) throws {
    try live.withBooks { books throws(BooksError) in
      var credit = CreditAdded()
      credit.party.user = UserID(1)
      credit.amount = NanoUSD(amount)
      try books.append(credit, now: SystemWallClock().now())
    }
  }

  /// Sends a request and leaves its connection open.
  func open(
    body: String, path: String = "/v1/messages", headers: String = "x-api-key: sk-test-key"
  ) async throws -> RawSocket {
    let port = port
    return try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(
        """
        POST \(path) HTTP/1.1\r\nhost: x\r\n\(headers)\r\nconnection: close\r
        content-length: \(body.utf8.count)\r\n\r\n\(body)
        """)
      return socket
    }
  }

  /// Waits until something holds, as long as a socket waits at most.
  func eventually(_ condition: @escaping @Sendable () throws -> Bool) async throws -> Bool {
    try await onThread {
      let clock = SystemMonotonicClock()
      let deadline = clock.now.advanced(seconds: 10)
      let bell = Doorbell()
      while try !condition() {
        if clock.now >= deadline { return false }
        bell.wait(until: clock.now.advanced(milliseconds: 2))
      }
      return true
    }
  }

  var scheduler: SharedScheduler { server.gateway.scheduler }

  /// True when nothing is held, nobody waits, and no slot is in use.
  var isAtRest: Bool {
    holds.count == 0
      && scheduler.withLock {
        $0.runningRequests == 0 && $0.runningOfUsers == 0 && $0.waitingRequests == 0
      }
  }
}

extension RawSocket {
  /// Reads the rest of an answer to the connection's end; `earlier` is what was read of it already.
  func rest(after earlier: String = "") async throws -> Received {
    try await onThread { Received(Array(earlier.utf8) + (try self.receiveAll())) }
  }
  /// Reads until `end` has come.
  func text(until end: String) async throws -> String {
    try await onThread { try self.receive(until: end) }
  }
}
