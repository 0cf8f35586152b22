// Requests between their admission and their end, and those whose end nobody knows.
//
// A slot holds one request; free slots are reused, last freed first. The slot of an admission is
// found in a ring by its sequence number; when a newer admission needs the place of an old one that
// is still open, the old one moves to a dictionary. Few do: the ring is larger than what is open.
public import Base
public import Ledger

/// An admitted request that is open, or whose outcome is unknown.
public struct OpenRequest: StoredRow {
  /// The admission.
  public internal(set) var sequence = SequenceNumber.none
  public internal(set) var user = UserID.none
  public internal(set) var key = KeyID.none
  public internal(set) var group = GroupID.none
  public internal(set) var subscription = SubscriptionID.none
  public internal(set) var target = PaymentTarget.balance
  /// True once outcome_unknown released the hold; only a late settlement may follow.
  public internal(set) var isUnknown = false
  public internal(set) var serviceDay = DayNumber(0)
  public internal(set) var serviceTime = Timestamp(microseconds: 0)
  public internal(set) var hold = NanoUSD.zero
  public internal(set) var requestID = ULID.none
  public init() {}
  public var party: Party {
    Party(user: user, key: key, admission: sequence, serviceDay: serviceDay)
  }

  public static var table: String { "open_requests" }
  public static var keyColumn: String { "slot" }
  public var isVacant: Bool { sequence == .none }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("sequence", &sequence)
    try coder.field("user", &user)
    try coder.field("key", &key)
    try coder.field("group_id", &group)
    try coder.field("subscription", &subscription)
    try coder.code("target", &target)
    try coder.field("outcome_unknown", &isUnknown)
    try coder.field("service_day", &serviceDay)
    try coder.field("service_us", &serviceTime)
    try coder.money("hold_nano_usd", &hold)
    var bytes = requestID.bytes
    try coder.column("request_id", &bytes)
    guard let id = ULID(bytes: bytes) else { throw .damaged("a request id") }
    requestID = id
  }
}

/// All open requests and unknown outcomes.
public struct OpenRequests: Sendable {
  /// Places in the ring: admissions this far apart share one.
  static let ringSize = 1 << 14

  var slots = Table<OpenRequest>()
  private var free: [Int32] = []
  /// Slot by the low bits of the admission's sequence number; 0 = none.
  private var ring = [Int32](repeating: 0, count: ringSize)
  private var overflow: [UInt64: Int32] = [:]
  /// Slots of unknown outcomes by admission.
  private var unknown: [UInt64: Int32] = [:]
  /// Requests in flight.
  public private(set) var openCount = 0
  init() {}

  public var unknownCount: Int { unknown.count }
  /// Money held for all open requests.
  public private(set) var held = NanoUSD.zero

  private static func place(_ sequence: SequenceNumber) -> Int {
    Int(truncatingIfNeeded: sequence.value) & (ringSize - 1)
  }

  private func slot(_ sequence: SequenceNumber) -> Int? {
    let slot = Int(ring[Self.place(sequence)])
    if slot != 0, slots[slot].sequence == sequence { return slot }
    return overflow[sequence.value].map { Int($0) }
  }

  /// An open request by its admission.
  public func open(_ admission: SequenceNumber) -> OpenRequest? {
    slot(admission).map { slots[$0] }
  }
  /// A request whose outcome is unknown, by its admission.
  public func unknownOutcome(_ admission: SequenceNumber) -> OpenRequest? {
    unknown[admission.value].map { slots[Int($0)] }
  }
  /// Open requests in the order of their admission.
  public var allOpen: [OpenRequest] { all.filter { !$0.isUnknown } }
  /// Unknown outcomes in the order of their admission.
  public var allUnknown: [OpenRequest] { all.filter(\.isUnknown) }
  var all: [OpenRequest] {
    slots.occupied.map(\.row).sorted { $0.sequence < $1.sequence }
  }

  private mutating func enter(_ request: OpenRequest) {
    let slot: Int
    if let last = free.popLast() {
      slot = Int(last)
      slots.set(slot, request)
    } else {
      slot = slots.append(request)
    }
    index(request.sequence, slot)
    openCount += 1
    held.value &+= request.hold.value
  }

  private mutating func index(_ sequence: SequenceNumber, _ slot: Int) {
    let place = Self.place(sequence)
    let old = Int(ring[place])
    if old != 0 { overflow[slots[old].sequence.value] = Int32(truncatingIfNeeded: old) }
    ring[place] = Int32(truncatingIfNeeded: slot)
  }

  private mutating func unindex(_ sequence: SequenceNumber) -> Int? {
    let place = Self.place(sequence)
    let slot = Int(ring[place])
    let found: Int
    if slot != 0, slots[slot].sequence == sequence {
      ring[place] = 0
      found = slot
    } else if let old = overflow.removeValue(forKey: sequence.value) {
      found = Int(old)
    } else {
      return nil
    }
    openCount -= 1
    held.value &-= slots[found].hold.value
    return found
  }

  /// Ends an open request.
  /// - Returns: what it held.
  mutating func close(
    _ admission: SequenceNumber, _ sequence: SequenceNumber
  ) throws(FoldFault) -> OpenRequest {
    guard let slot = unindex(admission) else {
      throw FoldFault(sequence, .notOpen(admission: admission))
    }
    let request = slots[slot]
    slots.set(slot, OpenRequest())
    free.append(Int32(truncatingIfNeeded: slot))
    return request
  }

  /// Ends an open request without knowing how; it waits for the upstream's bill.
  mutating func loseTrack(
    _ admission: SequenceNumber, _ sequence: SequenceNumber
  ) throws(FoldFault) -> OpenRequest {
    guard let slot = unindex(admission) else {
      throw FoldFault(sequence, .notOpen(admission: admission))
    }
    slots.update(slot) { $0.isUnknown = true }
    unknown[admission.value] = Int32(truncatingIfNeeded: slot)
    return slots[slot]
  }

  /// Ends a request whose outcome was unknown.
  mutating func settleLate(
    _ admission: SequenceNumber, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard let slot = unknown.removeValue(forKey: admission.value) else {
      throw FoldFault(sequence, .notOpen(admission: admission))
    }
    slots.set(Int(slot), OpenRequest())
    free.append(slot)
  }

  // MARK: - Checkpoints

  mutating func reindex() {
    openCount = 0
    for slot in (1..<slots.count).reversed() where slots[slot].isVacant {
      free.append(Int32(truncatingIfNeeded: slot))
    }
    for (slot, request) in slots.occupied.sorted(by: { $0.row.sequence < $1.row.sequence }) {
      if request.isUnknown {
        unknown[request.sequence.value] = Int32(truncatingIfNeeded: slot)
      } else {
        index(request.sequence, slot)
        openCount += 1
        held.value &+= request.hold.value
      }
    }
  }
}

extension OpenRequests: Projection {
  public static let version = 1

  /// Opens; closing goes through `close`, which gives back what was held.
  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    guard record.type == RecordType.billingChecked.rawValue else { return }
    let check = BillingCheckedView(record)
    guard check.allowed else { return }
    guard record.admission == sequence else {
      throw FoldFault(sequence, .unknown("an admission numbered \(record.admission)"))
    }
    var request = OpenRequest()
    request.sequence = sequence
    request.user = record.user
    request.key = record.key
    request.group = check.group
    request.subscription = check.subscription
    request.target = check.target
    request.serviceDay = record.serviceDay
    request.serviceTime = record.time
    request.hold = check.hold
    request.requestID = check.requestID
    enter(request)
  }
}
