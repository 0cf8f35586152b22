// What a request may cost, before it runs: the amount held at admission (spec: gateway, section 3,
// "Billing check and hold").
public import Ledger

/// What is known of a request before it is answered.
public struct HoldEstimate: Hashable, Sendable {
  /// Estimated from the body.
  public var inputTokens: Int64
  /// min(max_tokens, the configured limit).
  public var outputTokens: Int64
  /// The request asks for the 1 h cache.
  public var mayWrite1h: Bool
  /// The speed the request asks for.
  public var speed: Speed

  public init(
    inputTokens: Int64, outputTokens: Int64, mayWrite1h: Bool = false, speed: Speed = .none
  ) {
    self.inputTokens = inputTokens
    self.outputTokens = outputTokens
    self.mayWrite1h = mayWrite1h
    self.speed = speed
  }

  /// The hold: all input at the dearest class the request can use, output, times the multiplier,
  /// rounded up. Held to 0 ... $1 M; counts to 0 ... 10^9.
  public func amount(at model: PriceModel, multiplier: PartsPerMillion) -> NanoUSD {
    let input = min(max(inputTokens, 0), TokenUsage.countLimit)
    let output = min(max(outputTokens, 0), TokenUsage.countLimit)
    let threshold = model.threshold(inputTokens: input)
    let dearest = model.dearestInputPrice(threshold: threshold, mayWrite1h: mayWrite1h)
    let outputPrice = model.price(.output, tier: .standard, threshold: threshold)
    // At most 2 x 10^9 x 10^12 pico-USD x 10^8 x 4.3 x 10^9: checked, as it may leave Int128.
    let pico =
      Int128(input) * Int128(dearest.value) + Int128(output) * Int128(outputPrice.value)
    let factors = Int128(model.factor(speed).value) * Int128(multiplier.value)
    let exact = pico.multipliedReportingOverflow(by: factors)
    let unit: Int128 = 1_000_000_000_000_000
    let limit = Int128(NanoUSD.chargeLimit.value)
    guard !exact.overflow, exact.partialValue <= limit * unit else { return .chargeLimit }
    return NanoUSD(Int64((exact.partialValue + unit - 1) / unit))
  }
}

extension PriceModel {
  /// The dearest class an input token can fall in at standard prices.
  public func dearestInputPrice(threshold: UInt16, mayWrite1h: Bool) -> PicoUSD {
    var dearest = PicoUSD(0)
    for priceClass in PriceModel.tokenClasses where priceClass != .output {
      if priceClass == .cacheWrite1h, !mayWrite1h { continue }
      dearest = max(dearest, price(priceClass, tier: .standard, threshold: threshold))
    }
    return dearest
  }
}
