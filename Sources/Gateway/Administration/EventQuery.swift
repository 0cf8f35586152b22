// Pages of the log as JSON lines: `cat`, `credit list`. A page is bounded in bytes and in events
// looked at, so that no answer takes long and nothing is held whole in memory.
//
//   {"from": N, "to": N, "since": TIME, "until": TIME, "type": T, "user": U, "key": K}, each
//   optional
public import Base
public import Ledger
public import Projections

/// What is asked of the log.
public struct EventQuery: Sendable {
  var from = SequenceNumber.first
  /// nil = to the end.
  var to: SequenceNumber?
  /// Only events at or after, and before these times.
  var since: Timestamp?
  var until: Timestamp?
  var type: RecordType?
  var user: UserID?
  var key: KeyID?

  static let arguments = ["from", "to", "since", "until", "type", "user", "key"]
  /// A page ends behind the event that fills it.
  static let pageBytes = 1 << 20
  /// Events looked at for one page.
  static let pageEvents: UInt64 = 1_000_000

  /// - Throws: `.usage`, or `.unknown` for users and keys that do not exist.
  public init(_ object: JSONObject, _ books: borrowing Books) throws(AdministrationError) {
    let given = try AdministrationArguments(object, known: Self.arguments)
    if let from = try given.integer("from", in: 0...Int64.max) {
      self.from = max(.first, SequenceNumber(UInt64(from)))
    }
    to = try given.integer("to", in: 0...Int64.max).map { SequenceNumber(UInt64($0)) }
    since = try Self.moment(given, "since")
    until = try Self.moment(given, "until")
    if let since, let until, until < since { throw .usage("since is after until") }
    if let name = try given.text("type") {
      let names = RecordType.allCases.map(\.name)
      guard let known = RecordType.allCases.first(where: { $0.name == name }) else {
        throw .usage("no event is of type \"\(name)\"\(NearestName.hint(name, among: names))")
      }
      type = known
    }
    if let name = try given.text("user") { user = try books.user(called: name).id }
    if let name = try given.text("key") { key = try books.key(called: name).id }
  }

  private static func moment(
    _ given: AdministrationArguments, _ name: String
  ) throws(AdministrationError) -> Timestamp? {
    guard let text = try given.text(name) else { return nil }
    guard let time = Timestamp(text: text) else {
      throw .usage(
        "\(name) must be RFC 3339, like 2026-01-31T00:00:00Z, not \"\(text.clipped(toBytes: 64))\"")
    }
    return time
  }

  /// One page. What stands before damage is a page of its own: the next one throws.
  /// - Parameters:
  ///   - files: of the ledger; only what is durable is given.
  ///   - limit: lines, at most.
  /// - Returns: lines, and where the next page begins; nil at the end.
  public func page(
    _ files: LedgerFiles, _ names: EventNames, limit: Int = .max
  ) throws(LedgerError) -> (lines: [UInt8], next: UInt64?) {
    let last = min(to ?? files.durable, files.durable)
    var lines: [UInt8] = []
    var from = from
    if let since {
      let first = try RequestSearch.first(notBefore: since.microseconds, in: files)
      from = max(from, first ?? files.durable.next)
    }
    guard from <= last else { return (lines, nil) }
    var reader = LedgerReader(files, from: from)
    var position = from
    var looked: UInt64 = 0
    var found = 0
    while position <= last {
      guard var batch = try Self.next(&reader, orNil: !lines.isEmpty) else {
        return (lines, lines.isEmpty ? nil : position.value)
      }
      while let record = batch.next() {
        let sequence = batch.sequence
        guard sequence <= last else { return (lines, nil) }
        if let until, record.time >= until { return (lines, nil) }
        if matches(record) {
          lines += EventText.line(record, sequence: sequence, names: names)
          lines.append(10)
          found += 1
        }
        position = sequence.next
        looked += 1
        if found >= limit || lines.count >= Self.pageBytes || looked >= Self.pageEvents {
          return (lines, position <= last ? position.value : nil)
        }
      }
    }
    return (lines, nil)
  }

  /// The next batch; nil at the end, or instead of an error where there is something to show first.
  @_lifetime(&reader)
  private static func next(
    _ reader: inout LedgerReader, orNil hidesErrors: Bool
  ) throws(LedgerError) -> RecordBatch? {
    do throws(LedgerError) { return try reader.next() } catch {
      if hidesErrors { return nil }
      throw error
    }
  }

  private func matches(_ record: RecordView) -> Bool {
    let number = record.type & ~RecordType.skippableBit
    if let type, number != type.rawValue { return false }
    guard user != nil || key != nil else { return true }
    // Traffic and money records have both at fixed offsets; others are decoded.
    if (64..<192).contains(number) || number == RecordType.creditAdded.rawValue {
      return (user.map { $0 == record.user } ?? true) && (key.map { $0 == record.key } ?? true)
    }
    guard let event = Event(record) else { return false }
    let meanings = event.fields.map(\.meaning)
    return (user.map { meanings.contains(.user($0)) } ?? true)
      && (key.map { meanings.contains(.key($0)) } ?? true)
  }
}
