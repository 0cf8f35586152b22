// What one answer used, as the upstream reported it: the input of rating.

/// Token counts of one answer by price class. Each count is 0 ... 10^9 once validated; the ledger
/// stores them as u32.
public struct TokenUsage: Hashable, Sendable {
  /// Input tokens that no cache served.
  public var input: Int64 = 0
  public var output: Int64 = 0
  public var cacheRead: Int64 = 0
  /// Tokens written to the cache for 5 minutes.
  public var cacheWrite5m: Int64 = 0
  /// Tokens written to the cache for 1 hour.
  public var cacheWrite1h: Int64 = 0
  /// Web searches made by the upstream (a fee each).
  public var webSearches: Int64 = 0
  /// As the answer states them, never the request.
  public var serviceTier = ServiceTier.none
  public var speed = Speed.none
  public var geography = Geography.none

  /// The greatest count of one class that is believed (spec: gateway, section 4).
  public static let countLimit: Int64 = 1_000_000_000

  public init() {}

  /// Tokens that decide the price tier: all input classes of the request.
  public var tierTokens: Int64 { input + cacheRead + cacheWrite5m + cacheWrite1h }
  /// All tokens of all classes.
  public var total: Int64 { tierTokens + output }
}

/// The service tier an answer was served at.
public enum ServiceTier: UInt8, RecordCode {
  case none = 0
  case standard = 1
  case priority = 2
  case batch = 3
  case flex = 4
  case other = 254
  case unrecognized = 255
}

/// The speed an answer was served at.
public enum Speed: UInt8, RecordCode {
  case none = 0
  case standard = 1
  case fast = 2
  case other = 254
  case unrecognized = 255
}

/// Where an answer was computed, where that has a price.
public enum Geography: UInt8, RecordCode {
  case none = 0
  case global = 1
  case us = 2
  case other = 254
  case unrecognized = 255
}

/// How a model's name matched a price, in the order the rules are tried.
public enum PriceRule: UInt8, RecordCode {
  case none = 0
  case exact = 1
  case alias = 2
  case providerPrefix = 3
  case dateStripped = 4
  case dotted = 5
  case longestPrefix = 6
  case family = 7
  /// No rule matched: the configured default model's price, flagged unpriced.
  case defaultModel = 8
  case unrecognized = 255
}
