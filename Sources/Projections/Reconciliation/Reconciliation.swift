// Two sets of books compared, request by request or day by day. Pure: rows and settlements come in,
// findings go out; where they come from and where they go is the caller's.
//
//   1. `note` each row of a first pass over the file: it decides how to compare, and the days
//   2. `book` each settlement of `times`, then `endBooks`
//   3. `compare` each row of a second pass: findings
//   4. `ours` each settlement once more: what only we have; by days, `compareDays`
public import Base
public import Ledger

/// How and what is compared.
public struct ReconciliationOptions: Sendable {
  /// Days begin and end here; dates of the file are its.
  public var zone: LocalZone
  /// nil = the days of the file.
  public var from: DayNumber?
  public var to: DayNumber?
  /// Compare sums of days and models even where the file has ids.
  public var byDay = false
  public var cost = BookedCost.list
  /// Costs may differ by so much.
  public var tolerance = NanoUSD(1000)
  public var limits = ReconciliationLimits()
  public init(zone: LocalZone) { self.zone = zone }
}

/// What one comparison may hold in memory.
public struct ReconciliationLimits: Sendable {
  /// Settlements of the range: some 1.1 GB.
  public var settlements = 8_388_608
  /// Days and models.
  public var cells = 1_000_000
  /// Ids that only they have, remembered to find duplicates: some 100 MB.
  public var foreignIDs = 2_000_000
  public init() {}
}

public struct Reconciliation: Sendable {
  public let options: ReconciliationOptions
  /// Rows of the first pass.
  public private(set) var rowCount: Int64 = 0
  public private(set) var sums:
    [ReconciledClass: (ours: ReconciliationSums, theirs: ReconciliationSums)] = [:]
  /// Rows that repeat an id, and rows of other days: neither is counted.
  public private(set) var duplicates: Int64 = 0
  public private(set) var outside: Int64 = 0
  /// Rows without an id in a file of ids: only theirs.
  public private(set) var withoutID: Int64 = 0
  /// Rows that only they have beyond those that are remembered: not looked at for duplicates.
  public private(set) var unremembered: Int64 = 0

  /// Days and models that match, where those are compared.
  public private(set) var matchedCells = 0

  private var hasIDs = false
  private var hasRowWithoutDay = false
  private var days: ClosedRange<DayNumber>?
  private var matchedDays: ClosedRange<DayNumber>?
  private var booked = BookedRequests()
  private var cells = ReconciliationCells()
  private var foreign: Set<IDHash> = []
  private var dayCache: LocalDayCache
  private var position = 0

  public init(_ options: ReconciliationOptions) {
    self.options = options
    dayCache = LocalDayCache(options.zone)
    for kind in ReconciledClass.allCases { sums[kind] = (.init(), .init()) }
  }

  // MARK: - First pass

  public mutating func note(_ row: InvoiceRow) throws(InvoiceError) {
    rowCount += 1
    if row.hasID { hasIDs = true }
    guard let day = row.day else {
      if options.byDay {
        throw InvoiceError(row.line, "the row has no date: it cannot be compared by day")
      }
      hasRowWithoutDay = true
      return
    }
    days = Self.extended(days, to: day)
  }

  private static func extended(
    _ days: ClosedRange<DayNumber>?, to day: DayNumber
  ) -> ClosedRange<DayNumber> {
    guard let days else { return day...day }
    return min(days.lowerBound, day)...max(days.upperBound, day)
  }

  /// Whether single requests are compared; else sums of days and models.
  public var isByID: Bool { hasIDs && !options.byDay }

  /// The days compared; nil = unbounded until it is known where the ids of the file were found.
  public var range: ClosedRange<DayNumber>? {
    let from = options.from ?? (hasRowWithoutDay ? nil : days?.lowerBound)
    let to = options.to ?? (hasRowWithoutDay ? nil : days?.upperBound)
    guard from != nil || to != nil else { return matchedDays }
    let low = from ?? matchedDays?.lowerBound ?? DayNumber(-700_000)
    let high = to ?? matchedDays?.upperBound ?? DayNumber(2_900_000)
    return low <= high ? low...high : low...low
  }

  /// Service times of the settlements that are needed. By ids a day more on both sides: what ended
  /// after midnight may be another day's in their books.
  public var times: Range<Timestamp> {
    let from = options.from ?? (hasRowWithoutDay ? nil : days?.lowerBound)
    let to = options.to ?? (hasRowWithoutDay ? nil : days?.upperBound)
    let margin: Int32 = isByID ? 1 : 0
    let start = from.map { options.zone.start(of: $0.advanced(by: -margin)) }
    let end = to.map { options.zone.start(of: $0.advanced(by: 1 + margin)) }
    let lower = start ?? Timestamp(microseconds: 0)
    return lower..<max(lower, end ?? Timestamp(microseconds: .max))
  }

  // MARK: - Books

