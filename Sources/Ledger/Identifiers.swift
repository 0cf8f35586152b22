// Distinct types for positions and identifiers, so that they cannot be mixed up.
public import Base

/// Position of an event in the ledger. Dense, from 1: the next event is always `next`.
public struct SequenceNumber: Comparable, Hashable, Sendable, CustomStringConvertible {
  public let value: UInt64
  public init(_ value: UInt64) { self.value = value }
  /// No event: the position before the first.
  public static let none = SequenceNumber(0)
  public static let first = SequenceNumber(1)
  public var next: SequenceNumber { SequenceNumber(value + 1) }
  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
  public var description: String { "\(value)" }
}

/// A dense number from 1 for things of one kind, given once and never reused. 0 is none.
public protocol DenseIdentifier: Hashable, Comparable, Sendable {
  var value: UInt32 { get }
  init(_ value: UInt32)
}
extension DenseIdentifier {
  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
  public static var none: Self { Self(0) }
  public var isNone: Bool { value == 0 }
}

/// A user: who pays.
public struct UserID: DenseIdentifier {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}
/// A caller's API key.
public struct KeyID: DenseIdentifier {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}
/// A group: platform, kind of payment, multiplier, limits.
public struct GroupID: DenseIdentifier {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}
/// An upstream account.
public struct AccountID: DenseIdentifier {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}
/// A subscription of one user to one group.
public struct SubscriptionID: DenseIdentifier {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}
/// A price book.
public struct PriceBookID: DenseIdentifier {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}
/// An interned model name.
public struct ModelID: DenseIdentifier {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}
/// An interned user agent.
public struct UserAgentID: DenseIdentifier {
  public let value: UInt32
  public init(_ value: UInt32) { self.value = value }
}

/// A request's identifier: 48 bits of milliseconds since 1970, 8 bits of partition (0 today),
/// 72 random bits. Text: 26 characters of Crockford's base32 (https://github.com/ulid/spec).
public struct ULID: Hashable, Sendable, CustomStringConvertible {
  public let high: UInt64
  public let low: UInt64
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
  public static let none = ULID(high: 0, low: 0)

  /// - Parameters:
  ///   - time: only its milliseconds are kept; negative times count as 0.
  ///   - random: 72 bits are used: the low 8 of `random.0`, all of `random.1`.
  public init(time: Timestamp, partition: UInt8 = 0, random: (UInt64, UInt64)) {
    let milliseconds = UInt64(max(0, time.microseconds) / 1000) & 0xFFFF_FFFF_FFFF
    high = milliseconds << 16 | UInt64(partition) << 8 | random.0 & 0xFF
    low = random.1
  }

  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  public var description: String {
    var text = [UInt8](repeating: 0, count: 26)
    var rest = UInt128(high) << 64 | UInt128(low)
    for i in stride(from: 25, through: 0, by: -1) {
      text[i] = Self.alphabet[Int(rest & 31)]
      rest >>= 5
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Reads the 26 characters; nil for anything else (letter case is ignored).
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.uppercased().utf8)
    guard bytes.count == 26, bytes[0] <= UInt8(ascii: "7") else { return nil }
    var all: UInt128 = 0
    for byte in bytes {
      guard let digit = Self.alphabet.firstIndex(of: byte) else { return nil }
      all = all << 5 | UInt128(digit)
    }
    self.init(high: UInt64(truncatingIfNeeded: all >> 64), low: UInt64(truncatingIfNeeded: all))
  }
}
