// Transfers to upstreams: answers, reuse of connections, and all the ways an upstream fails.

import Base
import HTTP
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
}
