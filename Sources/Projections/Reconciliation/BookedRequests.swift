// The ledger's side of a comparison by ids: about 130 bytes for each settlement of the range, and
// an index over message ids, request ids and the upstream's request ids in one.
import Base
import Ledger

/// An id as 128 bits of its SHA-256; what is no id is none.
struct IDHash: Hashable {
  var high: UInt64 = 0
  var low: UInt64 = 0
  static let none = IDHash()
  var isNone: Bool { self == .none }

  private init() {}
  init(_ text: String) {
    guard !text.isEmpty else { return }
    // Request ids may be written in lower case.
    let digest = sha256(Array((ULID(text)?.description ?? text).utf8))
    high = digest.load(0, as: UInt64.self)
    low = digest.load(8, as: UInt64.self) | 1
  }
}

/// Which amount of ours a bill is compared with.
public enum BookedCost: String, CaseIterable, Sendable {
  /// What the upstream's prices make it: what its bill should say.
  case list
  /// What the caller was charged: what a client's log should say.
  case charged
}

/// A settlement, as much as a comparison needs of it.
struct BookedRequest {
  var message = IDHash.none
  var request = IDHash.none
  var upstreamRequest = IDHash.none
  var sequence = SequenceNumber.none
  var day = DayNumber(0)
  var input: UInt32 = 0
  var output: UInt32 = 0
  var cacheRead: UInt32 = 0
  var cacheWrite: UInt32 = 0
  var cost = NanoUSD.zero
  /// A row of the other side was compared with it.
  var isMatched = false

  init(_ settlement: Settlement, _ sequence: SequenceNumber, day: DayNumber, cost: BookedCost) {
    message = IDHash(settlement.upstreamMessageID)
    request = IDHash(settlement.requestID.description)
    upstreamRequest = IDHash(settlement.upstreamRequestID)
    self.sequence = sequence
    self.day = day
    input = UInt32(clamping: settlement.usage.input)
    output = UInt32(clamping: settlement.usage.output)
    cacheRead = UInt32(clamping: settlement.usage.cacheRead)
    cacheWrite = UInt32(
      clamping: settlement.usage.cacheWrite5m + settlement.usage.cacheWrite1h)
    self.cost = cost == .list ? settlement.list : settlement.charged
  }
}

/// All settlements of the range, found by their ids.
struct BookedRequests {
  private(set) var rows: [BookedRequest] = []
  /// Row + 1 by the low bits of an id's hash, the next free place for each; 0 = free.
  private var index: [UInt32] = []

  mutating func add(_ row: BookedRequest, limit: Int) throws(InvoiceError) {
    guard rows.count < limit else {
      throw InvoiceError(
        0,
        "the range holds more than \(limit) settlements: compare fewer days at a time "
          + "with --from and --to, or one --account")
    }
    rows.append(row)
  }

  /// Call once, when all are there.
  mutating func buildIndex() {
    var size = 16
    while size < rows.count * 6 { size *= 2 }
    index = [UInt32](repeating: 0, count: size)
    for (number, row) in rows.enumerated() {
      for id in [row.message, row.request, row.upstreamRequest] where !id.isNone {
        var place = Int(truncatingIfNeeded: id.high) & (size - 1)
        while index[place] != 0 { place = (place + 1) & (size - 1) }
        index[place] = UInt32(number + 1)
      }
    }
  }

  enum Found: Equatable {
    case none
    case free(Int)
    /// It was compared with an earlier row of the other side.
    case taken(Int)
  }

  /// Of several settlements with one id the first that no row was compared with.
  func find(_ id: IDHash) -> Found {
    guard !id.isNone, !index.isEmpty else { return .none }
    var found = Found.none
    var place = Int(truncatingIfNeeded: id.high) & (index.count - 1)
    while index[place] != 0 {
      let number = Int(index[place]) - 1
      let row = rows[number]
      if row.message == id || row.request == id || row.upstreamRequest == id {
        if !row.isMatched { return .free(number) }
        if found == .none { found = .taken(number) }
      }
      place = (place + 1) & (index.count - 1)
    }
    return found
  }

  mutating func match(_ number: Int) { rows[number].isMatched = true }
}
