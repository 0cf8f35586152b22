// Which idempotency keys of administration were used in the last 24 hours, and by which event: what
// makes the second sending of a command answer the first one's answer, across restarts too.
//
// A ring of rows: the n-th command stands at slot n % limit + 1 and is overwritten by the one that
// comes `limit` later, which is refused while the row still counts. Whether a row counts is asked
// with a time, so nothing ever has to expire.
public import Base
public import Ledger

/// A command that carried an idempotency key.
struct CommandRow: StoredRow {
  /// 128 bits each of the hash of the key, and of the command with its arguments.
  var key = ULID.none
  var request = ULID.none
  var time = Timestamp(microseconds: 0)
  /// The command_answered that holds the answer.
  var sequence = SequenceNumber.none
  /// Counts commands from 0 on.
  var number: Int64 = 0
  static var table: String { "commands" }
  static var keyColumn: String { "slot" }
  var isVacant: Bool { sequence == .none }
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try Self.hash("key_hash", &key, &coder)
    try Self.hash("request_hash", &request, &coder)
    try coder.field("time_us", &time)
    try coder.field("sequence", &sequence)
    try coder.column("number", &number)
  }

  private static func hash(
    _ name: StaticString, _ hash: inout ULID, _ coder: inout some ColumnCoder
  ) throws(StoreError) {
    var bytes = hash.bytes
    try coder.column(name, &bytes)
    guard let read = ULID(bytes: bytes) else { throw .damaged("column \(name) has not 16 bytes") }
    hash = read
  }
}

/// The first use of an idempotency key.
public struct KnownCommand: Equatable, Sendable {
  public let requestHash: [UInt8]
  public let time: Timestamp
  /// The command_answered that holds the answer.
  public let sequence: SequenceNumber
}

/// Idempotency keys that were used.
public struct Commands: Sendable {
  /// How many are remembered at a time.
  public static let limit = 1 << 16
  /// How long each is remembered.
  public static let keptSeconds: Int64 = 86_400

  var rows = Table<CommandRow>()
  private let limit: Int
  private var slotsByKey: [ULID: Int] = [:]
  /// The number the next command gets.
  private var next: Int64 = 0

  init(limit: Int = Self.limit) { self.limit = limit }

  /// The command that used a key in the 24 hours before `time`.
  /// - Parameter keyHash: 16 bytes.
  public func command(keyHash: [UInt8], at time: Timestamp) -> KnownCommand? {
    guard let key = ULID(bytes: keyHash), let slot = slotsByKey[key] else { return nil }
    let row = rows[slot]
    guard Self.counts(row, at: time) else { return nil }
    return KnownCommand(requestHash: row.request.bytes, time: row.time, sequence: row.sequence)
  }

  /// Whether one more key can be remembered.
  public func hasRoom(at time: Timestamp) -> Bool {
    !rows.holds(nextSlot) || !Self.counts(rows[nextSlot], at: time)
  }

  /// Why an event cannot be appended; nil when it can.
  func refusal(of event: CommandAnswered, at time: Timestamp) -> BooksRefusal? {
    guard event.keyHash.count == 16, event.requestHash.count == 16 else {
      return .outOfRange("a hash of the command")
    }
    if let known = command(keyHash: event.keyHash, at: time) {
      return .commandKnown(known.sequence)
    }
    return hasRoom(at: time) ? nil : .tooManyCommands
  }

  private var nextSlot: Int { Int(next % Int64(limit)) + 1 }

  private static func counts(_ row: CommandRow, at time: Timestamp) -> Bool {
    time < row.time.advanced(bySeconds: keptSeconds)
  }

  /// Makes the lookups anew after rows were loaded.
  mutating func reindex() {
    for (slot, row) in rows.occupied.sorted(by: { $0.row.number < $1.row.number }) {
      slotsByKey[row.key] = slot
      next = row.number + 1
    }
  }
}

extension Commands: Projection {
  public static let version = 1

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    guard RecordType(stored: record.type) == .commandAnswered else { return }
    let event = CommandAnswered(record)
    if let refusal = refusal(of: event, at: record.time) {
      throw FoldFault(sequence, .unknown("\(refusal)"))
    }
    var row = CommandRow()
    row.key = ULID(bytes: event.keyHash) ?? .none
    row.request = ULID(bytes: event.requestHash) ?? .none
    row.time = record.time
    row.sequence = sequence
    row.number = next
    let slot = nextSlot
    if rows.holds(slot) {
      if slotsByKey[rows[slot].key] == slot { slotsByKey[rows[slot].key] = nil }
      rows.set(slot, row)
    } else {
      rows.append(row)
    }
    slotsByKey[row.key] = slot
    next += 1
  }
}
