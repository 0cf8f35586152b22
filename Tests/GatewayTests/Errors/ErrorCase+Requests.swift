// What is wrong with a request itself, and billing errors: the money was there when the head was
// looked at, and is gone or held when the body has come.
import Base
import Ledger
import Projections
import TestSupport

@testable import Gateway

private func post(_ body: String, _ headers: String = "") -> String {
  GatewayBed.request(body: body, headers: "x-api-key: \(GatewayBed.key)\r\n\(headers)")
}

extension ErrorCase {
  static let requests = [
    ErrorCase(
      "body-too-large", "bodyTooLarge", .bodyTooLarge(limit: 104_857_600),
      answer(
        to: post("").replacing("content-length: 0", with: "content-length: 104857601"))),
    ErrorCase(
      "body-too-large-odd-limit", "bodyTooLarge", .bodyTooLarge(limit: 10),
      answer(to: post(GatewayBed.body()), configure: { $0.gateway.maxBodyBytes = 10 })),
    ErrorCase(
      "body-too-large-chunked", "bodyTooLarge", .bodyTooLarge(limit: 10),
      answer(
        to: chunked("ffffffffffffffff\r\n"), configure: { $0.gateway.maxBodyBytes = 10 })),
    ErrorCase("body-unreadable", "bodyUnreadable", .bodyUnreadable, answer(to: chunked("zz\r\n"))),
    ErrorCase("body-empty", "bodyEmpty", .bodyEmpty, answer(to: post(""))),
    ErrorCase(
      "body-malformed", "bodyMalformed", .bodyMalformed, answer(to: post(#"{"model":"a""#))),
    ErrorCase(
      "body-names-model-twice", "bodyMalformed", .bodyMalformed,
      answer(to: post(#"{"model":"claude-haiku-5-5","model":"claude-opus-5-5"}"#))),
    ErrorCase("model-missing", "modelMissing", .modelMissing, answer(to: post("{}"))),
    ErrorCase(
      "model-empty", "modelMissing", .modelMissing, answer(to: post(#"{"model":""}"#))),
    ErrorCase(
      "model-malformed", "modelMalformed", .modelMalformed,
      answer(to: post(#"{"model":"a\u0007"}"#))),
    ErrorCase(
      "encoded-body", "encodedBody", .encodedBody,
      answer(to: post(GatewayBed.body(), "content-encoding: gzip\r\n"))),
    ErrorCase(
      "no-price", "noPrice", .noPrice("nobody's-model"),
      answer(
        to: post(GatewayBed.body(model: "nobody's-model")),
        configure: { $0.gateway.defaultPriceModel = nil })),
    ErrorCase(
      "buffers-full", "buffersFull", .buffersFull,
      answer(to: post(GatewayBed.body()), configure: { $0.gateway.maxBufferedBytes = 10 })),
  ]
  private static func chunked(_ body: String) -> String {
    post("").replacing("content-length: 0", with: "transfer-encoding: chunked") + body
  }
}

// MARK: - Billing

private let none = NanoUSD.zero

/// What a body finds when the money went while it was on its way.
private func overtaken(
  subscribed: Bool, _ change: @escaping @Sendable (GatewayBed) throws -> Void
) -> @Sendable () async throws -> [UInt8] {
  {
    let bed = try GatewayBed.still { if subscribed { $0.useSubscriptions() } }
    if subscribed { try bed.subscribe() }
    return try await bed.exchange(meanwhile: change)
  }
}

/// What a second request finds while the first one holds all there is.
private func reserved(
  balance: Int64 = 10, _ configure: @escaping @Sendable (inout Configuration) -> Void = { _ in },
  prepare: @escaping @Sendable (GatewayBed) throws -> Void
) -> @Sendable () async throws -> [UInt8] {
  {
    let gate = Gate()
    let upstream = try BareUpstream { socket in
      try gate.pass()
      try socket.send(BareUpstream.json(BareUpstream.message()))
    }
    let bed = try GatewayBed.still(balance: balance, upstream: upstream, configure: configure)
    try prepare(bed)
    return try await bed.behind(
      post(GatewayBed.body(maxTokens: 4096)), at: upstream, until: gate
    ) {
      try $0.exchangeNow(post(GatewayBed.body(maxTokens: 4096)))
    }
  }
}

extension ErrorCase {
  static let eligibility = overtakenCases + reservedCases + unwritable

  private static let overtakenCases = [
    ErrorCase(
      "billing-balance", "init", Answer(.insufficientBalance),
      overtaken(subscribed: false) { try $0.credit(NanoUSD(-10 * NanoUSD.perUSD)) }),
    ErrorCase(
      "billing-subscription", "init", Answer(.subscriptionInvalid),
      overtaken(subscribed: true) { bed in
        var state = SubscriptionState()
        state.subscription = SubscriptionID(1)
        state.user = GatewayBed.user
        state.group = bed.group
        try bed.record(SubscriptionRevoked(state))
      }),
    ErrorCase(
      "billing-daily", "init", Answer(.dailyLimit),
      overtaken(subscribed: true) { try $0.changeGroup { $0.dailyLimit = none } }),
    ErrorCase(
      "billing-weekly", "init", Answer(.weeklyLimit),
      overtaken(subscribed: true) { try $0.changeGroup { $0.weeklyLimit = none } }),
    ErrorCase(
      "billing-monthly", "init", Answer(.monthlyLimit),
      overtaken(subscribed: true) { try $0.changeGroup { $0.monthlyLimit = none } }),
  ]

  private static let reservedCases = [
    ErrorCase(
      "reserved-balance", "init", Answer(.balanceReserved),
      reserved(balance: 0) { try $0.credit(NanoUSD(NanoUSD.perUSD / 100)) }),
    ErrorCase(
      "reserved-subscription", "init", Answer(.subscriptionReserved),
      reserved({ $0.useSubscriptions(daily: NanoUSD(NanoUSD.perUSD / 100)) }) {
        try $0.subscribe()
      }),
    ErrorCase(
      "reserved-quota", "init", Answer(.keyQuotaReserved),
      reserved { try $0.changeKey { $0.quota = NanoUSD(NanoUSD.perUSD / 100) } }),
  ]

  private static let unwritable = [
    ErrorCase("billing-unavailable", "billingUnavailable", .billingUnavailable) {
      let disk = SimulatedFileSystem()
      let bed = try GatewayBed.still(disk: disk)
      disk.plan { $0.operation == .sync ? .error(5) : nil }
      // The first request finds out; nothing is promised to it either.
      _ = try await bed.exchange(post(GatewayBed.body()))
      return try await bed.exchange(post(GatewayBed.body()))
    }
  ]
}
