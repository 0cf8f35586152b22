// The batch being built: record bytes that wait for the writer. It lives inside the lock that also
// holds the live state, so a sequence number, a record and its effect are one decision.
//
// Two batches exist and are exchanged: callers fill one while the writer writes the other; their
// buffers are kept. Bounded: 8 MiB, of which the last 2 MiB take only what closes something that
// was already promised.
public import Base

/// Who may use the last 2 MiB of the batch.
public enum BatchReserve: Sendable {
  /// Anything that can still be refused.
  case ordinary
  /// Settlements and other events that end a granted request.
  case settlement
}

/// Where a record went.
public enum BatchAppend: Equatable, Sendable {
  /// Its sequence number, and its bytes as a range of `PendingBatch.bytes`.
  case appended(SequenceNumber, Range<Int>)
  /// No room until the writer took the batch; nothing was appended.
  case full
}

public struct PendingBatch: Sendable {
  /// Record bytes of the whole batch, at most.
  public static let greatestBytes = 8 << 20
  /// The part of it that only settlements may use.
  public static let settlementReserve = 2 << 20

  private var writer = RecordWriter()
  /// The sequence of the first record in it, or of the next one when it is empty.
  public private(set) var first: SequenceNumber
  /// Records in it.
  public private(set) var count = 0
  /// Where records begin that stand in the same block as the one before them.
  private var joints: Set<Int> = []
  /// The time of the last record of the log, this batch included.
  public private(set) var lastTime: Timestamp

  /// An empty batch that goes on behind the log's last record.
  public init(after last: SequenceNumber, lastTime: Timestamp) {
    first = last.next
    self.lastTime = lastTime
  }

  /// The canonical bytes of its records, end to end.
  public var bytes: [UInt8] { writer.bytes }
  public var isEmpty: Bool { count == 0 }
  /// The sequence number the next record gets.
  public var next: SequenceNumber { SequenceNumber(first.value + UInt64(count)) }

  /// Whether a record of the greatest length would fit.
  public func hasRoom(for reserve: BatchReserve) -> Bool {
    let limit =
      switch reserve {
      case .ordinary: Self.greatestBytes - Self.settlementReserve
      case .settlement: Self.greatestBytes
      }
    return writer.bytes.count + RecordView.greatestLength <= limit
  }

  /// Appends an event. Its time is `clock`, or the last record's when the clock is behind it: times
  /// never decrease.
  public mutating func append(
    _ payload: some RecordPayload, clock: Timestamp, reserve: BatchReserve
  ) throws(RecordError) -> BatchAppend {
    guard hasRoom(for: reserve) else { return .full }
    let time = max(clock, lastTime)
    let range = try writer.append(payload, time: time)
    if type(of: payload).type.joinsEventBefore { joints.insert(range.lowerBound) }
    lastTime = time
    count += 1
    return .appended(SequenceNumber(first.value + UInt64(count) - 1), range)
  }

  /// Appends a record that is encoded already.
  /// - Parameter joinsEventBefore: the record gets into the same block as the one before it.
  /// - Precondition: `record` is one whole record, its time not before `lastTime`.
  public mutating func append(
    record: Span<UInt8>, reserve: BatchReserve, joinsEventBefore: Bool = false
  ) -> BatchAppend {
    precondition(RecordView.lengthOfRecord(in: record, at: 0) == record.count)
    let time = RecordView(record).time
    precondition(time >= lastTime, "times never decrease")
    guard hasRoom(for: reserve) else { return .full }
    let start = writer.bytes.count
    writer.bytes.append(contentsOf: record)
    if joinsEventBefore { joints.insert(start) }
    lastTime = time
    count += 1
    return .appended(
      SequenceNumber(first.value + UInt64(count) - 1), start..<writer.bytes.count)
  }

  /// The record at a range that `append` gave.
  @_lifetime(borrow self)
  public func record(_ range: Range<Int>) -> RecordView {
    RecordView(writer.bytes.span.extracting(range))
  }

  /// Gives what is in it to `other` and goes on empty, with the buffer of `other`.
  public mutating func exchange(with other: inout PendingBatch) {
    other.first = next
    other.count = 0
    other.lastTime = lastTime
    other.writer.bytes.removeAll(keepingCapacity: true)
    if !other.joints.isEmpty { other.joints.removeAll() }
    swap(&self, &other)
  }

  /// The longest run of whole records from `offset` on that fits in one block and does not end
  /// between two that belong together.
  func part(from offset: Int) -> Part {
    let bytes = writer.bytes.span
    let wholeFits = bytes.count - offset <= BlockHeader.greatestRawBytes
    if offset == 0 && wholeFits {
      let first = RecordView(bytes.extracting(0..<Int(bytes.load(0, as: UInt32.self))))
      return Part(
        range: 0..<bytes.count, count: count, leastTime: first.time, greatestTime: lastTime)
    }
    var part = Part(
      range: offset..<offset, count: 0, leastTime: lastTime, greatestTime: lastTime)
    var whole = part
    while part.range.upperBound < bytes.count {
      let end = part.range.upperBound
      let length = Int(bytes.load(end, as: UInt32.self))
      // A block holds many times the longest pair, so `whole` is never empty then.
      if end + length - offset > BlockHeader.greatestRawBytes {
        return joints.contains(end) && whole.count > 0 ? whole : part
      }
      if !joints.contains(end) { whole = part }
      let time = RecordView(bytes.extracting(end..<end + length)).time
      if end == offset { part.leastTime = time }
      part.greatestTime = time
      part.count += 1
      part.range = offset..<end + length
    }
    return part
  }

  struct Part {
    var range: Range<Int>
    var count: Int
    var leastTime: Timestamp
    var greatestTime: Timestamp
  }
}
