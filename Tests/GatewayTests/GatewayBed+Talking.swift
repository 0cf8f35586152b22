// Talking to a gateway byte by byte: answers as they came, several on one connection, callers that
// wait between two bytes.
import Base
import Glibc
import TestSupport

@testable import Gateway

/// One connection to a gateway. Blocks: use it inside `onThread`.
final class Talk: Sendable {
  private let socket: RawSocket

  init(port: UInt16) throws { socket = try RawSocket.connect(port: port) }

  func send(_ text: String) throws { try socket.send(text) }

  /// Reads until `mark` has come.
  func receive(until mark: String) throws -> String { try socket.receive(until: mark) }

  /// The next answer as it came, and nothing behind it.
  /// - Parameters:
  ///   - isHead: it has no body, whatever its content-length says.
  ///   - begun: bytes of it that were read before.
  func answer(isHead: Bool = false, after begun: String = "") throws -> [UInt8] {
    var bytes = Array(begun.utf8)
    while !Self.isWhole(bytes, isHead: isHead) {
      let more = try socket.receive()
      if more.isEmpty { break }
      bytes += more
    }
    return bytes
  }
  private static func isWhole(_ bytes: [UInt8], isHead: Bool) -> Bool {
    let answer = Received(bytes)
    if answer.status == 204 || isHead { return answer.status != 0 }
    return answer.isWhole
  }

  /// Whether something has come, or comes soon.
  func hasMore(withinMilliseconds milliseconds: Int32) throws -> Bool {
    var wait = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&wait, 1, milliseconds) > 0
  }

  /// Whether the other side has closed after all that was read.
  func isClosed() throws -> Bool { try socket.receiveAll().isEmpty }
}

extension GatewayBed {
  /// Runs `body` with a connection, on a thread of its own.
  func talk<Result: Sendable>(
    _ body: @escaping @Sendable (Talk) throws -> Result
  ) async throws -> Result {
    let port = port
    return try await onThread { try body(Talk(port: port)) }
  }

  /// Sends a request on a connection that could carry more, and gives the answer as it came.
  func exchange(_ request: String) async throws -> [UInt8] {
    try await onThread { try self.exchangeNow(request) }
  }
  /// The same, blocking.
  func exchangeNow(_ request: String) throws -> [UInt8] {
    let talk = try Talk(port: port)
    try talk.send(request)
    return try talk.answer(isHead: request.hasPrefix("HEAD "))
  }

  /// Runs `body` while `upstream` is at a first request, which it answers once `gate` is open. All
  /// of it on one thread of its own: nothing waits for the pool that other tests keep busy.
  func behind<Result: Sendable>(
    _ first: String, at upstream: BareUpstream, until gate: Gate,
    _ body: @escaping @Sendable (GatewayBed) throws -> Result
  ) async throws -> Result {
    try await talk { talk in
      defer { gate.open() }
      try talk.send(first)
      try upstream.asked.pass()
      let result = try body(self)
      gate.open()
      _ = try talk.answer()
      return result
    }
  }

  /// A request's bytes. The key is the bed's own unless `headers` say something else.
  static func request(
    _ method: String = "POST", _ path: String = "/v1/messages", body: String = "",
    headers: String = "x-api-key: \(GatewayBed.key)\r\n"
  ) -> String {
    let length = method == "POST" ? "content-length: \(body.utf8.count)\r\n" : ""
    return "\(method) \(path) HTTP/1.1\r\nhost: gateway\r\n\(headers)\(length)\r\n\(body)"
  }

  /// Sends a request's head, does `meanwhile` once the gateway has decided by it and asks for the
  /// body, then sends the body.
  func exchange(
    body: String = GatewayBed.body(), headers: String = "x-api-key: \(GatewayBed.key)\r\n",
    meanwhile: @escaping @Sendable (GatewayBed) throws -> Void
  ) async throws -> [UInt8] {
    let request = Self.request(body: "", headers: headers + "expect: 100-continue\r\n")
      .replacing("content-length: 0", with: "content-length: \(body.utf8.count)")
    return try await talk { talk in
      try talk.send(request)
      _ = try talk.receive(until: "HTTP/1.1 100 Continue\r\n\r\n")
      try meanwhile(self)
      try talk.send(body)
      return try talk.answer()
    }
  }
}
