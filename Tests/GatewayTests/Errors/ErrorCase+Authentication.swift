// Authentication errors, flat, in the order of the checks; and paths and methods, which come first.
import Base
import Ledger

@testable import Gateway

private func keyed(_ headers: String, _ path: String = "/v1/messages") -> String {
  GatewayBed.request("POST", path, body: GatewayBed.body(), headers: headers)
}
/// More than any answer of the bed's costs, and less.
private let cent = NanoUSD(NanoUSD.perUSD / 100)
private let speck = NanoUSD(1)

/// A bed on a subscription whose limit the first request uses up.
private func limited(
  daily: NanoUSD? = nil, weekly: NanoUSD? = nil, monthly: NanoUSD? = nil
) -> @Sendable () async throws -> [UInt8] {
  {
    let bed = try GatewayBed.still {
      $0.useSubscriptions(daily: daily, weekly: weekly, monthly: monthly)
    }
    try bed.subscribe(days: 60)
    _ = try await bed.exchange(GatewayBed.request(body: GatewayBed.body()))
    return try await bed.exchange(GatewayBed.request(body: GatewayBed.body()))
  }
}

extension ErrorCase {
  static let authentication = keys + purses

  private static let keys = [
    ErrorCase(
      "key-in-query", "keyInQuery", .keyInQuery,
      answer(to: keyed("x-api-key: \(GatewayBed.key)\r\n", "/v1/messages?key=sk-test-key"))),
    ErrorCase("key-missing", "keyMissing", .keyMissing, answer(to: keyed(""))),
    ErrorCase(
      "key-unknown", "keyUnknown", .keyUnknown,
      answer(to: keyed("authorization: Bearer sk-someone-else\r\n"))),
    ErrorCase(
      "key-disabled", "keyDisabled", .keyDisabled,
      answer(prepare: { try $0.changeKey { $0.status = .inactive } })),
    ErrorCase(
      "key-revoked", "keyDisabled", .keyDisabled, answer(prepare: { try $0.revokeKey() })),
    ErrorCase(
      "key-expired", "keyExpired", .keyExpired,
      answer(prepare: { try $0.changeKey { $0.expires = noon } })),
    ErrorCase("key-quota-exhausted", "keyQuotaExhausted", .keyQuotaExhausted) {
      let bed = try GatewayBed.still()
      try bed.changeKey { $0.quota = speck }
      _ = try await bed.exchange(GatewayBed.request(body: GatewayBed.body()))
      return try await bed.exchange(GatewayBed.request(body: GatewayBed.body()))
    },
    ErrorCase(
      "access-denied", "accessDenied", .accessDenied,
      answer(prepare: { try $0.changeKey { $0.deny = "127.0.0.0/8" } })),
    ErrorCase(
      "user-inactive", "userInactive", .userInactive,
      answer(prepare: { try $0.changeUser { $0.status = .inactive } })),
  ]

  private static let purses = [
    ErrorCase(
      "subscription-not-found", "subscriptionNotFound", .subscriptionNotFound,
      answer(configure: { $0.useSubscriptions() })),
    ErrorCase("subscription-expired", "subscriptionExpired", .subscriptionExpired) {
      let clock = ManualWallClock(noon)
      let bed = try GatewayBed(wallClock: clock) { $0.useSubscriptions() }
      try bed.subscribe(days: 1)
      clock.advance(bySeconds: 86_400)
      return try await bed.exchange(GatewayBed.request(body: GatewayBed.body()))
    },
    ErrorCase(
      "limit-daily", "limitReached", .limitReached("daily", secondsToReset: 50_400),
      limited(daily: speck)),
    ErrorCase(
      "limit-weekly", "limitReached", .limitReached("weekly", secondsToReset: 568_800),
      limited(daily: cent, weekly: speck)),
    ErrorCase(
      "limit-monthly", "limitReached", .limitReached("monthly", secondsToReset: 2_556_000),
      limited(daily: cent, weekly: cent, monthly: speck)),
    ErrorCase(
      "insufficient-balance", "insufficientBalance", .insufficientBalance, answer(balance: 0)),
  ]
}

extension ErrorCase {
  static let routing = [
    ErrorCase(
      "not-found", "notFound", .notFound, answer(to: GatewayBed.request("GET", "/v1/messages/"))),
    ErrorCase(
      "not-found-metrics", "notFound", .notFound,
      answer(to: GatewayBed.request("GET", "/metrics"))),
    ErrorCase(
      "method-not-allowed-get", "methodNotAllowed", .methodNotAllowed("POST, OPTIONS"),
      answer(to: GatewayBed.request("GET", headers: ""))),
    ErrorCase(
      "method-not-allowed-post", "methodNotAllowed", .methodNotAllowed("GET, HEAD, OPTIONS"),
      answer(to: GatewayBed.request("POST", "/v1/usage", headers: ""))),
    ErrorCase(
      "google-not-found",
      answer(
        to: GatewayBed.request(
          "POST", "/v1beta/models/gemini-2.5-pro:generateContent", body: "{}", headers: ""))),
    ErrorCase("options", answer(to: GatewayBed.request("OPTIONS", headers: ""))),
    ErrorCase(
      "options-from-origin",
      answer(
        to: GatewayBed.request("OPTIONS", headers: "origin: https://example.com\r\n"),
        configure: { $0.gateway.corsOrigins = ["https://example.com"] })),
    ErrorCase(
      "model-not-found",
      answer(to: GatewayBed.request("GET", "/v1/models/claude-nothing"))),
    ErrorCase(
      "model-not-found-head",
      answer(to: GatewayBed.request("HEAD", "/v1/models/claude-nothing"))),
  ]
}
