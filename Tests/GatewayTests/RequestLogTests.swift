// The log of a whole gateway: one line per request whichever way it takes, what it says, and what
// no line ever says.
import Base
import Ledger
import Projections
import Sandbox
import TestSupport
import Testing

@testable import Gateway

/// A gateway whose log is caught.
private struct LoggedBed {
  let catcher = LogCatcher()
  let bed: GatewayBed
  let log: Log

  init(
    _ upstreams: [SandboxOptions] = [SandboxOptions()], format: LogFormat = .json,
    level: LogLevel = .info, balance: Int64 = 10, concurrency: Int32 = 50,
    credentials: Credentials = Credentials(), configure: (inout Configuration) -> Void = { _ in }
  ) throws {
    var settings = LogSettings()
    settings.format = format
    settings.level = level
    log = try Log(areas: LogArea.all, own: .log, settings: settings, sink: catcher)
    bed = try GatewayBed(
      upstreams, balance: balance, concurrency: concurrency, log: log, credentials: credentials,
      configure: configure)
  }

  /// The JSON lines of an area.
  func lines(_ area: String, count: Int = 1) async throws -> [JSONValue] {
    try await catcher.lines(with: "\"area\":\"\(area)\"", count: count)
      .map { try JSONParser().parse($0) }
  }
}

@Suite struct RequestLogTests {
  private static let known = "x-api-key: sk-test-key"

