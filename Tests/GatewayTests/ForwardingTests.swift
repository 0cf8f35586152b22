// Requests through a whole gateway over loopback: what callers get, what the ledger holds.
import Base
import Ledger
import Projections
import Sandbox
import TestSupport
import Testing

@testable import Gateway

@Suite struct ForwardingTests {
  @Test func `a message is answered and charged to the nano-dollar`() async throws {
    let bed = try GatewayBed()
    let answer = try await bed.ask(body: GatewayBed.body())
    #expect(answer.status == 200 && answer.isWhole)
    let settled = try bed.events(ForwardSettled.self)
    let settlement = try #require(settled.first?.settlement)
    #expect(settled.count == 1)
    let usage = try #require(answer.json?["usage"])
    #expect(settlement.usage.input == usage["input_tokens"]?.integer)
    #expect(settlement.usage.output == usage["output_tokens"]?.integer)
    #expect(settlement.upstreamMessageID == answer.json?["id"]?.string)
    #expect(settlement.requestID.description == answer.header("request-id"))
    // claude-sonnet-5-5: 2 and 10 USD per million tokens.
    let charge = settlement.usage.input * 2000 + settlement.usage.output * 10_000
    #expect(settlement.charged == NanoUSD(charge))
    #expect(bed.balance == NanoUSD(10 * NanoUSD.perUSD - charge))
    #expect(bed.holds.count == 0 && bed.holds.sum == .zero)
  }

  @Test func `a stream comes whole and is charged what it reported`() async throws {
    let bed = try GatewayBed()
    let answer = try await bed.ask(body: GatewayBed.body(stream: true))
    #expect(answer.status == 200 && answer.isWhole)
    #expect(answer.header("content-type") == "text/event-stream")
    let names = answer.head.split(separator: "\r\n").map { $0.prefix { $0 != ":" } }
    #expect(Set(names).count == names.count, "no field twice: \(answer.head)")
    #expect(answer.events.first?["type"]?.string == "message_start")
    #expect(answer.events.last?["type"]?.string == "message_stop")
    let settlement = try #require(try bed.events(ForwardSettled.self).first?.settlement)
    let delta = answer.events.last { $0["type"]?.string == "message_delta" }
    #expect(settlement.usage.output == delta?["usage"]?["output_tokens"]?.integer)
    #expect(settlement.isStream && !settlement.isPartial && settlement.stopReason == .endTurn)
    #expect(settlement.firstToken != .absent)
  }