  /// Takes a settlement of ours.
  /// - Parameter model: the model's name as the upstream knows it.
  public mutating func book(
    _ settlement: Settlement, _ sequence: SequenceNumber, model: String
  ) throws(InvoiceError) {
    let day = dayCache.day(of: settlement.serviceTime)
    let row = BookedRequest(settlement, sequence, day: day, cost: options.cost)
    if isByID {
      try booked.add(row, limit: options.limits.settlements)
    } else if range?.contains(day) ?? true {
      try cells.add(row, day, model, limit: options.limits.cells)
    }
  }
  public mutating func endBooks() { booked.buildIndex() }

  // MARK: - Second pass

  /// Compares a row with our books.
  /// - Parameter state: where a request stands that was not settled, by its id.
  /// - Returns: what it found, unless it matches.
  public mutating func compare(
    _ row: InvoiceRow, state: (String) -> UnsettledState?
  ) throws(InvoiceError) -> ReconciledRow? {
    if let day = row.day, let from = options.from, day < from { return passOver() }
    if let day = row.day, let to = options.to, day > to { return passOver() }
    guard isByID else {
      guard let day = row.day else {
        throw InvoiceError(row.line, "the row has neither an id nor a day")
      }
      try cells.add(row, day, limit: options.limits.cells)
      return nil
    }
    var found = Self.finding(row)
    let ids = [row.messageID, row.requestID].filter { !$0.isEmpty }.map { IDHash($0) }
    var place = BookedRequests.Found.none
    for id in ids where place == .none { place = booked.find(id) }
    switch place {
    case .free(let number):
      return try match(number, row, &found)
    case .taken(let number):
      duplicates += 1
      found.isDuplicate = true
      found.sequence = booked.rows[number].sequence
      return found
    case .none:
      found.kind = .theirsOnly
      if isRepeated(ids) {
        duplicates += 1
        found.isDuplicate = true
        return found
      }
      if ids.isEmpty { withoutID += 1 }
      try found.theirs.add(row)
      try sums[.theirsOnly]?.theirs.add(row)
      found.state = state(row.requestID) ?? state(row.messageID)
      return found
    }
  }

  private mutating func passOver() -> ReconciledRow? {
    outside += 1
    return nil
  }

  private static func finding(_ row: InvoiceRow) -> ReconciledRow {
    var found = ReconciledRow()
    found.line = row.line
    found.messageID = row.messageID
    found.requestID = row.requestID
    found.day = row.day
    found.model = row.model
    return found
  }

  private mutating func isRepeated(_ ids: [IDHash]) -> Bool {
    // A request may settle once: its id alone makes a row a repetition.
    if ids.contains(where: { foreign.contains($0) }) { return true }
    if foreign.count < options.limits.foreignIDs {
      foreign.formUnion(ids)
    } else if !ids.isEmpty {
      unremembered += 1
    }
    return false
  }

  private mutating func match(
    _ number: Int, _ row: InvoiceRow, _ found: inout ReconciledRow
  ) throws(InvoiceError) -> ReconciledRow? {
    booked.match(number)
    let ours = booked.rows[number]
    matchedDays = Self.extended(matchedDays, to: ours.day)
    found.sequence = ours.sequence
    if found.day == nil { found.day = ours.day }
    try found.ours.add(ours)
    try found.theirs.add(row)
    found.differing = found.ours.differences(from: found.theirs, tolerance: options.tolerance)
    let kind = found.differing.isEmpty ? ReconciledClass.matched : .differing
    try sums[kind]?.ours.add(found.ours)
    try sums[kind]?.theirs.add(found.theirs)
    return kind == .matched ? nil : found
  }

  // MARK: - What only we have

  /// Takes the settlements once more, in the same order.
  /// - Returns: one that the file does not have.
  public mutating func ours(
    _ settlement: Settlement, _ sequence: SequenceNumber, model: String
  ) throws(InvoiceError) -> ReconciledRow? {
    guard position < booked.rows.count, booked.rows[position].sequence == sequence else {
      throw InvoiceError(0, "the ledger gave other settlements the second time")
    }
    let row = booked.rows[position]
    position += 1
    guard !row.isMatched, let range, range.contains(row.day) else { return nil }
    var found = ReconciledRow()
    found.kind = .oursOnly
    found.sequence = sequence
    found.messageID = settlement.upstreamMessageID
    found.requestID = settlement.requestID.description
    found.day = row.day
    found.model = model
    try found.ours.add(row)
    try sums[.oursOnly]?.ours.add(row)
    return found
  }

  /// By days and models: all findings, in the order of days.
  public mutating func compareDays(
    _ body: (ReconciledRow) throws(InvoiceError) -> Void
  ) throws(InvoiceError) {
    for var found in try cells.sorted(hasModels: cells.hasModels) {
      if found.theirs.rows == 0 {
        found.kind = .oursOnly
      } else if found.ours.rows == 0 {
        found.kind = .theirsOnly
      } else {
        found.differing = found.ours.differences(
          from: found.theirs, tolerance: options.tolerance)
        found.kind = found.differing.isEmpty ? .matched : .differing
      }
      try sums[found.kind]?.ours.add(found.ours)
      try sums[found.kind]?.theirs.add(found.theirs)
      if found.kind == .matched {
        matchedCells += 1
      } else {
        try body(found)
      }
    }
  }
}
