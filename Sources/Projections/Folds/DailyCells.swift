// Daily cells: what each (user, key, group, target, model, service day) used and cost. The model is
// the one whose price was used. The base of charts, statements and re-pricing.
//
// Memory holds the cells of the two newest service days. Those of older days live in the checkpoint
// store only: at a new day the changed ones are handed to the next checkpoint (`retired`), and what
// happens to an old day later is an addition to what the store holds (`additions`).
public import Base
public import Ledger

/// What a cell counts for.
public struct CellKey: Hashable, Comparable, Sendable {
  public var day = DayNumber(0)
  public var user = UserID.none
  public var key = KeyID.none
  public var group = GroupID.none
  public var model = ModelID.none
  public var target = PaymentTarget.balance
  public init() {}

  public static func < (a: Self, b: Self) -> Bool {
    (a.day, a.user, a.key, a.group, a.model, a.target.rawValue)
      < (b.day, b.user, b.key, b.group, b.model, b.target.rawValue)
  }
  public func hash(into hasher: inout Hasher) { hasher.combine(mixed) }
  /// Well mixed: the index takes its low bits.
  var mixed: UInt64 {
    var hash = UInt64(user.value) << 32 | UInt64(key.value)
    hash = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
    hash ^= UInt64(group.value) << 34 ^ UInt64(model.value) << 2 ^ UInt64(target.rawValue)
    hash = (hash ^ hash >> 32) &* 0x94D0_49BB_1331_11EB
    hash ^= UInt64(UInt32(bitPattern: day.value))
    hash = (hash ^ hash >> 31) &* 0x9E37_79B9_7F4A_7C15
    return hash ^ hash >> 29
  }
}

/// A cell: booked sums, and what corrections added to them.
public struct DailyCell: StoredRow {
  public internal(set) var key = CellKey()
  /// As booked; `charged` is without corrections.
  public internal(set) var usage = UsageSum()
  public internal(set) var listCorrected = NanoUSD.zero
  public internal(set) var corrected = NanoUSD.zero
  public init() {}
  public static var table: String { "daily_cells" }
  public static var keyColumn: String { "cell" }
  public var isVacant: Bool { key.key.isNone }

  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try keyColumns(&coder)
    try usage.columns(
      &coder,
      .init(
        requests: "requests", input: "input_tokens", output: "output_tokens",
        cacheWrite: "cache_write_tokens", cacheRead: "cache_read_tokens",
        list: "list_nano_usd", charged: "charged_nano_usd"))
    try coder.money("list_corrected_nano_usd", &listCorrected)
    try coder.money("corrected_nano_usd", &corrected)
  }
  /// Booked and corrected.
  public var net: UsageSum {
    var sum = CorrectionSum()
    sum.list = listCorrected
    sum.charged = corrected
    return usage.corrected(by: sum)
  }
  /// The first `keyColumnCount` columns.
  mutating func keyColumns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("day", &key.day)
    try coder.field("user", &key.user)
    try coder.field("key", &key.key)
    try coder.field("group_id", &key.group)
    try coder.field("model", &key.model)
    try coder.code("target", &key.target)
  }
  static let keyColumnCount = 6

  /// Adds what another cell of the same key holds.
  mutating func merge(_ other: DailyCell) {
    usage.merge(other.usage)
    listCorrected.value &+= other.listCorrected.value
    corrected.value &+= other.corrected.value
  }
}

public struct DailyCells: Sendable {
  var cells = Table<DailyCell>()
  private var free: [Int32] = []
  /// Open addressing by `CellKey.mixed`; 0 = empty. Its size is a power of two.
  private var index = [Int32](repeating: 0, count: 1024)
  private var used = 0
  /// The cell each key used last: the next event's is mostly the same one.
  private var lastOfKey: [Int32] = []
  /// The cells of each key as a list: its newest one, and behind each slot the next; 0 = the end.
  private var headOfKey: [Int32] = []
  private var nextOfSlot: [Int32] = []
  /// The newest service day seen.
  public private(set) var newestDay = DayNumber(.min)
  /// Cells that left memory changed, as they were; and additions to cells not in memory.
  private(set) var retired: [DailyCell] = []
  private(set) var additions: [CellKey: DailyCell] = [:]
  init() {}

  /// The cells of the two newest service days.
  public var recent: [DailyCell] {
    cells.occupied.map(\.row).sorted { $0.key < $1.key }
  }
  /// A key's cells of the two newest service days, in no order.
  func recent(of key: KeyID) -> [DailyCell] {
    var found: [DailyCell] = []
    let index = Int(key.value)
    var slot = index < headOfKey.count ? Int(headOfKey[index]) : 0
    while slot != 0 {
      found.append(cells[slot])
      slot = Int(nextOfSlot[slot])
    }
    return found
  }
  private mutating func link(_ slot: Int) {
    let key = Int(cells[slot].key.key.value)
    while headOfKey.count <= key { headOfKey.append(0) }
    while nextOfSlot.count <= slot { nextOfSlot.append(0) }
    nextOfSlot[slot] = headOfKey[key]
    headOfKey[key] = Int32(truncatingIfNeeded: slot)
  }
  /// Whether a checkpoint took everything of older days that happened.
  var areOlderStored: Bool { retired.isEmpty && additions.isEmpty }
  var olderCount: Int { retired.count + additions.count }
  var oldestKept: DayNumber {
    DayNumber(max(newestDay.value, Int32.min + 1) - 1)
  }