  @Test func `GET v1 usage shows the charge at once`() async throws {
    let bed = try GatewayBed()
    _ = try await bed.ask(body: GatewayBed.body())
    let usage = try await bed.ask("GET", "/v1/usage")
    #expect(usage.status == 200)
    let charged = NanoUSD(10 * NanoUSD.perUSD) - bed.balance
    let total = usage.json?["usage"]?["total"]
    #expect(total?["requests"]?.integer == 1)
    #expect(
      total?["actual_cost"]?.numberText == DecimalText.text(Int128(charged.value), scale: 9))
    #expect(
      usage.json?["balance"]?.numberText == DecimalText.text(Int128(bed.balance.value), scale: 9))
  }

  @Test func `a failed account hands over to the next, and each attempt is an event`() async throws
  {
    var failing = SandboxOptions()
    try failing.setFailures("529:1")
    let bed = try GatewayBed([failing, SandboxOptions()])
    let answer = try await bed.ask(body: GatewayBed.body(stream: true))
    #expect(answer.status == 200 && answer.isWhole)
    let attempts = try bed.events(AttemptFailed.self)
    #expect(attempts.map(\.status) == [529] && attempts.map(\.outcome) == [.failover])
    let settlement = try #require(try bed.events(ForwardSettled.self).first?.settlement)
    #expect(settlement.account == AccountID(2) && settlement.attempts == 2)
    let rests = try bed.events(AccountStateChanged.self)
    #expect(rests.map(\.condition) == [.coolingDown] && rests.map(\.status) == [529])
  }

  @Test(arguments: [
    (401, 502, "upstream_error", "Upstream authentication failed, please contact administrator"),
    (403, 502, "upstream_error", "Upstream access forbidden, please contact administrator"),
    (429, 429, "rate_limit_error", "Upstream rate limit exceeded, please retry later"),
    (500, 502, "upstream_error", "Upstream service temporarily unavailable"),
    (529, 503, "overloaded_error", "Upstream service overloaded, please retry later"),
  ])
  func `when nobody is left the last failure's text is told`(
    upstream: Int, status: Int, type: String, message: String
  ) async throws {
    let bed = try GatewayBed()
    let answer = try await bed.ask(body: GatewayBed.body(model: "sandbox-\(upstream)"))
    #expect(answer.status == status)
    #expect(answer.json?["error"]?["type"]?.string == type)
    #expect(answer.json?["error"]?["message"]?.string == message)
    // The only account rests: as long as the sandbox's 429 asks for, 10 minutes after a 529.
    let seconds = answer.header("retry-after").flatMap { Int($0) }
    switch upstream {
    case 429: #expect(seconds == 1)
    case 529: #expect((500...600).contains(seconds ?? 0))
    default: #expect(seconds == nil)
    }
    let failed = try bed.events(ForwardFailed.self)
    #expect(failed.map(\.upstreamStatus) == [UInt16(upstream)])
    #expect(bed.holds.count == 0 && bed.balance == NanoUSD(10 * NanoUSD.perUSD))
  }

  @Test func `an answer of 4xx passes through as it came, uncharged`() async throws {
    let bed = try GatewayBed()
    let answer = try await bed.ask(body: GatewayBed.body(model: "sandbox-404"))
    #expect(answer.status == 404)
    #expect(answer.json?["error"]?["type"]?.string == "not_found_error")
    #expect(answer.header("x-upstream-request-id")?.hasPrefix("req_") == true)
    #expect(try bed.events(AttemptFailed.self).map(\.outcome) == [.passedThrough])
    #expect(bed.balance == NanoUSD(10 * NanoUSD.perUSD) && bed.holds.count == 0)
  }

  @Test func `a connection cut before the answer fails over`() async throws {
    var cutting = SandboxOptions()
    try cutting.setCuts("before:1")
    let bed = try GatewayBed([cutting, SandboxOptions()])
    let answer = try await bed.ask(body: GatewayBed.body())
    #expect(answer.status == 200)
    #expect(try bed.events(AttemptFailed.self).map(\.failure) == [.cut])
  }

  @Test func `a stream cut inside is settled as partial and ends with an error event`() async throws
  {
    var cutting = SandboxOptions()
    try cutting.setCuts("inside:1")
    cutting.events = 30
    let bed = try GatewayBed([cutting])
    let answer = try await bed.ask(body: GatewayBed.body(stream: true))
    #expect(answer.status == 200 && answer.isWhole, "the chunked body is ended properly")
    #expect(
      answer.events.last?["error"]?["message"]?.string == "Upstream stream ended unexpectedly")
    #expect(answer.text.contains("event: error\n"))
    let settlement = try #require(try bed.events(ForwardSettled.self).first?.settlement)
    #expect(settlement.isPartial && settlement.isEstimated && settlement.reason == .upstreamCut)
    #expect(settlement.usage.output > 0 && settlement.charged > .zero)
    #expect(bed.holds.count == 0)
  }

  @Test func `nothing is forwarded on an empty balance`() async throws {
    let bed = try GatewayBed(balance: -1)
    let answer = try await bed.ask(body: GatewayBed.body())
    #expect(answer.status == 403)
    #expect(answer.json?["code"]?.string == "INSUFFICIENT_BALANCE")
    #expect(try bed.events(BillingChecked.self).isEmpty)
    let usage = try await bed.ask("GET", "/v1/usage")
    #expect(usage.status == 200 && usage.json?["isValid"]?.bool == false)
  }

  @Test(arguments: [
    ("", 401, "API_KEY_REQUIRED"), ("x-api-key: sk-other", 401, "INVALID_API_KEY"),
    ("authorization: bearer sk-test-key", 401, "API_KEY_REQUIRED"),
  ])
  func `callers without a good key are told so in the flat shape`(
    header: String, status: Int, code: String
  ) async throws {
    let bed = try GatewayBed()
    let before = bed.live.withBooks { $0.lastSequence }
    let answer = try await bed.ask(
      body: GatewayBed.body(), headers: header.isEmpty ? "x-nothing: 1" : header)
    #expect(answer.status == status && answer.json?["code"]?.string == code)
    #expect(bed.live.withBooks { $0.lastSequence } == before, "no event for strangers")
  }

  @Test func `the key is found in each of its three places`() async throws {
    let bed = try GatewayBed()
    for header in ["authorization: Bearer sk-test-key", "x-goog-api-key: sk-test-key"] {
      #expect(try await bed.ask("GET", "/v1/usage", headers: header).status == 200)
    }
    let query = try await bed.ask("GET", "/v1/usage?key=sk-test-key")
    #expect(query.status == 400)
    #expect(query.json?["code"]?.string == "api_key_in_query_deprecated")
  }

  @Test(arguments: [
    ("GET", "/v1/messages", 405), ("POST", "/v1/usage", 405), ("GET", "/v1/messages/", 404),
    ("GET", "/nothing", 404), ("GET", "/healthz", 200), ("GET", "/readyz", 200),
    ("HEAD", "/api/hello", 200), ("OPTIONS", "/v1/messages", 204), ("GET", "/v1/models", 200),
  ])
  func `paths and methods are answered as listed`(
    method: String, path: String, status: Int
  ) async throws {
    let bed = try GatewayBed()
    #expect(try await bed.ask(method, path).status == status)
  }

  @Test func `requests beyond the user's slots wait for their turn`() async throws {
    var slow = SandboxOptions()
    slow.firstTokenMilliseconds = 30
    let bed = try GatewayBed([slow], concurrency: 2)
    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<8 { group.addTask { try await bed.ask(body: GatewayBed.body()).status } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses == Array(repeating: 200, count: 8))
    #expect(try bed.events(ForwardSettled.self).count == 8 && bed.holds.count == 0)
  }

  @Test func `of many requests above the balance at most one passes at a time`() async throws {
    var slow = SandboxOptions()
    slow.firstTokenMilliseconds = 200
    let bed = try GatewayBed([slow], balance: 0, concurrency: 0) { $0.gateway.strictHolds = false }
    // One cent; each hold is above it: 4,096 output tokens at $10 per million.
    try bed.live.withBooks { books throws(BooksError) in
      var credit = CreditAdded()
      credit.party.user = UserID(1)
      credit.amount = NanoUSD(NanoUSD.perUSD / 100)
      try books.append(credit, now: SystemWallClock().now())
    }
    let answers = try await withThrowingTaskGroup(of: Received.self) { group in
      for _ in 0..<12 {
        group.addTask { try await bed.ask(body: GatewayBed.body(maxTokens: 4096)) }
      }
      return try await group.reduce(into: [Received]()) { $0.append($1) }
    }
    let checks = try bed.events(BillingChecked.self)
    #expect(answers.count { $0.status == 200 } == checks.count { $0.allowed })
    var open = 0, mostOpen = 0
    for event in try bed.openings() {
      open += event
      mostOpen = max(mostOpen, open)
    }
    #expect(mostOpen == 1, "two holds above the balance were open together")
    #expect(answers.filter { $0.status != 200 }.allSatisfy { $0.status == 429 || $0.status == 403 })
  }
}

extension GatewayBed {
  /// +1 for each admission, -1 for each event that closes one, in the log's order.
  func openings() throws -> [Int] {
    let last = live.withBooks { $0.lastSequence }
    try live.waitUntilDurable(last)
    var steps: [Int] = []
    var reader = LedgerReader(live.files, from: .first)
    while var batch = try reader.next() {
      while let record = batch.next() {
        switch RecordType(rawValue: record.type) {
        case .billingChecked: if BillingCheckedView(record).allowed { steps.append(1) }
        case .forwardSettled, .forwardFailed, .requestIntercepted: steps.append(-1)
        default: break
        }
      }
    }
    return steps
  }
}
