// The configuration file: what it may say, which defaults it has, how every mistake is reported.
import Base
import Ledger
import Testing

@testable import Gateway

@Suite struct ConfigurationTests {
  /// The text of cli.md's example, without its comments' folder-dependent parts.
  static let example = """
    {
      "listen": "127.0.0.1:8080", // a comment
      "timezone": "UTC",
      "logs": {"format": "text", "level": "info", "levels": {}},   // or "json"
      "ledger": {"segment_bytes": 268435456},
      "publish": {"file": null, "webhook": null, "every_seconds": 60},
      "http": {"head_seconds": 10, "body_min_bytes_per_second": 1024, "idle_seconds": 75,
               "max_connections": 10000},
      "prices": "prices.json",
      "admin_token_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      "groups": [
        {"name": "default", "platform": "anthropic", "type": "balance", "rate_multiplier": 1.0},
        {"name": "pro", "platform": "anthropic", "type": "subscription", "rate_multiplier": 0.8,
         "daily_limit_usd": 10, "weekly_limit_usd": 50, "monthly_limit_usd": 150,
         "fallback_group": "default"}
      ],
      "accounts": [
        {"name": "main-1", "platform": "anthropic", "groups": ["default", "pro"],
         "base_url": "https://api.anthropic.com", "credential": "env:ANTHROPIC_API_KEY",
         "auth": "x-api-key", "priority": 1, "concurrency": 10,
         "models": {"claude-sonnet-4-5": "claude-sonnet-4-5-20250929"},
         "intercept_warmup": false, "mixed": false, "project": null, "proxy": null}
      ],
      "gateway": {"max_account_switches": 10, "max_account_switches_gemini": 3,
        "max_body_bytes": 104857600, "ping_interval_seconds": 10,
        "max_buffered_bytes": 536870912, "max_answer_bytes": 33554432, "user_wait_seconds": 30,
        "account_wait_seconds": 30, "sticky_wait_seconds": 120, "account_error_minutes": 30,
        "connect_seconds": 10, "first_byte_seconds": 600, "stream_first_byte_seconds": 120,
        "stream_gap_seconds": 180, "write_stall_seconds": 60, "drain_seconds": 60,
        "drain_bytes": 16777216, "hold_output_tokens": 4096, "strict_holds": false,
        "default_price_model": "claude-sonnet-5-5", "plan_name": "钱包余额",
        "pass_rate_limits": false,
        "cooldown_seconds": {"429": 300, "529": 600, "5xx_max": 60},
        "default_user_concurrency": 5, "record_addresses": "full",
        "trusted_proxies": [], "cors_origins": [], "metrics_listen": "127.0.0.1:9464",
        "shutdown_seconds": 30}
    }
    """

  static func parse(_ text: String) throws(ConfigurationError) -> Configuration {
    try Configuration(parsing: Array(text.utf8), folder: "/etc/daybook")
  }
  static func failure(_ text: String) -> ConfigurationError? {
    do {
      _ = try parse(text)
      return nil
    } catch {
      return error
    }
  }
  /// One group, one account, with more keys for each.
  static func entries(group: String = "", account: String = "", more: String = "") -> String {
    """
    {"groups": [{"name": "g", "platform": "anthropic", "type": "balance"\(group)}],
     "accounts": [{"name": "a", "platform": "anthropic", "groups": ["g"],
                   "credential": "env:K", "base_url": "https://x.example"\(account)}]\(more)}
    """
  }

  @Test func `the values the specification shows are the defaults`() throws {
    var stated = try Self.parse(Self.example)
    let absent = try Self.parse("{}")
    #expect(stated.pricesPath == "/etc/daybook/prices.json")
    #expect(stated.adminTokenHash?.count == 32)
    #expect(stated.gateway.isMetricsListenStated && !absent.gateway.isMetricsListenStated)
    stated.pricesPath = nil
    stated.adminTokenHash = nil
    stated.gateway.isMetricsListenStated = false
    stated.groups = []
    stated.accounts = []
    #expect(stated == absent)
  }

  @Test func `groups and accounts are read with all their keys`() throws {
    let configuration = try Self.parse(Self.example)
    var pro = GroupSettings(name: "pro", platform: .anthropic, target: .subscription)
    pro.multiplier = PartsPerMillion(800_000)
    pro.dailyLimit = NanoUSD(10_000_000_000)
    pro.weeklyLimit = NanoUSD(50_000_000_000)
    pro.monthlyLimit = NanoUSD(150_000_000_000)
    pro.fallbackGroup = "default"
    #expect(configuration.groups.count == 2 && configuration.groups[1] == pro)
    var main = AccountSettings(
      name: "main-1", platform: .anthropic, groups: ["default", "pro"],
      baseURL: "https://api.anthropic.com", credential: .environment("ANTHROPIC_API_KEY"))
    main.models = [
      ModelMapping(asked: "claude-sonnet-4-5", sent: "claude-sonnet-4-5-20250929")
    ]
    #expect(configuration.accounts == [main])
  }