  /// The slot of a cell kept in memory, made when missing.
  private mutating func find(_ key: CellKey) -> Int {
    let keyIndex = Int(key.key.value)
    if keyIndex < lastOfKey.count {
      let slot = Int(lastOfKey[keyIndex])
      if slot != 0, cells[slot].key == key { return slot }
    }
    let slot = lookup(key) ?? enter(key)
    while lastOfKey.count <= keyIndex { lastOfKey.append(0) }
    lastOfKey[keyIndex] = Int32(truncatingIfNeeded: slot)
    return slot
  }

  private func lookup(_ key: CellKey) -> Int? {
    let mask = index.count - 1
    var place = Int(truncatingIfNeeded: key.mixed) & mask
    while index[place] != 0 {
      let slot = Int(index[place])
      if cells[slot].key == key { return slot }
      place = (place + 1) & mask
    }
    return nil
  }

  private mutating func enter(_ key: CellKey) -> Int {
    var cell = DailyCell()
    cell.key = key
    let slot: Int
    if let last = free.popLast() {
      slot = Int(last)
      cells.set(slot, cell)
    } else {
      slot = cells.append(cell)
    }
    link(slot)
    used += 1
    if used * 2 > index.count { rebuildIndex(size: index.count * 2) } else { place(slot) }
    return slot
  }

  private mutating func place(_ slot: Int) {
    let mask = index.count - 1
    var place = Int(truncatingIfNeeded: cells[slot].key.mixed) & mask
    while index[place] != 0 { place = (place + 1) & mask }
    index[place] = Int32(truncatingIfNeeded: slot)
  }

  private mutating func rebuildIndex(size: Int) {
    index = [Int32](repeating: 0, count: size)
    for slot in 1..<cells.count where !cells[slot].isVacant { place(slot) }
  }

  /// Begins a new newest day: cells of days before the one before it leave memory.
  private mutating func turn(to day: DayNumber) {
    newestDay = day
    for slot in 1..<cells.count where !cells[slot].isVacant {
      guard cells[slot].key.day < oldestKept else { continue }
      let (wasChanged, cell) = cells.forget(slot)
      if wasChanged { retired.append(cell) }
      free.append(Int32(truncatingIfNeeded: slot))
      used -= 1
    }
    rebuildIndex(size: index.count)
    for key in lastOfKey.indices { lastOfKey[key] = 0 }
    for key in headOfKey.indices { headOfKey[key] = 0 }
    for slot in 1..<cells.count where !cells[slot].isVacant { link(slot) }
  }

  mutating func correct(
    _ key: CellKey, list: NanoUSD, charged: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    var fresh = DailyCell()
    fresh.key = key
    if key.day > newestDay { turn(to: key.day) }
    let slot = key.day < oldestKept ? nil : find(key)
    var cell = slot.map { cells[$0] } ?? additions[key] ?? fresh
    try cell.listCorrected.add(list, "a cell's list corrections", sequence)
    try cell.corrected.add(charged, "a cell's corrections", sequence)
    if let slot { cells.set(slot, cell) } else { additions[key] = cell }
  }

  // MARK: - Checkpoints

  /// What the next checkpoint adds to or puts beside the stored cells. Taken as the cut begins.
  mutating func takeOlder() -> OlderCells {
    defer {
      retired = []
      additions = [:]
    }
    return OlderCells(
      retired: retired, additions: additions.values.sorted { $0.key < $1.key })
  }

  /// Takes a stored cell in; those of older days stay in the store.
  mutating func load(_ cell: DailyCell) {
    let slot = enter(cell.key)
    _ = cells.forget(slot)
    do { try cells.load(slot, cell) } catch { preconditionFailure("\(error)") }
  }
  mutating func prepareToLoad(newestDay: DayNumber) { self.newestDay = newestDay }
  func isKept(_ day: DayNumber) -> Bool { day >= oldestKept }
}

/// Changes of cells that are not in memory: `retired` replace what is stored, then `additions` are
/// added to it.
public struct OlderCells: Sendable {
  public let retired: [DailyCell]
  public let additions: [DailyCell]
}

extension DailyCells: Projection {
  public static let version = 1

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    guard
      record.type == RecordType.forwardSettled.rawValue
        || record.type == RecordType.lateSettled.rawValue
    else { return }
    let settled = ForwardSettledView(record)
    let key = CellKey(ofSettlement: record)
    if key.day > newestDay { turn(to: key.day) }
    if key.day < oldestKept {
      var cell = additions[key] ?? DailyCell()
      cell.key = key
      try cell.usage.add(settled, sequence)
      additions[key] = cell
      return
    }
    let slot = find(key)
    var cell = cells[slot]
    try cell.usage.add(settled, sequence)
    cells.set(slot, cell)
  }
}