  struct Way: Sendable, CustomTestStringConvertible {
    var method = "POST"
    var path = "/v1/messages"
    var body = GatewayBed.body()
    var headers = known
    var balance: Int64 = 10
    let end: String
    var reason: String?
    var testDescription: String { "\(method) \(path) \(end) \(reason ?? "")" }
  }
  private static let ways = [
    Way(end: "settled"),
    Way(body: GatewayBed.body(stream: true), end: "settled"),
    Way(
      body: GatewayBed.body(model: "sandbox-cut-inside", stream: true), end: "settled",
      reason: "upstream_cut"),
    Way(body: GatewayBed.body(model: "sandbox-500"), end: "failed", reason: "upstream"),
    Way(body: GatewayBed.body(model: "sandbox-400"), end: "passed_through"),
    Way(body: "{", end: "rejected", reason: "invalid_request"),
    Way(body: "", end: "rejected", reason: "invalid_request"),
    Way(body: #"{"messages":[]}"#, end: "rejected", reason: "invalid_request"),
    Way(headers: "x-api-key: sk-other", end: "rejected", reason: "key_unknown"),
    Way(headers: "accept: */*", end: "rejected", reason: "key_missing"),
    Way(path: "/v1/messages?key=sk-test-key", end: "rejected", reason: "key_in_query"),
    Way(balance: 0, end: "rejected", reason: "balance"),
    Way(
      headers: known + "\r\ncontent-encoding: gzip", end: "rejected", reason: "invalid_request"),
    Way(method: "GET", end: "rejected", reason: "method_not_allowed"),
    Way(path: "/v1/nowhere", end: "rejected", reason: "not_found"),
    Way(method: "OPTIONS", end: "answered"),
    Way(method: "GET", path: "/v1/models", body: "", end: "answered"),
    Way(method: "GET", path: "/v1/models/none", body: "", end: "rejected", reason: "not_found"),
    Way(method: "GET", path: "/v1/usage", body: "", end: "answered"),
    Way(path: "/v1/messages/count_tokens", end: "answered"),
    Way(path: "/v1beta/models", end: "answered"),
  ]

  @Test(arguments: ways)
  func `every request has one line, with its id, its status and its end`(way: Way) async throws {
    let logged = try LoggedBed(balance: way.balance)
    let answer = try await logged.bed.ask(
      way.method, way.path, body: way.body, headers: way.headers)
    _ = try await logged.lines("request")
    // A second request's line comes after all of the first's.
    _ = try await logged.bed.ask("GET", "/v1/models")
    let lines = try await logged.lines("request", count: 2)
    #expect(lines.count == 2)
    #expect(lines[0]["request_id"]?.string == answer.header("request-id"))
    #expect(lines[0]["status"]?.integer == Int64(answer.status))
    #expect(lines[0]["method"]?.string == way.method)
    #expect(lines[0]["end"]?.string == way.end)
    #expect(lines[0]["reason"]?.string == way.reason)
    #expect(lines[0]["bytes_out"]?.integer != nil && lines[0]["duration_ms"] != nil)
    #expect(lines[0]["address"]?.string == "127.0.0.1")
  }

  @Test func `the line of a settled request says what the ledger says`() async throws {
    let logged = try LoggedBed {
      $0.accounts[0].models = [ModelMapping(asked: "claude-*", sent: "claude-opus-5-5")]
    }
    _ = try await logged.bed.ask(
      body: GatewayBed.body(stream: true),
      headers: Self.known + "\r\nx-stainless-retry-count: 2")
    let line = try #require(try await logged.lines("request").first)
    let settled = try #require(try logged.bed.events(ForwardSettled.self).first?.settlement)
    let key = try #require(line["key"]?.string).lowercased()
    #expect(PublicIdentifier(key) == PublicIdentifier(settled.party.key))
    #expect(line["user"]?.string == PublicIdentifier(settled.party.user).description)
    #expect(line["group"]?.string == "default" && line["platform"]?.string == "anthropic")
    #expect(line["model"]?.string == "claude-sonnet-5-5")
    #expect(line["upstream_model"]?.string == "claude-opus-5-5")
    #expect(line["account"]?.string == "account-0" && line["attempts"]?.integer == 1)
    #expect(line["stream"]?.bool == true && line["retry_count"]?.integer == 2)
    #expect(line["input_tokens"]?.integer == settled.usage.input)
    #expect(line["output_tokens"]?.integer == settled.usage.output)
    func usd(_ amount: NanoUSD) -> String { DecimalText.text(Int128(amount.value), scale: 9) }
    #expect(line["charged_usd"]?.numberText == usd(settled.charged))
    #expect(line["list_usd"]?.numberText == usd(settled.list))
    #expect(line["hold_usd"]?.numberText == usd(settled.hold))
    #expect(line["first_token_ms"]?.integer == Int64(settled.firstToken.value))
    #expect(line["partial"] == nil && line["unpriced"] == nil)
  }

  @Test func `a failed attempt and the rest of its account have a line each`() async throws {
    var failing = SandboxOptions()
    try failing.setFailures("529:1")
    let logged = try LoggedBed([failing, SandboxOptions()])
    let answer = try await logged.bed.ask(body: GatewayBed.body())
    #expect(answer.status == 200)
    let attempt = try #require(try await logged.lines("upstream").first)
    #expect(attempt["level"]?.string == "warn")
    #expect(attempt["request_id"]?.string == answer.header("request-id"))
    #expect(attempt["account"]?.string == "account-0" && attempt["status"]?.integer == 529)
    #expect(attempt["class"]?.string == "status" && attempt["next"]?.string == "failover")
    let rest = try #require(try await logged.lines("account").first)
    #expect(rest["account"]?.string == "account-0" && rest["seconds"]?.integer == 600)
    #expect(rest["state"]?.string == "cooling_down")
    let line = try #require(try await logged.lines("request").first)
    #expect(line["attempts"]?.integer == 2 && line["account"]?.string == "account-1")
  }

  @Test func `a hostile model name stays in its field`() async throws {
    let logged = try LoggedBed(format: .text)
    let model = #"m\" level=error area=ledger \u2028\u202e\u0085"# + "x"
    _ = try await logged.bed.ask(body: GatewayBed.body(model: model))
    let line = try #require(try await logged.catcher.lines(with: " request done ", count: 1).first)
    #expect(line.contains(#" model="m\" level=error area=ledger \u2028\u202e\u0085x""#), "\(line)")
    #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{2028}" })
  }

  @Test func `a credential that an upstream repeats is hidden, in the ledger too`() async throws {
    let upstream = try ScriptedUpstream()
    let logged = try LoggedBed(
      level: .debug, credentials: try Self.credentials("sk-ant-CREDENTIAL")
    ) { $0.accounts[0].baseURL = upstream.url }
    async let answer = logged.bed.ask(body: GatewayBed.body())
    let arrived = try await upstream.next()
    #expect(arrived.head.contains("sk-ant-CREDENTIAL"))
    try await arrived.answer(200, #"{"type":"error","error":{"type":"no sk-ant-CREDENTIAL"}}"#)
    _ = try await answer
    let attempt = try #require(try await logged.lines("upstream").first)
    #expect(attempt["detail"]?.string == "error no [credential] under 2xx")
    _ = try await logged.lines("request")
    #expect(!logged.catcher.text.contains("CREDENTIAL"))
    let events = try logged.bed.events(AttemptFailed.self)
    #expect(events.map(\.detail) == ["error no [credential] under 2xx"])
  }

  @Test func `an intercepted request says so and names no attempt`() async throws {
    let logged = try LoggedBed { $0.accounts[0].interceptsWarmup = true }
    let warmup = #"{"role":"user","content":[{"type":"text","text":"Warmup"}]}"#
    _ = try await logged.bed.ask(
      body: #"{"model":"claude-sonnet-5-5","max_tokens":9,"messages":[\#(warmup)]}"#)
    let line = try #require(try await logged.lines("request").first)
    #expect(line["end"]?.string == "intercepted" && line["reason"]?.string == "warmup")
    #expect(line["attempts"]?.integer == 0 && line["charged_usd"] == nil)
  }

  @Test func `an answer read on after its caller left is told at its end`() async throws {
    let upstream = try ScriptedUpstream()
    let logged = try LoggedBed { $0.accounts[0].baseURL = upstream.url }
    let socket = try await logged.bed.open(body: GatewayBed.body(stream: true))
    let arrived = try await upstream.next()
    try await arrived.beginStream()
    try await arrived.send(Anthropic.start() + Anthropic.delta("hi"))
    _ = try await socket.text(until: "text_delta")
    socket.reset()
    let gateway = logged.bed.server.gateway
    #expect(try await logged.bed.eventually { gateway.metrics.drains.total == 1 })
    try await arrived.send(Anthropic.end())
    arrived.socket.shutdownSending()
    let line = try #require(try await logged.lines("request").first)
    #expect(line["end"]?.string == "settled" && line["drained"]?.bool == true)
    #expect(line["status"]?.integer == 200 && line["partial"] == nil)
    #expect(gateway.metrics.drainsEnded.total == 1)
  }

  @Test func `a wait for a slot is told apart from the whole`() async throws {
    let upstream = try ScriptedUpstream()
    let logged = try LoggedBed(concurrency: 1) { $0.accounts[0].baseURL = upstream.url }
    let first = try await logged.bed.open(body: GatewayBed.body())
    let holds = try await upstream.next()
    let second = try await logged.bed.open(body: GatewayBed.body())
    let gateway = logged.bed.server.gateway
    #expect(
      try await logged.bed.eventually { gateway.scheduler.withLock { $0.waitingForUsers } == 1 })
    try await holds.answer(200, Anthropic.message())
    try await upstream.next().answer(200, Anthropic.message())
    let lines = try await logged.lines("request", count: 2)
    #expect(lines[0]["wait_ms"] == nil && lines[1]["wait_ms"] != nil)
    withExtendedLifetime((first, second)) {}
  }

  private static func credentials(_ text: String) throws -> Credentials {
    var configuration = Configuration()
    configuration.accounts = (0..<2).map {
      AccountSettings(
        name: "account-\($0)", platform: .anthropic, groups: ["default"], baseURL: "http://x",
        credential: .environment("K"))
    }
    return try Credentials.resolve(
      configuration,
      in: Credentials.Surroundings(environment: { _ in text }, readFile: { _ in [] }))
  }

  @Test func `health checks have no line`() async throws {
    let logged = try LoggedBed(level: .debug)
    for path in ["/api/hello", "/healthz", "/readyz"] {
      #expect(try await logged.bed.ask("GET", path).status == 200)
    }
    _ = try await logged.bed.ask("GET", "/v1/models")
    let lines = try await logged.lines("request")
    #expect(lines.map { $0["route"]?.string } == ["models"])
  }

  @Test func `what is no HTTP has a line of its own`() async throws {
    let logged = try LoggedBed()
    let port = logged.bed.port
    _ = try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send("GET / HTTP/9.9\r\n\r\n")
      return try socket.receiveAll()
    }
    let line = try #require(try await logged.lines("http").first)
    #expect(line["status"]?.integer == 505)
  }

  @Test(arguments: [
    (GatewaySettings.AddressRecording.full, "127.0.0.1" as String?), (.prefix, "127.0.0.0"),
    (.none, nil),
  ])
  func `addresses are logged as far as they may be recorded`(
    recording: GatewaySettings.AddressRecording, text: String?
  ) async throws {
    let logged = try LoggedBed { $0.gateway.recordAddresses = recording }
    _ = try await logged.bed.ask("GET", "/v1/models")
    #expect(try await logged.lines("request").first?["address"]?.string == text)
  }

  @Test func `commands are told without their arguments`() async throws {
    let logged = try LoggedBed()
    let service = AdministrationService(live: logged.bed.live, log: logged.log) {
      () throws(AdministrationError) in []
    }
    let body = #"{"key": "sk-secret-of-a-key", "reason": "secret-reason"}"#
    let answer = try await onThread {
      service.answer("key/revoke", Array(body.utf8), actor: "alice")
    }
    #expect(answer.status == 404)
    let line = try #require(try await logged.lines("admin").first)
    #expect(line["command"]?.string == "key/revoke" && line["actor"]?.string == "alice")
    #expect(line["status"]?.integer == 404 && line["outcome"]?.string == "refused")
    #expect(!logged.catcher.text.contains("secret"))
  }

  @Test(arguments: LogFormat.allCases)
  func `no line ever holds a key, a credential, a prompt or an idempotency key`(
    format: LogFormat
  ) async throws {
    var failing = SandboxOptions()
    try failing.setFailures("500:1")
    let logged = try LoggedBed(
      [failing, SandboxOptions()], format: format, level: .debug,
      credentials: try Self.credentials("sk-ant-CREDENTIAL"))
    let headers = Self.known + "\r\nidempotency-key: IDEMPOTENT\r\nuser-agent: AGENT"
    let models = [
      "claude-sonnet-5-5", "sandbox-400", "sandbox-401", "sandbox-429", "sandbox-cut-inside",
      "sandbox-cut-before", "sandbox-garbage", "sandbox-error-body", "sandbox-early-error",
      "sandbox-stream-error", "sandbox-no-usage",
    ]
    for model in models {
      for stream in [false, true] {
        _ = try await logged.bed.ask(
          body: GatewayBed.body(model: model, stream: stream, text: "PROMPT"), headers: headers)
      }
    }
    let paths = [
      "/v1/messages?key=sk-test-key", "/v1/messages/count_tokens", "/v1/x", "/v1/usage",
    ]
    for path in paths {
      for method in ["GET", "POST"] {
        _ = try await logged.bed.ask(method, path, body: "PROMPT", headers: headers)
      }
    }
    _ = try await logged.bed.ask("POST", body: "PROMPT", headers: "x-api-key: sk-UNKNOWN")
    _ = try await logged.bed.ask("GET", "/v1/models")
    let mark = format == .text ? " request done " : #""area":"request""#
    _ = try await logged.catcher.lines(with: mark, count: models.count * 2 + 10)
    let text = logged.catcher.text
    #expect(text.contains("account-1") && text.contains("sandbox-400"))
    for secret in [
      "sk-test-key", "sk-UNKNOWN", "CREDENTIAL", "IDEMPOTENT", "PROMPT", "AGENT",
    ] {
      #expect(!text.contains(secret), "\(secret)")
    }
  }
}
