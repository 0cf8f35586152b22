// One model's prices, normalised: what a price_set event holds and what rating asks.
//
// A price stands under a key: class of tokens, service tier, threshold. Cache prices a book does
// not state are filled in when the book is read, so nothing that is used is ever free by omission
// and the log holds every figure a charge was made with (spec: projections, section 4).
public import Ledger

/// What is counted and priced.
public enum PriceClass: UInt8, CaseIterable, Comparable, Sendable {
  case input = 0
  case output = 1
  case cacheRead = 2
  case cacheWrite5m = 3
  case cacheWrite1h = 4
  case webSearch = 5

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// As in events and exports: "cache_write_5m".
  public var name: String {
    switch self {
    case .input: "input"
    case .output: "output"
    case .cacheRead: "cache_read"
    case .cacheWrite5m: "cache_write_5m"
    case .cacheWrite1h: "cache_write_1h"
    case .webSearch: "web_search"
    }
  }
}

/// Service tiers that can have prices of their own.
public enum PriceTier: UInt8, CaseIterable, Comparable, Sendable {
  case standard = 0
  case batch = 1
  case priority = 2
  case flex = 3

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// The tier whose prices an answer of this service tier has.
  public init(_ tier: ServiceTier) {
    switch tier {
    case .batch: self = .batch
    case .priority: self = .priority
    case .flex: self = .flex
    case .none, .standard, .other, .unrecognized: self = .standard
    }
  }

  /// As in answers: "standard".
  public var name: String {
    switch self {
    case .standard: "standard"
    case .batch: "batch"
    case .priority: "priority"
    case .flex: "flex"
    }
  }

  var suffix: String { self == .standard ? "" : "_\(name)" }
}

/// How much an answer to a search looked at; `medium` unless the upstream names another.
public enum SearchSize: UInt8, CaseIterable, Sendable {
  case medium = 0
  case low = 1
  case high = 2

  /// As in price files: "medium".
  public var name: String {
    switch self {
    case .low: "low"
    case .medium: "medium"
    case .high: "high"
    }
  }
}

/// What a price is for.
public struct PriceKey: Hashable, Comparable, Sendable {
  public var priceClass: PriceClass
  public var tier: PriceTier
  /// Holds for requests of more input tokens than this many thousand; 0 = any.
  public var aboveThousands: UInt16

  public init(_ priceClass: PriceClass, tier: PriceTier = .standard, aboveThousands: UInt16 = 0) {
    self.priceClass = priceClass
    self.tier = tier
    self.aboveThousands = aboveThousands
  }

  public static func < (a: Self, b: Self) -> Bool {
    (a.priceClass, a.aboveThousands, a.tier) < (b.priceClass, b.aboveThousands, b.tier)
  }
}

/// One model's prices.
public struct PriceModel: Hashable, Sendable {
  /// As the price file names it, 1...256 bytes.
  public var name: String
  public var aliases: [String]
  /// Pico-USD per token, each at most $1. Holds standard input and output prices at least.
  public private(set) var prices: [PriceKey: PicoUSD]
  /// Pico-USD per web search, by size; absent = not charged.
  public var searchFees: [SearchSize: PicoUSD]
  /// What speed and geography multiply token prices with: "fast", "us"; up to 100.0.
  public var factors: [String: PartsPerMillion]
  /// A JSON object: the fields of the price file that no rule here reads.
  public var unknown: String
  /// Thresholds of any price, ascending.
  private var thresholds: [UInt16]

  /// - Precondition: standard prices of input, output and the three cache classes are there.
  init(
    name: String, aliases: [String] = [], prices: [PriceKey: PicoUSD],
    searchFees: [SearchSize: PicoUSD] = [:], factors: [String: PartsPerMillion] = [:],
    unknown: String = "{}"
  ) {
    precondition(PriceModel.tokenClasses.allSatisfy { prices[PriceKey($0)] != nil })
    self.name = name
    self.aliases = aliases
    self.prices = prices
    self.searchFees = searchFees
    self.factors = factors
    self.unknown = unknown
    thresholds = Set(prices.keys.map(\.aboveThousands)).subtracting([0]).sorted()
  }

  /// The greatest price of a token ($1) and of a search ($1,000,000) that is believed.
  public static let priceLimit = PicoUSD(PicoUSD.perUSD)
  /// The greatest speed or geography factor that is believed: 100.0.
  public static let factorLimit = PartsPerMillion(100_000_000)

  static let tokenClasses: [PriceClass] = [
    .input, .output, .cacheRead, .cacheWrite5m, .cacheWrite1h,
  ]

  /// The threshold, in thousands, of the price tier that this many input tokens (cached ones
  /// included) reach: the greatest one they exceed; 0 = none.
  public func threshold(inputTokens: Int64) -> UInt16 {
    thresholds.last { inputTokens > Int64($0) * 1000 } ?? 0
  }

  /// The price of a token of a class in a request at a threshold. Where the service tier has no
  /// price of its own at that threshold, the dearer of its price below and the standard one.
  public func price(_ priceClass: PriceClass, tier: PriceTier, threshold: UInt16) -> PicoUSD {
    guard let standard = highest(priceClass, .standard, threshold) else {
      preconditionFailure("a model without a standard price of \(priceClass)")
    }
    guard tier != .standard, let own = highest(priceClass, tier, threshold) else {
      return standard.price
    }
    return own.threshold >= standard.threshold ? own.price : max(own.price, standard.price)
  }

  /// The price at the greatest stated threshold that does not exceed `threshold`.
  private func highest(
    _ priceClass: PriceClass, _ tier: PriceTier, _ threshold: UInt16
  ) -> (price: PicoUSD, threshold: UInt16)? {
    for stated in thresholds.reversed() where stated <= threshold {
      let key = PriceKey(priceClass, tier: tier, aboveThousands: stated)
      if let price = prices[key] { return (price, stated) }
    }
    return prices[PriceKey(priceClass, tier: tier)].map { ($0, 0) }
  }

  /// The factor of an answer's speed.
  public func factor(_ speed: Speed) -> PartsPerMillion {
    speed == .fast ? factors["fast"] ?? .one : .one
  }

  /// The factor of where an answer was computed.
  public func factor(_ geography: Geography) -> PartsPerMillion {
    geography == .us ? factors["us"] ?? .one : .one
  }

  /// The fee of one web search; 0 where the book states none.
  public func searchFee(_ size: SearchSize) -> PicoUSD {
    searchFees[size] ?? searchFees[.medium] ?? PicoUSD(0)
  }
}
