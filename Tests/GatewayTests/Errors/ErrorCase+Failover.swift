// What a caller hears when no account is left: as an answer, and as an event where pings have begun
// the stream.
import Base
import Ledger
import TestSupport

@testable import Gateway

/// All that an upstream says when it refuses.
private func refusal(_ status: Int, _ headers: String = "") -> String {
  BareUpstream.error(status, "some_error", "the upstream's own words", headers: headers)
}

/// The answer when the only account answers like this.
private func only(
  _ upstreamAnswer: String, stream: Bool = false
) -> @Sendable () async throws -> [UInt8] {
  {
    let bed = try GatewayBed.still(upstream: try BareUpstream(upstreamAnswer))
    return try await bed.exchange(
      GatewayBed.request(body: GatewayBed.body(stream: stream)))
  }
}

/// The same after the gateway has sent its first ping.
private func afterPing(_ upstreamAnswer: String) -> @Sendable () async throws -> [UInt8] {
  {
    let gate = Gate()
    let upstream = try BareUpstream { socket in
      try gate.pass()
      try socket.send(upstreamAnswer)
    }
    let bed = try GatewayBed.still(upstream: upstream) {
      $0.gateway.pingInterval = .milliseconds(5)
    }
    return try await bed.talk { talk in
      try talk.send(GatewayBed.request(body: GatewayBed.body(stream: true)))
      let begun = try talk.receive(until: "data: {\"type\": \"ping\"}\n\n")
      gate.open()
      return try talk.answer(after: begun)
    }
  }
}

extension ErrorCase {
  static let failover = exhausted + accounts

  private static func bothWays(
    _ status: Int, _ name: String, _ headers: String = ""
  ) -> [ErrorCase] {
    [
      ErrorCase(
        "exhausted-\(name)", "exhausted", .exhausted(lastStatus: status),
        only(refusal(status, headers))),
      ErrorCase(
        "exhausted-\(name)-stream", "exhausted", .exhausted(lastStatus: status),
        afterPing(refusal(status, headers))),
    ]
  }

  private static let exhausted =
    [401, 402, 403, 408, 500, 502, 503, 504, 529].flatMap { bothWays($0, "\($0)") }
    + bothWays(429, "429", "retry-after: 77\r\n")
    + bothWays(429, "429-reset", "anthropic-ratelimit-unified-reset: 1772618499\r\n")

  private static let accounts = [
    ErrorCase("exhausted-unreachable", "exhausted", .exhausted(lastStatus: 0)) {
      let bed = try GatewayBed.still { $0.accounts[0].baseURL = "http://127.0.0.1:1" }
      return try await bed.exchange(GatewayBed.request(body: GatewayBed.body()))
    },
    ErrorCase(
      "exhausted-malformed", "exhausted", .exhausted(lastStatus: 200), only("nonsense\r\n\r\n")),
    ErrorCase(
      "exhausted-no-credit", "exhausted", .exhausted(lastStatus: 400),
      only(
        BareUpstream.error(
          400, "invalid_request_error", "Your credit balance is too low to access the API."))),
    ErrorCase(
      "no-account", "noAccount", .noAccount,
      answer(configure: { $0.accounts[0].models = [ModelMapping(asked: "one", sent: "one")] })),
    ErrorCase("no-account-resting", "noAccount", .noAccount) {
      let upstream = try BareUpstream(refusal(429, "retry-after: 77\r\n"))
      let bed = try GatewayBed.still(upstream: upstream)
      _ = try await bed.exchange(GatewayBed.request(body: GatewayBed.body()))
      return try await bed.exchange(GatewayBed.request(body: GatewayBed.body()))
    },
    ErrorCase("passed-through", only(refusal(413, "request-id: req_upstream\r\nx-own: 1\r\n"))),
    ErrorCase(
      "passed-through-stream", "init",
      Answer(upstreamStatus: 404, body: Array(Received(Array(refusal(404).utf8)).body)),
      afterPing(refusal(404))),
  ]
}

// MARK: - Streams that have begun

private func begun(_ rest: String...) -> String {
  BareUpstream.streamHead + BareUpstream.chunk(BareUpstream.start() + BareUpstream.blockStart)
    + BareUpstream.chunk(BareUpstream.delta()) + rest.joined()
}
private let ownError =
  #"{"type":"error","error":{"type":"overloaded_error","message":"the upstream's own words"}}"#

/// An answer whose charge cannot be written: the disk fails once the upstream has been asked.
private func unrecorded(
  _ upstreamAnswer: String, stream: Bool
) -> @Sendable () async throws -> [UInt8] {
  {
    let disk = SimulatedFileSystem()
    let upstream = try BareUpstream { socket in
      disk.plan { $0.operation == .sync ? .error(5) : nil }
      try socket.send(upstreamAnswer)
    }
    let bed = try GatewayBed.still(disk: disk, upstream: upstream)
    return try await bed.exchange(
      GatewayBed.request(body: GatewayBed.body(stream: stream)))
  }
}

extension ErrorCase {
  static let streams = [
    ErrorCase("stream-cut", "streamCut", .streamCut, only(begun(), stream: true)),
    ErrorCase(
      "stream-error",
      only(
        begun(BareUpstream.chunk(BareUpstream.event("error", ownError)), BareUpstream.streamEnd),
        stream: true)),
    ErrorCase(
      "not-recorded", "notRecorded", .notRecorded,
      unrecorded(BareUpstream.json(BareUpstream.message()), stream: false)),
    ErrorCase(
      "not-recorded-stream", "notRecorded", .notRecorded,
      unrecorded(
        begun(
          BareUpstream.chunk(BareUpstream.messageDelta() + BareUpstream.messageStop),
          BareUpstream.streamEnd), stream: true)),
  ]

  private static func count(_ status: Int, _ headers: String = "") -> ErrorCase {
    ErrorCase("count-failed-\(status)", "countFailed", .countFailed(status: status)) {
      let bed = try GatewayBed.still(upstream: try BareUpstream(refusal(status, headers)))
      return try await bed.exchange(
        GatewayBed.request("POST", "/v1/messages/count_tokens", body: GatewayBed.body()))
    }
  }
  static let counting = [
    count(400), count(429, "retry-after: 7\r\n"), count(500), count(529),
    ErrorCase("count-failed-unreachable", "countFailed", .countFailed(status: 0)) {
      let bed = try GatewayBed.still { $0.accounts[0].baseURL = "http://127.0.0.1:1" }
      return try await bed.exchange(
        GatewayBed.request("POST", "/v1/messages/count_tokens", body: GatewayBed.body()))
    },
  ]
}
