// What the HTTP layer refuses by itself: in the envelope, with a request-id, and the connection
// ends.
import Base
import TestSupport

@testable import Gateway

private let start = "GET /v1/models HTTP/1.1\r\nhost: gateway\r\n"

/// The answer, provided that the connection ends with it.
private func refused(
  _ request: String, configure: @escaping @Sendable (inout Configuration) -> Void = { _ in }
) -> @Sendable () async throws -> [UInt8] {
  {
    let bed = try GatewayBed.still(configure: configure)
    return try await bed.talk { talk in
      try talk.send(request)
      let answer = try talk.answer()
      guard try talk.isClosed() else {
        throw SocketFailure(call: "the connection was left open", code: 0)
      }
      return answer
    }
  }
}

extension ErrorCase {
  static let transport =
    [
      ErrorCase("http-400-request-line", refused("GET\r\n\r\n")),
      ErrorCase("http-400-target", refused("GET v1/models HTTP/1.1\r\nhost: a\r\n\r\n")),
      ErrorCase("http-400-field", refused(start + "a field\r\n\r\n")),
      ErrorCase("http-400-no-host", refused("GET /v1/models HTTP/1.1\r\n\r\n")),
      ErrorCase("http-400-bare-line-feed", refused(start + "a: b\n\r\n")),
      ErrorCase(
        "http-400-two-lengths",
        refused(start + "content-length: 1\r\ncontent-length: 1\r\n\r\n")),
      ErrorCase(
        "http-408-head", refused(start, configure: { $0.http.head = .milliseconds(5) })),
      ErrorCase("http-408-body", slowBody),
      ErrorCase(
        "http-413", refused(start + "content-length: 99999999999999999999\r\n\r\n")),
      ErrorCase(
        "http-414",
        refused("GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\nhost: a\r\n\r\n")),
      ErrorCase("http-417", refused(start + "expect: a miracle\r\n\r\n")),
      ErrorCase(
        "http-431-bytes", refused(start + "a: \(String(repeating: "a", count: 17_000))\r\n\r\n")),
      ErrorCase(
        "http-431-fields", refused(start + String(repeating: "a: b\r\n", count: 101) + "\r\n")),
      ErrorCase("http-501-method", refused("BREW /pot HTTP/1.1\r\nhost: a\r\n\r\n")),
      ErrorCase("http-501-coding", refused(start + "transfer-encoding: gzip\r\n\r\n")),
      ErrorCase("http-503", refused(start + "\r\n", configure: { $0.http.maxConnections = 0 })),
      ErrorCase("http-505", refused("GET / HTTP/2.0\r\nhost: a\r\n\r\n")),
    ]

  /// A body that stops coming: the clock is moved on until that has been noticed.
  private static let slowBody: @Sendable () async throws -> [UInt8] = {
    let clock = ManualMonotonicClock()
    let bed = try GatewayBed(wallClock: ManualWallClock(noon), clock: clock)
    let request = GatewayBed.request(
      headers: "x-api-key: \(GatewayBed.key)\r\nexpect: 100-continue\r\n"
    ).replacing("content-length: 0", with: "content-length: 500")
    return try await bed.talk { talk in
      try talk.send(request)
      _ = try talk.receive(until: "HTTP/1.1 100 Continue\r\n\r\n")
      while try !talk.hasMore(withinMilliseconds: 5) { clock.advance(milliseconds: 10_000) }
      return try talk.answer()
    }
  }
}
