// A configuration as canonical JSON: what `settings_declared` and `account_declared` record, and
// what is compared to see whether anything changed. Reads back as the same value
// (ConfigurationParser).
import Base
import Ledger

extension Configuration {
  /// Everything but groups, accounts and time zone, all defaults included, in a fixed order.
  var settingsJSON: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("listen", listen.description)
      writer.section("logs") { logs.write(to: &$0) }
      writer.member("ledger", object: { $0.member("segment_bytes", segmentBytes) })
      writer.section("publish") { writer in
        writer.member("file", optional: publish.file)
        writer.member("webhook", optional: publish.webhook)
        writer.member("every_seconds", seconds: publish.every)
      }
      writer.section("http") { writer in
        writer.member("head_seconds", seconds: http.head)
        writer.member("body_min_bytes_per_second", http.bodyMinBytesPerSecond)
        writer.member("idle_seconds", seconds: http.idle)
        writer.member("max_connections", http.maxConnections)
      }
      writer.member("prices", optional: pricesPath)
      writer.member("admin_token_sha256", optional: adminTokenHash.map { Hex.encode($0) })
      writer.section("gateway") { gateway.write(to: &$0) }
    }
    return writer.bytes
  }
}

extension LogSettings {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("format", format.rawValue)
    writer.member("level", level.rawValue)
    writer.section("levels") { writer in
      for (area, level) in levels.sorted(by: { $0.key < $1.key }) {
        writer.member(area, level.rawValue)
      }
    }
  }
}

extension GatewaySettings {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("max_account_switches", maxAccountSwitches)
    writer.member("max_account_switches_gemini", maxAccountSwitchesGemini)
    writer.member("max_body_bytes", maxBodyBytes)
    writer.member("ping_interval_seconds", seconds: pingInterval)
    writer.member("max_buffered_bytes", maxBufferedBytes)
    writer.member("max_answer_bytes", maxAnswerBytes)
    writeTimes(to: &writer)
    writer.member("drain_bytes", drainBytes)
    writer.member("hold_output_tokens", holdOutputTokens)
    writer.member("strict_holds", strictHolds)
    writer.member("default_price_model", optional: defaultPriceModel)
    writer.member("plan_name", planName)
    writer.member("pass_rate_limits", passRateLimits)
    writer.section("cooldown_seconds") { writer in
      writer.member("429", seconds: cooldown.tooManyRequests)
      writer.member("529", seconds: cooldown.overloaded)
      writer.member("5xx_max", seconds: cooldown.greatestServerError)
    }
    writer.member("default_user_concurrency", defaultUserConcurrency)
    writer.member("record_addresses", recordAddresses.rawValue)
    writer.member("trusted_proxies", texts: trustedProxies.map(\.description))
    writer.member("cors_origins", texts: corsOrigins)
    // The default is not written: a taken port is then a warning again (spec: cli.md, serve).
    if isMetricsListenStated {
      writer.member("metrics_listen", optional: metricsListen?.description)
    }
  }

  private func writeTimes(to writer: inout JSONWriter) {
    writer.member("user_wait_seconds", seconds: userWait)
    writer.member("account_wait_seconds", seconds: accountWait)
    writer.member("sticky_wait_seconds", seconds: stickyWait)
    writer.member("account_error_minutes", seconds: accountError, unit: 60)
    writer.member("connect_seconds", seconds: connect)
    writer.member("first_byte_seconds", seconds: firstByte)
    writer.member("stream_first_byte_seconds", seconds: streamFirstByte)
    writer.member("stream_gap_seconds", seconds: streamGap)
    writer.member("write_stall_seconds", seconds: writeStall)
    writer.member("drain_seconds", seconds: drain)
    writer.member("shutdown_seconds", seconds: shutdown)
  }
}

extension AccountSettings {
  /// JSON array of group names.
  var groupsJSON: String {
    var writer = JSONWriter()
    writer.array { writer in for group in groups { writer.string(group) } }
    return String(decoding: writer.bytes, as: UTF8.self)
  }
  /// JSON object: model asked for -> model sent.
  var modelsJSON: String {
    var writer = JSONWriter()
    writer.object { writer in for model in models { writer.member(model.asked, model.sent) } }
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

extension JSONWriter {
  /// A text, or null.
  mutating func member(_ name: String, optional value: String?) {
    if let value { member(name, value) } else { member(null: name) }
  }
  mutating func member(_ name: String, texts: [String]) {
    member(name, array: { for text in texts { $0.string(text) } })
  }
  /// A duration of whole milliseconds as seconds, or as multiples of `unit` seconds.
  mutating func member(_ name: String, seconds: Duration, unit: Int64 = 1) {
    member(name, decimal: seconds.wholeMilliseconds / unit, scale: 3)
  }
  /// An object whose members `body` writes.
  mutating func section(_ name: String, _ body: (inout JSONWriter) -> Void) {
    member(name, object: body)
  }
}

extension Duration {
  /// Whole milliseconds, cut off.
  fileprivate var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
}