  @Test func `defaults of a group and an account are those of the specification`() throws {
    let configuration = try Self.parse(Self.entries())
    let group = try #require(configuration.group(named: "g"))
    let account = try #require(configuration.account(named: "a"))
    #expect(group.multiplier == .one && group.dailyLimit == nil && group.fallbackGroup == nil)
    #expect(account.priority == 1 && account.concurrency == 10 && !account.usesBearer)
    #expect(account.models.isEmpty && !account.isMixed && !account.interceptsWarmup)
  }

  @Test func `recorded settings read back as the same configuration`() throws {
    var configuration = try Self.parse(Self.example)
    configuration.logs.levels = ["http": .debug]
    configuration.gateway.trustedProxies = [try #require(AddressRange("10.0.0.0/8"))]
    configuration.gateway.accountError = .milliseconds(90_000)
    configuration.gateway.defaultPriceModel = nil
    configuration.groups = []
    configuration.accounts = []
    let again = try Configuration(parsing: configuration.settingsJSON, folder: "/elsewhere")
    #expect(again == configuration)
  }

  @Test func `an unknown key is refused with its line and the nearest known one`() throws {
    let text = "{\n  \"listen\": \"127.0.0.1:1\",\n  \"time_zone\": \"UTC\"\n}"
    let error = try #require(Self.failure(text))
    #expect(error.line == 3)
    #expect(error.reason == "time_zone: unknown key; did you mean \"timezone\"?")
  }

  @Test func `an unknown key of an account is refused with its line`() throws {
    let text = Self.entries(account: ",\n\"modles\": {}")
    let error = try #require(Self.failure(text))
    #expect(error.line == 4)
    #expect(error.reason == "accounts[0].modles: unknown key; did you mean \"models\"?")
  }

  @Test func `broken JSON is refused with line and column`() throws {
    let error = try #require(Self.failure("{\n  \"listen\": 1,,\n}"))
    #expect(error.line == 2 && error.reason.hasPrefix("column "))
  }

  @Test(arguments: [
    (#"{"listen": "8080"}"#, "listen: must be HOST:PORT"),
    (#"{"listen": 8080}"#, "listen: must be a text in quotes"),
    (#"{"timezone": "Mars/Olympus"}"#, #"timezone: time zone "Mars/Olympus" is not found"#),
    (#"{"logs": {"level": "infos"}}"#, #"logs.level: "infos" is not one of"#),
    (#"{"logs": {"levels": {"http": 3}}}"#, "logs.levels.http: must be a text in quotes"),
    (
      #"{"logs": {"levels": {"requst": "off"}}}"#,
      #"logs.levels.requst: unknown key; did you mean "request"?"#
    ),
    (#"{"ledger": {"segment_bytes": 12}}"#, "ledger.segment_bytes: must be between"),
    (#"{"http": {"max_connections": 1.5}}"#, "http.max_connections: must be a whole number"),
    (#"{"http": {"idle_seconds": -1}}"#, "http.idle_seconds: must be more than 0"),
    (#"{"http": {"idle_seconds": 1e30}}"#, "http.idle_seconds: must be"),
    (#"{"publish": {"webhook": "ftp://x"}}"#, "publish.webhook: must begin with http://"),
    (#"{"admin_token_sha256": "abc"}"#, "admin_token_sha256: must be the SHA-256"),
    (#"{"gateway": {"strict_holds": 1}}"#, "gateway.strict_holds: must be true or false"),
    (#"{"gateway": {"record_addresses": "some"}}"#, "gateway.record_addresses: "),
    (#"{"gateway": {"trusted_proxies": ["10.0.0.1/8"]}}"#, "gateway.trusted_proxies[0]: "),
    (#"{"gateway": {"cors_origins": ["x.example"]}}"#, "gateway.cors_origins[0]: "),
    (#"{"gateway": {"max_buffered_bytes": 5}}"#, "gateway.max_buffered_bytes: "),
    (#"{"groups": {}}"#, "groups: must be a list"),
    (#"{"groups": [7]}"#, "groups[0]: must be an object"),
    (#"{"groups": [{"name": "x", "type": "balance"}]}"#, #"groups[0]: "platform" is missing"#),
    (#"{"groups": [{"platform": "gemini", "type": "balance"}]}"#, #"groups[0]: "name" is"#),
    (#"{"groups": [{"name": "x", "platform": "gemini"}]}"#, #"groups[0]: "type" is missing"#),
  ])
  func `a wrong value is refused with its place and the reason`(
    text: String, reason: String
  ) throws {
    let error = try #require(Self.failure(text))
    #expect(error.reason.hasPrefix(reason), "\(error)")
    #expect(error.line == 1)
  }

  @Test(arguments: [
    (#","rate_multiplier": -1"#, "groups[0].rate_multiplier: must be between 0 (free) and 1000"),
    (#","rate_multiplier": 1000.1"#, "groups[0].rate_multiplier: must be between"),
    (#","rate_multiplier": 0.0000001"#, "groups[0].rate_multiplier: must be a number with"),
    (#","daily_limit_usd": 5"#, "groups[0].daily_limit_usd: only groups of type"),
    (#","fallback_group": "h""#, #"groups[0].fallback_group: no group is named "h""#),
    (#","fallback_group": "g""#, "groups[0].fallback_group: a group cannot be its own"),
  ])
  func `a wrong group is refused with the reason`(keys: String, reason: String) throws {
    let error = try #require(Self.failure(Self.entries(group: keys)))
    #expect(error.reason.hasPrefix(reason), "\(error)")
  }

  @Test(arguments: [
    (#""platform": "gemini", "type": "balance""#, "must be of platform \"anthropic\""),
    (#""platform": "anthropic", "type": "subscription""#, "must be of type \"balance\""),
    (#""platform": "anthropic", "type": "balance", "fallback_group": "h""#, "must not have a"),
  ])
  func `a fallback group must be anthropic, balance and without fallback`(
    keys: String, reason: String
  ) throws {
    let text = """
      {"groups": [{"name": "g", "platform": "anthropic", "type": "balance", "fallback_group": "f"},
                  {"name": "f", \(keys)},
                  {"name": "h", "platform": "anthropic", "type": "balance"}]}
      """
    let error = try #require(Self.failure(text))
    #expect(error.reason.hasPrefix("groups[0].fallback_group: \"f\" \(reason)"), "\(error)")
  }

  @Test(arguments: [
    (#","auth": "basic""#, #"accounts[0].auth: "basic" is not one of"#),
    (#","concurrency": 0"#, "accounts[0].concurrency: must be between 1 and"),
    (#","mixed": true"#, "accounts[0].mixed: only accounts of platform \"antigravity\""),
    (#","project": "p""#, "accounts[0].project: only accounts of platform"),
    (#","models": {"a*b": "x"}"#, "accounts[0].models.a*b: a `*` may stand only at the end"),
    (#","models": {"a": ""}"#, "accounts[0].models.a: must not be empty"),
    (#","proxy": "http://u:p@h""#, "accounts[0].proxy: must not hold a user name or password"),
  ])
  func `a wrong account is refused with the reason`(keys: String, reason: String) throws {
    let error = try #require(Self.failure(Self.entries(account: keys)))
    #expect(error.reason.hasPrefix(reason), "\(error)")
  }

  @Test(arguments: [
    "api.example", "ftp://api.example", "https://u:p@api.example", "https://api.example/?x=1",
    "https://api.example/#x", "https://", "https://api.example:99999", "https://a b",
    "https://[::1", "https://[1.2.3.4]/", "https:///path",
  ])
  func `a base URL with more than scheme, host, port and path is refused`(url: String) throws {
    #expect(UpstreamURL.problem(url, schemes: ["http", "https"]) != nil)
  }

  @Test(arguments: [
    "https://api.example", "http://127.0.0.1:8081/base/", "HTTPS://[::1]:443/x",
  ])
  func `a plain base URL is taken`(url: String) {
    #expect(UpstreamURL.problem(url, schemes: ["http", "https"]) == nil)
  }

  @Test func `slashes at the end of a base URL are dropped`() throws {
    let text = Self.entries().replacing("https://x.example", with: "https://x.example/v//")
    #expect(try Self.parse(text).accounts[0].baseURL == "https://x.example/v")
  }

  @Test func `a literal credential is refused and never repeated`() throws {
    let text = Self.entries().replacing("env:K", with: "sk-ant-secret")
    let error = try #require(Self.failure(text))
    #expect(error.reason.contains("env:NAME") && !error.description.contains("sk-ant"))
  }

  @Test func `two groups or accounts of one name are refused`() throws {
    let group = #"{"name": "g", "platform": "gemini", "type": "balance"}"#
    let error = try #require(Self.failure("{\"groups\": [\(group), \(group)]}"))
    #expect(error.reason.hasPrefix("groups[1].name: a second group is named \"g\""))
  }

  @Test func `an account of a group that does not exist is refused with the nearest`() throws {
    let text = Self.entries().replacing(#""groups": ["g"]"#, with: #""groups": ["gg"]"#)
    let error = try #require(Self.failure(text))
    #expect(
      error.reason
        == "accounts[0].groups[0]: no group is named \"gg\"; did you mean \"g\"?")
  }

  @Test func `an account of another platform than its group is refused unless mixed`() throws {
    let wrong = Self.entries().replacing(
      #""a", "platform": "anthropic""#, with: #""a", "platform": "antigravity""#)
    #expect(Self.failure(wrong)?.reason.contains("is of platform \"anthropic\"") == true)
    let mixed = wrong.replacing(#""env:K""#, with: #""env:K", "mixed": true"#)
    #expect(try Self.parse(mixed).accounts[0].isMixed)
  }
}
