// Taking the state out, a consistent cut while the traffic goes on, and putting it back.
//
// beginCut marks, under the lock, which rows belong to the cut and notes the sequence S.
// continueCut copies a few thousand rows per call, under the lock; rows changed in between copy
// themselves first. takeCut hands out the cut: everything the events 1 ... S did since the cut
// before.
import Base
public import Ledger

/// Rows of one table that a checkpoint stores.
public struct TableChange: Sendable {
  let table: String
  let keyColumn: String
  let columns: [ColumnDefinition]
  /// By index; nil = delete.
  let rows: [(index: Int, values: [ColumnValue]?)]
}

/// The state's changes up to one sequence number.
public struct Cut: Sendable {
  public let sequence: SequenceNumber
  let tables: [TableChange]
  let cells: [ChangedRow<DailyCell>]
  let older: OlderCells
  var rowCount: Int { tables.reduce(cells.count) { $0 + $1.rows.count } }
}

extension Books {
  /// Rows copied per lock, at most (spec: projections, section 2).
  public static let cutLimit = 4096

  /// What a checkpoint must have been written by to be loaded: the highest event type known and the
  /// projections' versions.
  public static var foldLevel: String {
    let versions = [
      Books.version, Catalog.version, Balances.version, KeyQuotas.version,
      Subscriptions.version, KeyStatistics.version, DailyCells.version, OpenRequests.version,
      Accounts.version, PriceShelf.version, Corrections.version, Commands.version,
    ]
    let highest = RecordType.allCases.map(\.rawValue).max() ?? 0
    return "\(highest):" + versions.map { "\($0)" }.joined(separator: ".")
  }

  /// All tables but the daily cells, which the store keeps under a key of their own.
  mutating func visitTables(_ visitor: inout some TableVisitor) throws(StoreError) {
    try visitor.visit(&state)
    try catalog.visit(&visitor)
    try visitor.visit(&balances.rows)
    try visitor.visit(&quotas.rows)
    try visitor.visit(&subscriptions.entries)
    try visitor.visit(&subscriptions.intervals)
    try visitor.visit(&keyStatistics.rows)
    try visitor.visit(&keyStatistics.recent.buckets)
    try visitor.visit(&openRequests.slots)
    try visitor.visit(&accounts.declarations)
    try visitor.visit(&accounts.states)
    try visitor.visit(&prices.entries)
    try visitor.visit(&prices.rows)
    try visitor.visit(&corrections.jobs)
    try visitor.visit(&corrections.pending)
    try visitor.visit(&commands.rows)
  }

  private mutating func each(_ visitor: inout some TableVisitor) {
    do { try visitTables(&visitor) } catch { preconditionFailure("\(error)") }
  }

  private var scalars: LedgerState {
    LedgerState(
      isPresent: true, lastTime: lastTime, newestSecond: keyStatistics.recent.newest,
      newestDay: dailyCells.newestDay, zone: zoneName, settings: settings)
  }

  /// Fills the row of scalars.
  mutating func noteScalars() {
    if state.count == 1 { state.append(scalars) } else { state.set(1, scalars) }
  }

  /// Begins a cut at the last event.
  /// - Returns: its sequence number, and the cells that leave memory with it.
  mutating func beginCut() -> (SequenceNumber, OlderCells) {
    noteScalars()
    var begin = BeginCut()
    each(&begin)
    dailyCells.cells.beginCut()
    return (lastSequence, dailyCells.takeOlder())
  }

  /// Copies some more rows of the cut.
  /// - Returns: true when it is whole.
  mutating func continueCut(limit: Int = cutLimit) -> Bool {
    var step = ContinueCut(left: limit)
    each(&step)
    step.left -= dailyCells.cells.continueCut(limit: step.left)
    return step.left > 0
  }

  /// The rows of a whole cut.
  mutating func takeCut(_ begun: (sequence: SequenceNumber, older: OlderCells)) -> RawCut {
    var take = TakeCut()
    each(&take)
    return RawCut(
      sequence: begun.sequence, tables: take.tables, cells: dailyCells.cells.takeCut(),
      older: begun.older)
  }

  /// A whole cut at once, where nobody waits for the lock.
  mutating func cut() -> Cut {
    let begun = beginCut()
    while !continueCut() {}
    return takeCut(begun).encoded
  }

  /// Puts everything in place that a store holds.
  mutating func load(
    from source: some CheckpointStore, at sequence: SequenceNumber
  ) throws(StoreError) {
    var load = LoadTables(source: source)
    try visitTables(&load)
    try finishLoading(at: sequence) { (oldest, load) throws(StoreError) in
      try source.eachCell(from: oldest) { (cell: DailyCell) throws(StoreError) in load(cell) }
    }
  }

  /// Makes everything that follows from the tables.
  /// - Parameter cells: gives the daily cells kept in memory, one by one.
  mutating func finishLoading(
    at sequence: SequenceNumber,
    cells give: (_ oldest: DayNumber, _ load: (DailyCell) -> Void) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard state.count == 2 else { throw .damaged("the ledger's state is missing") }
    let scalars = state[1]
    lastTime = scalars.lastTime
    zoneName = scalars.zone
    settings = scalars.settings
    nextSequence = sequence.next
    dailyCells.prepareToLoad(newestDay: scalars.newestDay)
    var cells = dailyCells
    try give(cells.oldestKept) { cells.load($0) }
    dailyCells = cells
    catalog.reindex()
    try subscriptions.reindex()
    openRequests.reindex()
    try accounts.reindex()
    try prices.reindex()
    corrections.reindex()
    commands.reindex()
    try keyStatistics.recent.reindex(
      newest: scalars.newestSecond, keys: catalog.keys.count)
    guard balances.rows.count == catalog.users.count, quotas.rows.count == catalog.keys.count,
      keyStatistics.rows.count == catalog.keys.count
    else { throw .damaged("users and keys do not match their sums") }
  }
}

/// A cut as typed rows, before they are turned into column values outside the lock.
struct RawCut: Sendable {
  let sequence: SequenceNumber
  let tables: [any EncodableChange]
  let cells: [ChangedRow<DailyCell>]
  let older: OlderCells
  var encoded: Cut {
    Cut(
      sequence: sequence, tables: tables.map { $0.encoded() }, cells: cells, older: older)
  }
}

/// Rows of one type that can be turned into column values.
protocol EncodableChange: Sendable {
  func encoded() -> TableChange
}

private struct TypedChange<Row: StoredRow>: EncodableChange {
  let rows: [ChangedRow<Row>]
  func encoded() -> TableChange {
    TableChange(
      table: Row.table, keyColumn: Row.keyColumn, columns: Row.columnList,
      rows: rows.sorted { $0.index < $1.index }
        .map { ($0.index, $0.row.isVacant ? nil : $0.row.values) })
  }
}

private struct BeginCut: TableVisitor {
  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) { table.beginCut() }
}
private struct ContinueCut: TableVisitor {
  var left: Int
  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) {
    left -= table.continueCut(limit: left)
  }
}
private struct TakeCut: TableVisitor {
  var tables: [any EncodableChange] = []
  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) {
    let rows = table.takeCut()
    if !rows.isEmpty { tables.append(TypedChange(rows: rows)) }
  }
}
private struct LoadTables<Source: CheckpointStore>: TableVisitor {
  let source: Source
  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) throws(StoreError) {
    var loaded = table
    try source.eachRow(of: Row.table, keyColumn: Row.keyColumn, columns: Row.columnList) {
      (index: Int, values: [ColumnValue]) throws(StoreError) in
      try loaded.load(index, Row(values: values))
    }
    table = loaded
  }
}
