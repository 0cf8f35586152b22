// GET /v1/usage, byte for byte, for amounts that were put into the books: fixtures/usage/NAME.json,
// the body as it comes, with a line end. The number of the books' last event stands as 0: it
// depends on how many prices were imported.
//
// To write them anew on purpose: DAYBOOK_WRITE_USAGE=1 swift test --filter UsagePageTests
import Base
import Foundation
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

/// One state of the books and the page it gives.
struct UsageCase: Sendable, CustomTestStringConvertible {
  let name: String
  var balance: Int64 = 0
  var configure: @Sendable (inout Configuration) -> Void = { _ in }
  let prepare: @Sendable (GatewayBed, ManualWallClock) throws -> Void
  var testDescription: String { name }

  private static let some = GatewayBed.Seed(
    input: 1000, output: 200, read: 30, write5m: 4, write1h: 5, list: 123_456_789,
    charged: 111_111_111, milliseconds: 251)
  private static let dollar = NanoUSD(NanoUSD.perUSD)
  private static func subscribed(
    daily: NanoUSD? = nil, weekly: NanoUSD? = nil, monthly: NanoUSD? = nil
  ) -> @Sendable (inout Configuration) -> Void {
    { $0.useSubscriptions(daily: daily, weekly: weekly, monthly: monthly) }
  }

  static let all = balanceMode + subscriptionMode

  private static let balanceMode = [
    UsageCase(name: "balance-new", balance: 10) { _, _ in },
    UsageCase(name: "balance-zero") { _, _ in },
    UsageCase(name: "balance-negative") { bed, _ in try bed.credit(NanoUSD(-1)) },
    UsageCase(name: "balance-used", balance: 10) { bed, _ in
      try bed.seed(some)
      try bed.seed(.init(input: 1, list: 1, charged: 1, milliseconds: 250))
      try bed.seedAdmission(hold: NanoUSD(20_000_001))
    },
    UsageCase(name: "balance-other-key", balance: 10) { bed, _ in
      let other = try bed.addKey("sk-other")
      try bed.seed(some, key: other)
      try bed.seed(.init(output: 7, list: 70, charged: 70, milliseconds: 10))
    },
    UsageCase(name: "balance-quota", balance: 10) { bed, _ in
      try bed.changeKey { $0.quota = NanoUSD(500_000_000) }
      try bed.seed(some)
    },
    UsageCase(name: "balance-quota-overdrawn", balance: 10) { bed, _ in
      try bed.seed(some)
      try bed.changeKey { $0.quota = NanoUSD(100_000_000) }
    },
    UsageCase(name: "balance-next-day", balance: 10) { bed, clock in
      try bed.seed(some)
      clock.advance(bySeconds: 14 * 3600 + 1)
    },
    UsageCase(name: "balance-over-midnight", balance: 10) { bed, clock in
      // Admitted before midnight, settled after: yesterday's, but of the last five minutes.
      clock.advance(bySeconds: 14 * 3600 - 1)
      let open = try bed.seedAdmission()
      clock.advance(bySeconds: 2)
      try bed.seed(some, for: open)
    },
    UsageCase(name: "balance-five-minutes-on", balance: 10) { bed, clock in
      try bed.seed(some)
      clock.advance(bySeconds: 300)
    },
    UsageCase(
      name: "balance-key-expired", balance: 10,
      prepare: { bed, _ in try bed.changeKey { $0.expires = ErrorCase.noon } }),
  ]

  private static let subscriptionMode = [
    UsageCase(name: "subscription-none", balance: 3, configure: subscribed()) { _, _ in },
    UsageCase(name: "subscription-expired", configure: subscribed(daily: dollar)) { bed, clock in
      try bed.subscribe(days: 1)
      try bed.seed(some)
      clock.advance(bySeconds: 86_400)
    },
    UsageCase(name: "subscription-revoked", configure: subscribed()) { bed, _ in
      try bed.record(SubscriptionRevoked(try bed.subscribe()))
    },
    UsageCase(name: "subscription-no-limits", configure: subscribed()) { bed, _ in
      try bed.subscribe()
      try bed.seed(some)
    },
    UsageCase(
      name: "subscription-limits",
      configure: subscribed(
        daily: dollar, weekly: NanoUSD(NanoUSD.perUSD / 2), monthly: NanoUSD(NanoUSD.perUSD * 9))
    ) { bed, _ in
      try bed.subscribe()
      try bed.seed(some)
      try bed.seedAdmission(hold: NanoUSD(5))
    },
    UsageCase(
      name: "subscription-limit-reached",
      configure: subscribed(daily: NanoUSD(111_111_111), weekly: dollar)
    ) { bed, _ in
      try bed.subscribe()
      try bed.seed(some)
    },
    UsageCase(
      name: "subscription-limit-passed",
      configure: subscribed(daily: NanoUSD(111_111_110), monthly: dollar)
    ) { bed, _ in
      try bed.subscribe()
      try bed.seed(some)
    },
    UsageCase(
      name: "subscription-next-day", configure: subscribed(daily: NanoUSD(111_111_111))
    ) { bed, clock in
      try bed.subscribe()
      try bed.seed(some)
      clock.advance(bySeconds: 14 * 3600)
    },
  ]

