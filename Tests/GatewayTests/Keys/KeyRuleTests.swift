// What an API key may do, asked over loopback: when its rules change, and in which order they are
// looked at.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct KeyRuleTests {
  private static let request = GatewayBed.request(body: GatewayBed.body())

  /// Statuses and codes of requests on one kept-alive connection, each after the change before it.
  private func answers(
    of bed: GatewayBed, to request: String = KeyRuleTests.request,
    after changes: [@Sendable (GatewayBed) throws -> Void]
  ) async throws -> [String] {
    try await bed.talk { talk in
      try changes.map { change in
        try change(bed)
        try talk.send(request)
        let answer = Received(try talk.answer())
        return answer.json?["code"]?.string ?? "\(answer.status)"
      }
    }
  }

  @Test func `a key is good until the moment it expires, and not at that moment`() async throws {
    let clock = ManualWallClock(ErrorCase.noon)
    let bed = try GatewayBed(wallClock: clock)
    try bed.changeKey { $0.expires = ErrorCase.noon.advanced(bySeconds: 60) }
    let seen = try await answers(
      of: bed,
      after: [
        { _ in }, { _ in clock.advance(bySeconds: 59) }, { _ in clock.advance(bySeconds: 1) },
      ])
    #expect(seen == ["200", "200", "API_KEY_EXPIRED"])
  }

  @Test func `disabling, enabling and revoking count from the next request on`() async throws {
    let bed = try GatewayBed()
    let seen = try await answers(
      of: bed,
      after: [
        { _ in }, { try $0.changeKey { $0.status = .inactive } },
        { try $0.changeKey { $0.status = .active } }, { try $0.revokeKey() }, { _ in },
      ])
    #expect(seen == ["200", "API_KEY_DISABLED", "200", "API_KEY_DISABLED", "API_KEY_DISABLED"])
  }

  @Test func `a user's keys stop with the user`() async throws {
    let bed = try GatewayBed()
    let seen = try await answers(
      of: bed,
      after: [
        { try $0.changeUser { $0.status = .inactive } },
        { try $0.changeUser { $0.status = .active } },
      ])
    #expect(seen == ["USER_INACTIVE", "200"])
  }

  @Test func `a quota is charged in the settlement and blocks the moment it is used up`()
    async throws
  {
    let bed = try GatewayBed()
    _ = try await bed.exchange(Self.request)
    let charged = try #require(try bed.events(ForwardSettled.self).first?.settlement.charged)
    #expect(bed.live.withBooks { $0.keyQuota(GatewayBed.key1).used } == charged)
    let seen = try await answers(
      of: bed,
      after: [
        // What is used is less by one: the least of a quota is left, and one request may use it.
        { try $0.changeKey { $0.quota = charged + NanoUSD(1) } }, { _ in },
        { try $0.changeKey { $0.quota = NanoUSD(-1) } },
      ])
    #expect(seen == ["200", "API_KEY_QUOTA_EXHAUSTED", "200"])
  }

  @Test func `a quota that is exactly used is used up`() async throws {
    let bed = try GatewayBed()
    _ = try await bed.exchange(Self.request)
    let used = bed.live.withBooks { $0.keyQuota(GatewayBed.key1).used }
    let seen = try await answers(of: bed, after: [{ try $0.changeKey { $0.quota = used } }])
    #expect(seen == ["API_KEY_QUOTA_EXHAUSTED"])
  }

  @Test func `a quota is one key's, the balance all keys'`() async throws {
    let bed = try GatewayBed()
    _ = try bed.addKey("sk-other") { $0.quota = NanoUSD(1) }
    let other = GatewayBed.request(
      body: GatewayBed.body(), headers: "x-api-key: sk-other\r\n")
    #expect(
      try await answers(of: bed, to: other, after: [{ _ in }, { _ in }]).last
        == "API_KEY_QUOTA_EXHAUSTED")
    #expect(try await answers(of: bed, after: [{ _ in }]) == ["200"])
    let charged = try bed.events(ForwardSettled.self).map(\.settlement.charged)
    #expect(charged.count == 2)
    #expect(bed.balance == NanoUSD(10 * NanoUSD.perUSD) - charged[0] - charged[1])
  }

  @Test func `rules are looked at in the order callers know`() async throws {
    let bed = try GatewayBed(wallClock: ManualWallClock(ErrorCase.noon))
    _ = try await bed.exchange(Self.request)
    try bed.credit(NanoUSD.zero - bed.balance)
    try bed.changeUser { $0.status = .inactive }
    try bed.changeKey {
      $0.status = .inactive
      $0.expires = ErrorCase.noon
      $0.quota = NanoUSD(1)
      $0.deny = "127.0.0.1"
    }
    // Each answer names one fault; the next change mends it.
    let seen = try await answers(
      of: bed,
      after: [
        { _ in }, { try $0.changeKey { $0.status = .active } },
        { try $0.changeKey { $0.expires = Timestamp(microseconds: 0) } },
        { try $0.changeKey { $0.quota = NanoUSD(-1) } },
        { try $0.changeKey { $0.deny = "" } },
        { try $0.changeUser { $0.status = .active } },
        { try $0.credit(NanoUSD(NanoUSD.perUSD)) },
      ])
    #expect(
      seen == [
        "API_KEY_DISABLED", "API_KEY_EXPIRED", "API_KEY_QUOTA_EXHAUSTED", "ACCESS_DENIED",
        "USER_INACTIVE", "INSUFFICIENT_BALANCE", "200",
      ])
  }

  @Test func `refusals of a known key are counted in one event a second and reason`() async throws {
    let bed = try GatewayBed(balance: 0, wallClock: ManualWallClock(ErrorCase.noon))
    let nothing: @Sendable (GatewayBed) throws -> Void = { _ in }
    _ = try await answers(of: bed, after: [nothing, nothing, nothing])
    _ = try await answers(of: bed, after: [{ try $0.changeKey { $0.status = .inactive } }])
    let stranger = GatewayBed.request(body: "{}", headers: "x-api-key: sk-nobody\r\n")
    _ = try await answers(of: bed, to: stranger, after: [nothing])
    bed.server.gateway.flushRejections()
    let events = try bed.events(RequestRejected.self).sorted { $0.status > $1.status }
    #expect(events.map(\.reason) == [.balance, .authentication])
    #expect(events.map(\.status) == [403, 401])
    #expect(events.map(\.count) == [3, 1], "none for the stranger")
    #expect(events.allSatisfy { $0.party.user == GatewayBed.user })
    #expect(events.allSatisfy { $0.party.key == GatewayBed.key1 && $0.group == bed.group })
  }

  @Test func `a key in the query is refused before the key in a header is looked at`() async throws
  {
    let bed = try GatewayBed()
    for query in ["key=a", "api_key=a", "beta=true&key=sk-test-key", "k%65y=a"] {
      let request = GatewayBed.request("GET", "/v1/models?\(query)")
      let seen = try await answers(of: bed, to: request, after: [{ _ in }])
      #expect(seen == ["api_key_in_query_deprecated"], "\(query)")
    }
    let harmless = GatewayBed.request("GET", "/v1/models?monkey=a&keys=b")
    #expect(try await answers(of: bed, to: harmless, after: [{ _ in }]) == ["200"])
  }

  @Test(arguments: [
    ("authorization: Bearer sk-test-key\r\nx-api-key: sk-other\r\n", "200"),
    ("authorization: Bearer sk-other\r\nx-api-key: sk-test-key\r\n", "INVALID_API_KEY"),
    ("authorization: Basic sk-other\r\nx-api-key: sk-test-key\r\n", "200"),
    ("authorization: BEARER sk-test-key\r\n", "API_KEY_REQUIRED"),
    ("authorization: Bearer\r\n", "API_KEY_REQUIRED"),
    ("authorization: Bearer   sk-test-key  \r\n", "200"),
    ("x-api-key: sk-test-key\r\nx-goog-api-key: sk-other\r\n", "200"),
    ("x-api-key: \r\nx-goog-api-key: sk-test-key\r\n", "200"),
    ("x-api-key: SK-TEST-KEY\r\n", "INVALID_API_KEY"),
    ("cookie: x-api-key=sk-test-key\r\n", "API_KEY_REQUIRED"),
  ])
  func `of several places for a key the first that holds one counts`(
    headers: String, expected: String
  ) async throws {
    let bed = try GatewayBed()
    let request = GatewayBed.request("GET", "/v1/models", headers: headers)
    #expect(try await answers(of: bed, to: request, after: [{ _ in }]) == [expected])
  }
}
