// One function per event states its layout: `fields(_:)` names every field with its offset. The
// same function writes records, reads them, prints them and documents them, so these can never
// disagree. The hot folds read by RecordView at literal offsets; a test compares both.
public import Base

/// Goes through the fields of a record, in the order of their offsets, then its strings.
public protocol RecordCoder {
  /// A field of fixed width at `offset` from the record's start.
  mutating func field<Value: FieldValue>(
    _ name: StaticString, _ value: inout Value, at offset: Int)
  /// The next string (u16 length + UTF-8).
  mutating func text(_ name: StaticString, _ value: inout String)
  /// `count` raw bytes at `offset`: hashes, salts, addresses.
  mutating func bytes(
    _ name: StaticString, _ value: inout [UInt8], count: Int, at offset: Int)
  /// An upstream's identifier: packed into 24 bytes at `offset` where that round-trips, else the
  /// next string. A string, possibly empty, is always there.
  mutating func packedText(_ name: StaticString, _ value: inout String, at offset: Int)
}

/// A value that fits in 1, 2, 4 or 8 bytes.
public protocol FieldValue {
  /// 1, 2, 4 or 8.
  static var width: Int { get }
  /// The type as docs/format.md names it, with its unit.
  static var typeName: String { get }
  /// Low `width` bytes are stored.
  var bits: UInt64 { get }
  init(bits: UInt64)
  /// What it means to a person.
  var meaning: FieldMeaning { get }
}

/// A field's meaning, for people's output.
public enum FieldMeaning: Equatable, Sendable {
  case count(UInt64)
  case signed(Int64)
  case flag(Bool)
  case code(String)
  case money(NanoUSD)
  case multiplier(PartsPerMillion)
  case time(Timestamp)
  case day(DayNumber)
  case sequence(SequenceNumber)
  case user(UserID), key(KeyID), group(GroupID), account(AccountID), model(ModelID)
  case subscription(SubscriptionID), priceBook(PriceBookID), userAgent(UserAgentID)
  case text(String)
  case bytes([UInt8])
}

/// An event's payload: what one record holds besides its header.
public protocol RecordPayload: Equatable, Sendable {
  static var type: RecordType { get }
  /// Bytes from the record's start to its first string.
  static var fixedLength: Int { get }
  /// All fields absent.
  init()
  /// States the layout. Numbers are assigned once: fields are only ever added, at the end.
  mutating func fields(_ coder: inout some RecordCoder)
}

/// An event cannot be written: its strings do not fit in a record.
public enum RecordError: Error, Equatable {
  /// The whole record would be longer than 65,535 bytes.
  case tooLong(length: Int)
}

// MARK: - Writing

/// Appends records to a byte array.
public struct RecordWriter: RecordCoder, Sendable {
  public internal(set) var bytes: [UInt8] = []
  private var start = 0
  public init() {}

  /// Drops all records and keeps the room.
  public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Overwrites a field of the record appended last: what is known only once its place in the log
  /// is.
  public mutating func stamp(_ value: some FieldValue, at offset: Int) {
    store(value.bits, width: type(of: value).width, at: offset)
  }

  /// Appends one record.
  /// - Returns: the range of its bytes. On an error nothing was appended.
  public mutating func append(
    _ payload: some RecordPayload, time: Timestamp
  ) throws(RecordError) -> Range<Int> {
    start = bytes.count
    let fixed = type(of: payload).fixedLength
    bytes.append(contentsOf: repeatElement(0, count: fixed))
    store(UInt64(type(of: payload).type.stored), width: 2, at: 4)
    store(UInt64(fixed), width: 2, at: 6)
    store(UInt64(bitPattern: time.microseconds), width: 8, at: 8)
    var payload = payload
    payload.fields(&self)
    let length = bytes.count - start
    guard length <= RecordView.greatestLength else {
      bytes.removeSubrange(start...)
      throw .tooLong(length: length)
    }
    store(UInt64(length), width: 4, at: 0)
    return start..<bytes.count
  }

  private mutating func store(_ bits: UInt64, width: Int, at offset: Int) {
    let offset = start + offset
    switch width {
    case 1: bytes[offset] = UInt8(truncatingIfNeeded: bits)
    case 2: bytes.store(UInt16(truncatingIfNeeded: bits), at: offset)
    case 4: bytes.store(UInt32(truncatingIfNeeded: bits), at: offset)
    default: bytes.store(bits, at: offset)
    }
  }

