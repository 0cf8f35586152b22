// A server of this module for tests: reactors, a port of its own, a handler given as a closure.

import Base
import HTTP
import TestSupport

struct ClosureHandler: RequestHandler {
  let answer: @Sendable (Request, Client) async -> Void
  func respond(to request: Request, on client: Client) async { await answer(request, client) }
}

final class TestServer: Sendable {
  let reactors: [Reactor]
  let server: Server
  let port: UInt16

  init(
    reactors count: Int = 1, clock: any MonotonicClock = SystemMonotonicClock(),
    limits: ServerLimits = ServerLimits(),
    _ answer: @escaping @Sendable (Request, Client) async -> Void
  ) throws {
    reactors = (0..<count).map { Reactor(index: $0, clock: clock) }
    server = try Server(
      .tcp(host: "127.0.0.1", port: 0), on: reactors, limits: limits, refusals: plainRefusal,
      handler: ClosureHandler(answer: answer))
    guard case .tcp(_, let port) = server.address else { preconditionFailure() }
    self.port = port
    for reactor in reactors { try reactor.start() }
  }
  /// Ends all threads. Call it at the end of the test, in `onThread` or with `defer` in plain
  /// tests.
  func stop() async {
    try? await onThread { [self] in
      server.stopAccepting()
      for reactor in reactors { reactor.stop() }
    }
  }
  /// Sends `text` on a new connection and reads until the server closes.
  func exchange(_ text: String) async throws -> String {
    let port = port
    return try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(text)
      return try socket.receiveAllText()
    }
  }
}

let plainRefusal: RefusalRenderer = { status, reason in
  (ResponseHeaders(contentType: "text/plain"), Array("refused \(status): \(reason)".utf8))
}

/// Runs `body` with a server and stops it whatever happens.
func withServer(
  reactors: Int = 1, clock: any MonotonicClock = SystemMonotonicClock(),
  limits: ServerLimits = ServerLimits(),
  _ answer: @escaping @Sendable (Request, Client) async -> Void,
  _ body: (TestServer) async throws -> Void
) async throws {
  let server = try TestServer(reactors: reactors, clock: clock, limits: limits, answer)
  do {
    try await body(server)
  } catch {
    await server.stop()
    throw error
  }
  await server.stop()
}

/// Answers with what it got: method, path, body length.
@Sendable func echo(_ request: Request, _ client: Client) async {
  do {
    let body = try await client.readBody(limit: 1 << 20)
    let text = "\(request.method.rawValue) \(request.path) \(body.count)"
    client.respond(
      status: 200, headers: ResponseHeaders(contentType: "text/plain"), body: Array(text.utf8))
  } catch .tooLarge {
    client.respond(status: 413, headers: ResponseHeaders(contentType: "text/plain"), body: [])
  } catch {}
}
