// The records of one block, one after another, without a copy.
internal import Base

/// A run of records with neighbouring sequence numbers.
public struct RecordBatch: ~Escapable {
  /// The canonical bytes of all records, end to end.
  public let bytes: Span<UInt8>
  public let first: SequenceNumber
  /// Records in the whole batch.
  public let count: Int
  private var position = 0
  private var taken = 0

  /// - Precondition: the bytes are whole records, `count` of them.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, first: SequenceNumber, count: Int) {
    self.bytes = bytes
    self.first = first
    self.count = count
  }

  public var last: SequenceNumber { SequenceNumber(first.value &+ UInt64(count) &- 1) }
  /// The sequence number of the record that `next` gave last.
  public var sequence: SequenceNumber { SequenceNumber(first.value &+ UInt64(taken) &- 1) }
  /// Bytes of the batch before the record that `next` will give.
  public var offset: Int { position }

  /// The next record; nil after the last.
  @_lifetime(copy self)
  public mutating func next() -> RecordView? {
    guard position < bytes.count else { return nil }
    let length = Int(bytes.load(position, as: UInt32.self))
    let record = RecordView(bytes.extracting(position..<position &+ length))
    position &+= length
    taken &+= 1
    return record
  }

  /// Steps over records with sequence numbers below `sequence`.
  @_lifetime(self: copy self)
  public mutating func skip(to sequence: SequenceNumber) {
    while position < bytes.count, first.value &+ UInt64(taken) < sequence.value {
      position &+= Int(bytes.load(position, as: UInt32.self))
      taken &+= 1
    }
  }

  /// How many whole records the bytes are; nil when they are anything else.
  static func count(in bytes: Span<UInt8>) -> Int? {
    var offset = 0
    var count = 0
    while offset < bytes.count {
      guard let length = RecordView.lengthOfRecord(in: bytes, at: offset) else { return nil }
      offset &+= length
      count &+= 1
    }
    return count
  }
}
