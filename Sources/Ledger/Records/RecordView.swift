// One record, read in place. The canonical bytes of an event, little-endian:
//
//   at  size  field
//    0     4  length of the whole record, itself included: 16 ... 65,535
//    4     2  type (RecordType); bit 15 set = may be skipped by a reader that does not know it
//    6     2  fixed: bytes from the record's start to its first string, >= 16
//    8     8  time, microseconds since 1970 UTC
//   16     .  fields of fixed width, zero where reserved
//   fixed  .  strings: u16 length + bytes each
//
// Traffic and money records have, right after the header and at the same offsets:
//   16 user u32 | 20 key u32 | 24 admission u64 | 32 service day i32
//
// A field beyond `fixed` and a string beyond the end are absent and read as 0 and "": the fixed
// length is the version. Extra bytes of either part are ignored.
public import Base

/// A record over bytes that somebody else owns. Copies nothing, allocates nothing.
public struct RecordView: ~Escapable {
  public let bytes: Span<UInt8>

  /// - Precondition: the bytes hold one whole record (`RecordView.lengthOfRecord` checked it).
  @inlinable
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  public static let headerLength = 16
  public static let greatestLength = 65_535

  /// The length of the record that begins at `offset`, or nil when the bytes there cannot be one:
  /// fewer than 16 left, a length out of range or beyond the end, `fixed` out of range.
  public static func lengthOfRecord(in bytes: Span<UInt8>, at offset: Int) -> Int? {
    guard offset >= 0, bytes.count - offset >= headerLength else { return nil }
    let length = Int(bytes.load(offset, as: UInt32.self))
    let fixed = Int(bytes.load(offset + 6, as: UInt16.self))
    guard length >= headerLength, length <= greatestLength, length <= bytes.count - offset,
      fixed >= headerLength, fixed <= length
    else { return nil }
    return length
  }

  /// Whether the bytes are one whole record and nothing else.
  public static func isWhole(_ bytes: [UInt8]) -> Bool {
    lengthOfRecord(in: bytes.span, at: 0) == bytes.count
  }

  @inlinable public var type: UInt16 { bytes.load(4, as: UInt16.self) }
  @inlinable public var fixed: Int { Int(bytes.load(6, as: UInt16.self)) }
  @inlinable public var time: Timestamp { Timestamp(microseconds: bytes.load(8, as: Int64.self)) }

  // Shared by traffic and money records.
  @inlinable public var user: UserID { UserID(u32(16)) }
  @inlinable public var key: KeyID { KeyID(u32(20)) }
  @inlinable public var admission: SequenceNumber { SequenceNumber(u64(24)) }
  @inlinable public var serviceDay: DayNumber { DayNumber(Int32(bitPattern: u32(32))) }

  @inlinable public func u8(_ at: Int) -> UInt8 { at + 1 <= fixed ? bytes[at] : 0 }
  @inlinable public func u16(_ at: Int) -> UInt16 {
    at + 2 <= fixed ? bytes.load(at, as: UInt16.self) : 0
  }
  @inlinable public func u32(_ at: Int) -> UInt32 {
    at + 4 <= fixed ? bytes.load(at, as: UInt32.self) : 0
  }
  @inlinable public func u64(_ at: Int) -> UInt64 {
    at + 8 <= fixed ? bytes.load(at, as: UInt64.self) : 0
  }
  @inlinable public func i64(_ at: Int) -> Int64 { Int64(bitPattern: u64(at)) }
  @inlinable public func money(_ at: Int) -> NanoUSD { NanoUSD(i64(at)) }

  /// Bytes of the string with this index (from 0) as a range of the record; nil when absent.
  public func stringRange(_ index: Int) -> Range<Int>? {
    var at = fixed
    var left = index
    while at + 2 <= bytes.count {
      let end = at + 2 + Int(bytes.load(at, as: UInt16.self))
      guard end <= bytes.count else { return nil }
      if left == 0 { return (at + 2)..<end }
      left -= 1
      at = end
    }
    return nil
  }

  /// The string with this index, "" when absent; invalid UTF-8 is repaired.
  public func string(_ index: Int) -> String {
    guard let range = stringRange(index) else { return "" }
    return unsafe bytes.extracting(range).withUnsafeBufferPointer {
      unsafe String(decoding: $0, as: UTF8.self)
    }
  }
}