  func bed() throws -> GatewayBed {
    let clock = ManualWallClock(ErrorCase.noon)
    let bed = try GatewayBed(balance: balance, wallClock: clock, configure: configure)
    try prepare(bed, clock)
    return bed
  }
}

@Suite struct UsagePageTests {
  private static let folder = GoldenErrors.root + "/fixtures/usage"
  private static var isWriting: Bool {
    ProcessInfo.processInfo.environment["DAYBOOK_WRITE_USAGE"] != nil
  }

  @Test(arguments: UsageCase.all)
  func `the page of a key is as its file says, byte for byte`(_ page: UsageCase) async throws {
    let bed = try page.bed()
    let answer = Received(try await bed.exchange(GatewayBed.request("GET", "/v1/usage")))
    #expect(answer.status == 200 && answer.isWhole)
    #expect(answer.header("content-type") == "application/json")
    #expect(answer.header("cache-control") == "no-store")
    let last = bed.live.withBooks { $0.lastSequence.value }
    let asOf = "\"as_of\":{\"sequence\":"
    #expect(answer.text.contains("\(asOf)\(last),"))
    let text = answer.text.replacing("\(asOf)\(last),", with: "\(asOf)0,") + "\n"
    let path = "\(Self.folder)/\(page.name).json"
    if Self.isWriting { try text.write(toFile: path, atomically: true, encoding: .utf8) }
    #expect(try text == String(contentsOfFile: path, encoding: .utf8))
  }

  @Test func `every file is some page's`() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
    #expect(Set(files) == Set(UsageCase.all.map { "\($0.name).json" }))
  }

  @Test func `the antigravity path and HEAD say the same`() async throws {
    let bed = try UsageCase.all[3].bed()
    let page = try await bed.exchange(GatewayBed.request("GET", "/v1/usage"))
    let other = try await bed.exchange(GatewayBed.request("GET", "/antigravity/v1/usage"))
    #expect(Received(page).body == Received(other).body)
    let head = Received(try await bed.exchange(GatewayBed.request("HEAD", "/v1/usage")))
    #expect(head.status == 200 && head.body.isEmpty)
    #expect(head.header("content-length") == Received(page).header("content-length"))
  }

  @Test func `held is what requests in flight hold, and nothing once they have ended`()
    async throws
  {
    let gate = Gate()
    let upstream = try BareUpstream { socket in
      try gate.pass()
      try socket.send(BareUpstream.json(BareUpstream.message()))
    }
    let bed = try GatewayBed.still(upstream: upstream)
    let page = GatewayBed.request("GET", "/v1/usage")
    let during = try await bed.behind(
      GatewayBed.request(body: GatewayBed.body()), at: upstream, until: gate
    ) {
      Received(try $0.exchangeNow(page))
    }
    let hold = try #require(try bed.events(BillingChecked.self).first?.hold)
    #expect(during.json?["held"]?.numberText == DecimalText.text(Int128(hold.value), scale: 9))
    #expect(during.json?["balance"]?.numberText == "10", "what is held is not spent")
    let after = Received(try await bed.exchange(page))
    #expect(after.json?["held"]?.numberText == "0")
  }

  @Test func `a key that may do nothing else may still see why`() async throws {
    let bed = try GatewayBed(balance: 0, wallClock: ManualWallClock(ErrorCase.noon))
    try bed.seed(.init(charged: 5))
    try bed.changeKey { $0.quota = NanoUSD(1) }
    #expect(try await status(bed, "GET", "/v1/usage") == 200)
    #expect(try await status(bed, "GET", "/v1/models") == 200)
    #expect(try await status(bed, "POST", "/v1/messages") == 429)
    try bed.changeKey { $0.expires = ErrorCase.noon }
    #expect(try await status(bed, "GET", "/v1/usage") == 200)
    #expect(try await status(bed, "GET", "/v1/models") == 403)
    try bed.changeKey { $0.status = .inactive }
    #expect(try await status(bed, "GET", "/v1/usage") == 401)
  }
  private func status(_ bed: GatewayBed, _ method: String, _ path: String) async throws -> Int {
    Received(
      try await bed.exchange(GatewayBed.request(method, path, body: GatewayBed.body()))
    ).status
  }

  @Test func `amounts come with all their digits and no more`() async throws {
    for (nano, text) in [
      (1, "0.000000001"), (10, "0.00000001"), (123_456_789_012, "123.456789012"),
      (-1_500_000_000, "-1.5"), (9_007_199_254_740_993, "9007199.254740993"),
    ] as [(Int64, String)] {
      let bed = try GatewayBed(balance: 0)
      try bed.credit(NanoUSD(nano))
      let answer = Received(try await bed.exchange(GatewayBed.request("GET", "/v1/usage")))
      #expect(answer.text.contains("\"balance\":\(text),"), "\(nano)")
      #expect(answer.text.contains("\"remaining\":\(text),"), "\(nano)")
    }
  }
}
