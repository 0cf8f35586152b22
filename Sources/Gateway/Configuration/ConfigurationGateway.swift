// Reading the `gateway` object.
import Base
import Ledger

extension GatewaySettings {
  static let keys = [
    "max_account_switches", "max_account_switches_gemini", "max_body_bytes",
    "ping_interval_seconds", "max_buffered_bytes", "max_answer_bytes", "user_wait_seconds",
    "account_wait_seconds", "sticky_wait_seconds", "account_error_minutes", "connect_seconds",
    "first_byte_seconds", "stream_first_byte_seconds", "stream_gap_seconds",
    "write_stall_seconds", "drain_seconds", "drain_bytes", "hold_output_tokens", "strict_holds",
    "default_price_model", "plan_name", "pass_rate_limits", "cooldown_seconds",
    "default_user_concurrency", "record_addresses", "trusted_proxies", "cors_origins",
    "metrics_listen", "shutdown_seconds",
  ]

  mutating func read(_ top: ConfigurationObject) throws(ConfigurationProblem) {
    guard let object = try top.object("gateway", known: Self.keys) else { return }
    try readBounds(object)
    try readTimes(object)
    try readMoney(object)
    try readCooldown(object)
    try readAddresses(object)
  }

  private mutating func readBounds(_ object: ConfigurationObject) throws(ConfigurationProblem) {
    try object.integer("max_account_switches", in: 0...1000, into: &maxAccountSwitches)
    try object.integer(
      "max_account_switches_gemini", in: 0...1000, into: &maxAccountSwitchesGemini)
    try object.integer("max_body_bytes", in: 1...1 << 32, into: &maxBodyBytes)
    try object.integer("max_buffered_bytes", in: 1...1 << 40, into: &maxBufferedBytes)
    try object.integer("max_answer_bytes", in: 1024...1 << 32, into: &maxAnswerBytes)
    try object.integer("drain_bytes", in: 0...1 << 40, into: &drainBytes)
    try object.integer32(
      "default_user_concurrency", in: -1...1_000_000, into: &defaultUserConcurrency)
    if maxBufferedBytes < maxBodyBytes {
      throw object.problem(
        object.states("max_buffered_bytes") ? "max_buffered_bytes" : "max_body_bytes",
        "max_buffered_bytes must not be less than max_body_bytes")
    }
  }

  private mutating func readTimes(_ object: ConfigurationObject) throws(ConfigurationProblem) {
    try object.duration("ping_interval_seconds", into: &pingInterval)
    try object.duration("user_wait_seconds", least: 0, into: &userWait)
    try object.duration("account_wait_seconds", least: 0, into: &accountWait)
    try object.duration("sticky_wait_seconds", least: 0, into: &stickyWait)
    try object.duration("account_error_minutes", unit: 60, into: &accountError)
    try object.duration("connect_seconds", into: &connect)
    try object.duration("first_byte_seconds", into: &firstByte)
    try object.duration("stream_first_byte_seconds", into: &streamFirstByte)
    try object.duration("stream_gap_seconds", into: &streamGap)
    try object.duration("write_stall_seconds", into: &writeStall)
    try object.duration("drain_seconds", least: 0, into: &drain)
    try object.duration("shutdown_seconds", least: 0, into: &shutdown)
  }

  private mutating func readMoney(_ object: ConfigurationObject) throws(ConfigurationProblem) {
    try object.integer("hold_output_tokens", in: 0...1_000_000_000, into: &holdOutputTokens)
    try object.bool("strict_holds", into: &strictHolds)
    if object.states("default_price_model") {
      defaultPriceModel = try object.string("default_price_model")
      if let model = defaultPriceModel, !NameRule.isModel(model) {
        throw object.problem(
          "default_price_model", "a model name has 1 to 256 bytes and no control characters")
      }
    }
    if let name = try object.string("plan_name") {
      guard !name.isEmpty, name.utf8.count <= 256 else {
        throw object.problem("plan_name", "must have 1 to 256 bytes")
      }
      planName = name
    }
    try object.bool("pass_rate_limits", into: &passRateLimits)
  }

  private mutating func readCooldown(_ object: ConfigurationObject) throws(ConfigurationProblem) {
    guard let times = try object.object("cooldown_seconds", known: ["429", "529", "5xx_max"])
    else { return }
    try times.duration("429", least: 0, into: &cooldown.tooManyRequests)
    try times.duration("529", least: 0, into: &cooldown.overloaded)
    try times.duration("5xx_max", least: 0, into: &cooldown.greatestServerError)
  }

  private mutating func readAddresses(_ object: ConfigurationObject) throws(ConfigurationProblem) {
    try object.choice("record_addresses", into: &recordAddresses)
    if let texts = try object.strings("trusted_proxies") {
      trustedProxies = []
      for (index, text) in texts.enumerated() {
        guard let range = AddressRange(text) else {
          throw ConfigurationProblem(
            path: object.path + [.key("trusted_proxies"), .index(index)],
            reason: "\"\(text)\" is no address range such as 10.0.0.0/8 or 2001:db8::/32")
        }
        trustedProxies.append(range)
      }
    }
    if let origins = try object.strings("cors_origins") {
      for (index, origin) in origins.enumerated() where !Self.isOrigin(origin) {
        throw ConfigurationProblem(
          path: object.path + [.key("cors_origins"), .index(index)],
          reason: "\"\(origin)\" is no origin such as https://app.example.com, and not *")
      }
      corsOrigins = origins
    }
    if object.states("metrics_listen") {
      metricsListen = try object.address("metrics_listen")
      isMetricsListenStated = true
    }
  }

  /// Scheme, host and port without a path (RFC 6454), or `*`.
  private static func isOrigin(_ text: String) -> Bool {
    if text == "*" { return true }
    guard UpstreamURL.problem(text, schemes: ["http", "https"]) == nil else { return false }
    return text.count { $0 == "/" } == 2
  }
}
