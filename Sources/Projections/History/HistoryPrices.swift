// What the models of a generated history cost.
internal import Ledger

/// One model's prices in pico-USD per token.
struct HistoryPrices: Sendable {
  let input: Int64
  let output: Int64
  let cacheRead: Int64
  let cacheWrite5m: Int64
  let cacheWrite1h: Int64

  static let all = [
    HistoryPrices(
      input: 4_000_000, output: 20_000_000, cacheRead: 200_000, cacheWrite5m: 5_000_000,
      cacheWrite1h: 8_000_000),
    HistoryPrices(
      input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite5m: 3_750_000,
      cacheWrite1h: 6_000_000),
    HistoryPrices(
      input: 1_000_000, output: 5_000_000, cacheRead: 100_000, cacheWrite5m: 1_250_000,
      cacheWrite1h: 2_000_000),
    HistoryPrices(
      input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite5m: 3_750_000,
      cacheWrite1h: 6_000_000),
  ]

  func list(_ usage: TokenUsage) -> NanoUSD {
    let pico =
      usage.input * input + usage.output * output + usage.cacheRead * cacheRead
      + usage.cacheWrite5m * cacheWrite5m + usage.cacheWrite1h * cacheWrite1h
    return NanoUSD((pico + 500) / 1000)
  }

  func hold(_ shape: TrafficShape) -> NanoUSD {
    let dearest = shape.usesHourCache ? cacheWrite1h : cacheWrite5m
    let tokens = Int64(shape.textBytes / 3 + 1)
    return NanoUSD((tokens * dearest + 4096 * output) / 1000)
  }
}

extension PartsPerMillion {
  /// An amount times this factor, rounded half to even.
  func applied(to amount: NanoUSD) -> NanoUSD {
    let product = Int128(amount.value) * Int128(value)
    let (quotient, rest) = product.quotientAndRemainder(dividingBy: 1_000_000)
    let isUp = rest > 500_000 || (rest == 500_000 && quotient & 1 == 1)
    return NanoUSD(Int64(clamping: quotient + (isUp ? 1 : 0)))
  }
}
