// What `verify` looks at inside of records: reserved bytes are zero, and the money of a sealed
// segment adds up to its footer's control totals. A type of a later version is no damage.
public import Ledger

extension VerificationRequest {
  /// A request that knows this version's events.
  public static var ofEvents: VerificationRequest {
    var request = VerificationRequest()
    let reserved = ReservedBytes()
    request.check = { record in reserved.problem(record) }
    request.count = Sealer.count
    return request
  }
}

/// Offsets of each type's fixed part that no field covers.
struct ReservedBytes: Sendable {
  private let offsets: [UInt16: [Int]]

  init() {
    var offsets: [UInt16: [Int]] = [:]
    for type in RecordType.allCases {
      let payload = type.payload
      var free = Set(RecordView.headerLength..<payload.fixedLength)
      for field in Event.fields(of: payload.init()) {
        guard let start = field.offset else { continue }
        free.subtract(start..<start + field.width)
      }
      offsets[type.rawValue] = free.sorted()
    }
    self.offsets = offsets
  }

  /// What is wrong with a record; nil when nothing is. Bytes behind the fixed part that this
  /// version knows belong to a later one.
  func problem(_ record: borrowing RecordView) -> String? {
    let fixed = record.fixed
    for offset in offsets[record.type & ~RecordType.skippableBit] ?? [] where offset < fixed {
      if record.u8(offset) != 0 { return "the record's reserved byte at \(offset) is not zero" }
    }
    return nil
  }
}
