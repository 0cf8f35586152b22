// The caller of a request, as its handler sees it: read the body, answer, notice that it left.

public import Base

/// The caller has left: what was written is lost.
public struct CallerGone: Error, Sendable {
  public init() {}
}

/// Why a body could not be read.
public enum BodyError: Error, Sendable {
  /// Larger than the limit, announced or while reading. The handler answers (413).
  case tooLarge
  /// The budget for buffered bodies is used up. The handler answers (503).
  case busy
  /// The framing is broken, or it came too slowly: answered already (400, 408), the handler
  /// returns.
  case malformed, tooSlow
  case gone
}

/// One caller. Valid on its reactor, while its request is being answered.
public struct Client {
  let connection: Connection

  /// The reactor all of this runs on.
  public var reactor: Reactor { connection.reactor }
  /// True once the caller has left, closed its sending side, or stopped reading for too long.
  public var isGone: Bool { connection.isGone }
  /// True once `startStream` or `respond` was called, or the HTTP layer has answered by itself.
  public var hasAnswered: Bool {
    if case .none = connection.answer { return false }
    return true
  }
  /// Status of the answer so far, whoever gave it; 0 while there is none.
  public var answeredStatus: Int { connection.answeredStatus }
  /// Bytes of the answer's body so far, before chunks.
  public var answeredBytes: Int { connection.answeredBytes }
  /// Bytes written and not yet taken by the caller's socket.
  public var unsentBytes: Int { connection.unsent }

  /// Reads the request's body, at most `limit` bytes of it, after `100 Continue` where the caller
  /// waits for that. Nothing is read when the announced length is over the limit already. With a
  /// budget, the body's bytes are reserved in it; the caller of this function releases `count`
  /// bytes in the end.
  public func readBody(limit: Int, budget: BodyBudget? = nil) async throws(BodyError) -> [UInt8] {
    try await connection.readBody(limit: limit, budget: budget)
  }

  /// Answers with a whole body. A HEAD request gets the same head without the body.
  public func respond(status: Int, headers: ResponseHeaders, body: [UInt8] = []) {
    connection.respond(status, headers, body)
  }
  /// Begins an answer whose body comes in pieces; chunked, or until close for HTTP/1.0.
  public func startStream(status: Int, headers: ResponseHeaders) {
    connection.startStream(status, headers)
  }
  /// Writes a piece of a stream. Waits while more than 64 KB are unsent, until less than 16 KB
  /// are.
  public func write(_ bytes: [UInt8]) async throws(CallerGone) {
    try await connection.write(bytes[...])
  }
  public func write(_ bytes: ArraySlice<UInt8>) async throws(CallerGone) {
    try await connection.write(bytes)
  }
  /// Ends a stream. Without it the connection is cut, so that the caller sees that it is not whole.
  public func finishStream() { connection.finishStream() }
  /// Ends the connection at once, whatever has been answered.
  public func abort() { connection.drop() }
  /// The connection is closed after this answer.
  public func closeAfterAnswer() { connection.closes = true }

  /// Waits until `deadline` of the reactor's clock. False when the caller left before.
  @discardableResult
  public func sleep(until deadline: MonotonicTime) async -> Bool {
    await Parking(reactor).park(until: deadline, watching: connection) != .callerGone
  }
}
