// Re-pricing: what history would have cost with another book of prices, and the corrections that
// make it so.
//
// A job fixes a base sequence S. The difference of a cell is the rating of its settlements up to S
// minus everything booked on it by those and by earlier jobs: a second run finds nothing. Nothing
// is changed here; the corrections are appended by the administration (spec: projections,
// section 3).
public import Base
public import Ledger

/// What a re-pricing would change, as of its base.
public struct Repricing: Sendable {
  /// Settlements up to here were rated.
  public let base: SequenceNumber
  /// All cells looked at, by day, user, key, group, model, target.
  public let cells: [RepricedCell]
  /// Models without a price in the book, the most charged first.
  public let unmatched: [UnmatchedModel]
  /// Settlements whose new price would leave the ledger's range: they keep their charge.
  public let outOfRange: Int64

  public var changed: [RepricedCell] { cells.filter(\.isChanged) }
  public var requests: Int64 { cells.reduce(0) { $0 &+ $1.requests } }

  /// Adds the log up and rates it.
  /// - Parameters:
  ///   - books: at or behind `base`; jobs and names are taken from it.
  ///   - base: durable.
  ///   - progress: told how many events are done, and of how many.
  public init(
    _ files: LedgerFiles, _ books: borrowing Books, through base: SequenceNumber,
    with book: PriceBook, _ filter: RepricingFilter, threads: Int = ProcessFacts.cores,
    progress: (@Sendable (UInt64, UInt64) -> Void)? = nil
  ) throws(LiveLedgerError) {
    let effective = books.corrections.allJobs.filter { $0.isEffective }
    let empty = RepricingScan(
      filter, book, jobs: Set(effective.map(\.job)), names: EventNames(copy books))
    let first = try Self.first(of: filter, files, books)
    var sum = empty
    let parts = try LogScan.run(
      files, from: first, through: base, threads: threads, part: empty, progress: progress)
    for part in parts { sum.merge(part) }
    self.base = base
    cells = sum.cells.sorted { $0.key < $1.key }
    unmatched = Self.unmatched(cells)
    outOfRange = sum.outOfRange
  }

  private static func unmatched(_ cells: [RepricedCell]) -> [UnmatchedModel] {
    var rows: [ModelID: UnmatchedModel] = [:]
    for cell in cells where cell.matched < cell.requests {
      let model = cell.key.model
      var row = rows[model] ?? UnmatchedModel(model: model, requests: 0, charged: .zero)
      row.requests &+= cell.requests &- cell.matched
      row.charged.value &+= cell.keptCharged.value
      rows[model] = row
    }
    return rows.values.sorted { ($1.charged, $0.model) < ($0.charged, $1.model) }
  }

  /// No request of a day is settled before that day begins. The zone may have been another one:
  /// two days of room.
  private static func first(
    of filter: RepricingFilter, _ files: LedgerFiles, _ books: borrowing Books
  ) throws(LiveLedgerError) -> SequenceNumber {
    guard let from = filter.from, from.value > Int32.min + 2 else { return .first }
    let start = books.zone.start(of: from.advanced(by: -2)).microseconds
    return try asLive { () throws(LedgerError) in
      try RequestSearch.first(notBefore: start, in: files) ?? files.durable.next
    }
  }
}

extension RepricingJob {
  /// Whether its corrections took effect: a reverted job's did, and its reverting job's, too.
  public var isEffective: Bool { progress == .applied || progress == .reverted }
}

/// The corrections of a job, read back from the log.
public struct JobCorrections: LogScanPart {
  public let job: UInt32
  /// Later jobs that keep it from being taken back where they share a cell.
  private let blocking: Set<UInt32>
  /// In the order of the log.
  public private(set) var events: [(sequence: SequenceNumber, event: ChargeCorrected)] = []
  /// Cells of blocking jobs, and one of these.
  private var later: [CellKey: UInt32] = [:]

  /// The first of the blocking jobs that shares a cell with this one; nil when none does.
  public var blocked: UInt32? {
    events.compactMap { later[CellKey(of: $0.event)] }.min()
  }

  /// - Parameter base: the job's base: its corrections stand behind it.
  public init(
    of job: UInt32, in files: LedgerFiles, behind base: SequenceNumber, blocking: Set<UInt32>
  ) throws(LiveLedgerError) {
    self.job = job
    self.blocking = blocking
    let parts = try LogScan.run(files, from: base.next, through: files.durable, part: self)
    for part in parts {
      events += part.events
      later.merge(part.later) { min($0, $1) }
    }
    events.sort { $0.sequence < $1.sequence }
  }

  public mutating func take(_ record: RecordView, sequence: SequenceNumber) throws(FoldFault) {
    guard record.type == RecordType.chargeCorrected.rawValue else { return }
    let event = ChargeCorrected(record)
    if event.job == job { events.append((sequence, event)) }
    if blocking.contains(event.job) {
      let key = CellKey(of: event)
      later[key] = min(later[key] ?? .max, event.job)
    }
  }
}