  public mutating func field<Value: FieldValue>(
    _ name: StaticString, _ value: inout Value, at offset: Int
  ) { store(value.bits, width: Value.width, at: offset) }

  public mutating func text(_ name: StaticString, _ value: inout String) {
    let count = min(value.utf8.count, RecordView.greatestLength)
    bytes.append(UInt8(truncatingIfNeeded: count))
    bytes.append(UInt8(truncatingIfNeeded: count >> 8))
    bytes.append(contentsOf: value.utf8)
  }

  public mutating func bytes(
    _ name: StaticString, _ value: inout [UInt8], count: Int, at offset: Int
  ) {
    precondition(value.count <= count, "a raw field holds at most \(count) bytes")
    for (i, byte) in value.enumerated() { bytes[start + offset + i] = byte }
  }

  public mutating func packedText(_ name: StaticString, _ value: inout String, at offset: Int) {
    if let packed = PackedIdentifier(value) {
      bytes.store(packed.words.0, at: start + offset)
      bytes.store(packed.words.1, at: start + offset + 8)
      bytes.store(packed.words.2, at: start + offset + 16)
      bytes.append(0)
      bytes.append(0)
    } else {
      text(name, &value)
    }
  }
}

// MARK: - Reading

/// Fills a payload from a copy of a record's bytes (folds that must not copy use RecordView).
struct RecordReader: RecordCoder {
  private let record: [UInt8]
  private var strings = 0

  init(_ record: RecordView) {
    self.record = unsafe record.bytes.withUnsafeBufferPointer { unsafe Array($0) }
  }
  private func bits(width: Int, at offset: Int) -> UInt64 {
    let view = RecordView(record.span)
    return switch width {
    case 1: UInt64(view.u8(offset))
    case 2: UInt64(view.u16(offset))
    case 4: UInt64(view.u32(offset))
    default: view.u64(offset)
    }
  }
  mutating func field<Value: FieldValue>(
    _ name: StaticString, _ value: inout Value, at offset: Int
  ) { value = Value(bits: bits(width: Value.width, at: offset)) }
  mutating func text(_ name: StaticString, _ value: inout String) {
    value = RecordView(record.span).string(strings)
    strings += 1
  }
  mutating func bytes(
    _ name: StaticString, _ value: inout [UInt8], count: Int, at offset: Int
  ) { value = (0..<count).map { UInt8(truncatingIfNeeded: bits(width: 1, at: offset + $0)) } }
  mutating func packedText(_ name: StaticString, _ value: inout String, at offset: Int) {
    var slot: [UInt8] = []
    bytes(name, &slot, count: PackedIdentifier.length, at: offset)
    text(name, &value)
    if let packed = PackedIdentifier(bytes: slot) { value = packed.text }
  }
}

extension RecordPayload {
  /// Reads a record of this type. Never fails: absent fields have their stated default.
  public init(_ record: RecordView) {
    self.init()
    var reader = RecordReader(record)
    fields(&reader)
  }
}

// MARK: - Describing

/// Lists names, types, offsets and meanings of a payload's fields.
public struct FieldLister: RecordCoder {
  public struct Field: Equatable, Sendable {
    public let name: String
    public let typeName: String
    /// Offset from the record's start; nil for strings.
    public let offset: Int?
    public let width: Int
    public let meaning: FieldMeaning
  }
  public private(set) var fields: [Field] = []
  public init() {}

  private mutating func add(
    _ name: StaticString, _ typeName: String, _ offset: Int?, _ width: Int,
    _ meaning: FieldMeaning
  ) {
    fields.append(
      Field(
        name: "\(name)", typeName: typeName, offset: offset, width: width, meaning: meaning))
  }
  public mutating func field<Value: FieldValue>(
    _ name: StaticString, _ value: inout Value, at offset: Int
  ) { add(name, Value.typeName, offset, Value.width, value.meaning) }
  public mutating func text(_ name: StaticString, _ value: inout String) {
    add(name, "string", nil, 0, .text(value))
  }
  public mutating func bytes(
    _ name: StaticString, _ value: inout [UInt8], count: Int, at offset: Int
  ) { add(name, "bytes", offset, count, .bytes(value)) }
  public mutating func packedText(
    _ name: StaticString, _ value: inout String, at offset: Int
  ) { add(name, "packed id or string", offset, PackedIdentifier.length, .text(value)) }
}
