// The ledger's side of a comparison, as a reader elsewhere gets it: pages of the settlements of a
// range of service times, each the event's sequence number (8 bytes, little-endian) and its record.
// A page is bounded in bytes and in events looked at; the next one begins where it says.
public import Base
public import Ledger

/// Which settlements are wanted.
public struct SettlementQuery: Sendable {
  /// Service times, the end excluded.
  public var times: Range<Timestamp>
  /// nil = of all.
  public var account: AccountID?
  public var user: UserID?
  public var key: KeyID?
  /// Where to go on; nil = at the beginning.
  public var position: SequenceNumber?
  /// No event behind this one.
  public var last: SequenceNumber

  /// A page ends behind the event that fills it.
  static let pageBytes = 4 << 20
  /// Events looked at for one page.
  static let pageEvents: UInt64 = 4_000_000

  public init(times: Range<Timestamp>, last: SequenceNumber) {
    self.times = times
    self.last = last
  }

  /// - Returns: the page, and where the next one begins; nil at the end.
  public func page(
    of files: LedgerFiles
  ) throws(LedgerError) -> (bytes: [UInt8], next: SequenceNumber?) {
    let last = min(last, files.durable)
    var page: [UInt8] = []
    // A settlement is never booked before its service time, and times in the log never decrease.
    var start = position
    if start == nil {
      start = try RequestSearch.first(notBefore: times.lowerBound.microseconds, in: files)
    }
    guard let start, start <= last else { return (page, nil) }
    var reader = LedgerReader(files, from: start)
    var looked: UInt64 = 0
    while var batch = try reader.next() {
      while let record = batch.next() {
        let sequence = batch.sequence
        guard sequence <= last else { return (page, nil) }
        if isWanted(record) {
          let value = sequence.value
          for shift in stride(from: 0, to: 64, by: 8) {
            page.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
          }
          page.append(contentsOf: record.bytes)
        }
        looked += 1
        if page.count >= Self.pageBytes || looked >= Self.pageEvents {
          return (page, sequence < last ? sequence.next : nil)
        }
      }
    }
    return (page, nil)
  }

  private func isWanted(_ record: RecordView) -> Bool {
    guard
      record.type == RecordType.forwardSettled.rawValue
        || record.type == RecordType.lateSettled.rawValue
    else { return false }
    let settled = ForwardSettledView(record)
    return times.contains(settled.serviceTime) && (account.map { $0 == settled.account } ?? true)
      && (user.map { $0 == record.user } ?? true) && (key.map { $0 == record.key } ?? true)
  }
}

/// Reads a page again.
public struct SettlementPage {
  /// - Returns: false when the bytes are no whole page.
  public static func read(
    _ page: [UInt8], _ body: (SequenceNumber, Settlement) throws(InvoiceError) -> Void
  ) throws(InvoiceError) {
    let bytes = page.span
    var offset = 0
    while offset < bytes.count {
      guard bytes.count - offset > 8,
        let length = RecordView.lengthOfRecord(in: bytes, at: offset + 8)
      else { throw InvoiceError(0, "the ledger's answer is broken") }
      let sequence = SequenceNumber(bytes.load(offset, as: UInt64.self))
      let record = RecordView(bytes.extracting(offset + 8..<offset + 8 + length))
      switch record.type {
      case RecordType.forwardSettled.rawValue:
        try body(sequence, ForwardSettled(record).settlement)
      case RecordType.lateSettled.rawValue:
        try body(sequence, LateSettled(record).settlement)
      default: throw InvoiceError(0, "the ledger's answer is broken")
      }
      offset += 8 + length
    }
  }
}
