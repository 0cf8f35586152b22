// How each type of the ledger is stored in a field of fixed width, and what it means to people.
public import Base

extension UInt8: FieldValue {
  public static var width: Int { 1 }
  public static var typeName: String { "u8" }
  public var bits: UInt64 { UInt64(self) }
  public init(bits: UInt64) { self.init(truncatingIfNeeded: bits) }
  public var meaning: FieldMeaning { .count(UInt64(self)) }
}
extension UInt16: FieldValue {
  public static var width: Int { 2 }
  public static var typeName: String { "u16" }
  public var bits: UInt64 { UInt64(self) }
  public init(bits: UInt64) { self.init(truncatingIfNeeded: bits) }
  public var meaning: FieldMeaning { .count(UInt64(self)) }
}
extension UInt32: FieldValue {
  public static var width: Int { 4 }
  public static var typeName: String { "u32" }
  public var bits: UInt64 { UInt64(self) }
  public init(bits: UInt64) { self.init(truncatingIfNeeded: bits) }
  public var meaning: FieldMeaning { .count(UInt64(self)) }
}
extension UInt64: FieldValue {
  public static var width: Int { 8 }
  public static var typeName: String { "u64" }
  public var bits: UInt64 { self }
  public init(bits: UInt64) { self = bits }
  public var meaning: FieldMeaning { .count(self) }
}
extension Int32: FieldValue {
  public static var width: Int { 4 }
  public static var typeName: String { "i32" }
  public var bits: UInt64 { UInt64(UInt32(bitPattern: self)) }
  public init(bits: UInt64) { self.init(truncatingIfNeeded: bits) }
  public var meaning: FieldMeaning { .signed(Int64(self)) }
}
extension Int64: FieldValue {
  public static var width: Int { 8 }
  public static var typeName: String { "i64" }
  public var bits: UInt64 { UInt64(bitPattern: self) }
  public init(bits: UInt64) { self.init(bitPattern: bits) }
  public var meaning: FieldMeaning { .signed(self) }
}
extension Bool: FieldValue {
  public static var width: Int { 1 }
  public static var typeName: String { "flag u8" }
  public var bits: UInt64 { self ? 1 : 0 }
  public init(bits: UInt64) { self = bits & 0xFF != 0 }
  public var meaning: FieldMeaning { .flag(self) }
}
extension NanoUSD: FieldValue {
  public static var width: Int { 8 }
  public static var typeName: String { "nano-USD i64" }
  public var bits: UInt64 { UInt64(bitPattern: value) }
  public init(bits: UInt64) { self.init(Int64(bitPattern: bits)) }
  public var meaning: FieldMeaning { .money(self) }
}
extension PartsPerMillion: FieldValue {
  public static var width: Int { 4 }
  public static var typeName: String { "ppm u32" }
  public var bits: UInt64 { UInt64(value) }
  public init(bits: UInt64) { self.init(UInt32(truncatingIfNeeded: bits)) }
  public var meaning: FieldMeaning { .multiplier(self) }
}
extension Timestamp: FieldValue {
  public static var width: Int { 8 }
  public static var typeName: String { "time us i64" }
  public var bits: UInt64 { UInt64(bitPattern: microseconds) }
  public init(bits: UInt64) { self.init(microseconds: Int64(bitPattern: bits)) }
  public var meaning: FieldMeaning { .time(self) }
}
extension DayNumber: FieldValue {
  public static var width: Int { 4 }
  public static var typeName: String { "day i32" }
  public var bits: UInt64 { UInt64(UInt32(bitPattern: value)) }
  public init(bits: UInt64) { self.init(Int32(truncatingIfNeeded: bits)) }
  public var meaning: FieldMeaning { .day(self) }
}
extension SequenceNumber: FieldValue {
  public static var width: Int { 8 }
  public static var typeName: String { "sequence u64" }
  public var bits: UInt64 { value }
  public init(bits: UInt64) { self.init(bits) }
  public var meaning: FieldMeaning { .sequence(self) }
}

extension DenseIdentifier {
  public static var width: Int { 4 }
  public var bits: UInt64 { UInt64(value) }
  public init(bits: UInt64) { self.init(UInt32(truncatingIfNeeded: bits)) }
}
extension UserID: FieldValue {
  public static var typeName: String { "user u32" }
  public var meaning: FieldMeaning { .user(self) }
}
extension KeyID: FieldValue {
  public static var typeName: String { "key u32" }
  public var meaning: FieldMeaning { .key(self) }
}
extension GroupID: FieldValue {
  public static var typeName: String { "group u32" }
  public var meaning: FieldMeaning { .group(self) }
}
extension AccountID: FieldValue {
  public static var typeName: String { "account u32" }
  public var meaning: FieldMeaning { .account(self) }
}
extension SubscriptionID: FieldValue {
  public static var typeName: String { "subscription u32" }
  public var meaning: FieldMeaning { .subscription(self) }
}
extension PriceBookID: FieldValue {
  public static var typeName: String { "price book u32" }
  public var meaning: FieldMeaning { .priceBook(self) }
}
extension ModelID: FieldValue {
  public static var typeName: String { "model u32" }
  public var meaning: FieldMeaning { .model(self) }
}
extension UserAgentID: FieldValue {
  public static var typeName: String { "user agent u32" }
  public var meaning: FieldMeaning { .userAgent(self) }
}

/// How long something took, in milliseconds; `absent` is stored as 2^32 - 1.
public struct Milliseconds: FieldValue, Hashable, Sendable {
  public let value: UInt32
  public static let absent = Milliseconds(UInt32.max)
  public init(_ value: UInt32) { self.value = value }
  /// From nanoseconds of a monotonic clock; clamped.
  public init(nanoseconds: Int64) {
    self.init(UInt32(clamping: min(Int64(UInt32.max) - 1, max(0, nanoseconds) / 1_000_000)))
  }
  public static var width: Int { 4 }
  public static var typeName: String { "ms u32" }
  public var bits: UInt64 { UInt64(value) }
  public init(bits: UInt64) { self.init(UInt32(truncatingIfNeeded: bits)) }
  public var meaning: FieldMeaning { self == .absent ? .text("") : .count(UInt64(value)) }
}

extension RecordCoder {
  /// A ULID: 16 bytes, high half first.
  mutating func ulid(_ value: inout ULID, at offset: Int) {
    var bytes = value.bytes
    self.bytes("request_id", &bytes, count: 16, at: offset)
    value = ULID(bytes: bytes) ?? .none
  }

  /// The five fields that traffic and money records share.
  mutating func party(_ party: inout Party) {
    field("user", &party.user, at: 16)
    field("key", &party.key, at: 20)
    field("admission_sequence", &party.admission, at: 24)
    field("service_day", &party.serviceDay, at: 32)
  }
}

/// Whose money, which request, and the local day it counts for: at the same offsets in every
/// traffic and money record.
public struct Party: Hashable, Sendable {
  public var user = UserID.none
  public var key = KeyID.none
  public var admission = SequenceNumber.none
  /// The local day of the service time, in the zone configured then.
  public var serviceDay = DayNumber(0)
  public init() {}
  public init(
    user: UserID, key: KeyID, admission: SequenceNumber, serviceDay: DayNumber
  ) {
    self.user = user
    self.key = key
    self.admission = admission
    self.serviceDay = serviceDay
  }
}

extension ULID {
  /// 16 bytes, most significant first.
  public var bytes: [UInt8] {
    (0..<16).map {
      UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64((7 - $0 % 8) * 8))
    }
  }
  /// nil unless there are 16 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    func half(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(high: half(bytes[..<8]), low: half(bytes[8...]))
  }
}
