// projections.sqlite: the durable read model, for people and for the next start.
//
//   checkpoint     one row: log id, epoch, sequence, chain, fold level (all must agree)
//   <table>        one per kind of row: its key column, its columns, row_crc
//   daily_cells    primary key (day, user, key, group_id, model, target), its sums, row_crc
//
// Money columns are integers named _nano_usd, times are microseconds since 1970 UTC named _us. WAL
// with synchronous=NORMAL: a power cut may lose the newest transactions, never a part of one, and
// the log has them all. row_crc is CRC-32C over key and values: quick_check finds broken pages,
// this finds changed content.
import Base
import Ledger

@safe final class SQLiteCheckpointStore: CheckpointStore, @unchecked Sendable {
  // Unchecked: the protocol's users call from one thread at a time.
  private let database: SQLiteDatabase

  init(path: String) throws(StoreError) {
    database = try SQLiteDatabase(path: path, mode: .readWrite)
    try database.execute("PRAGMA journal_mode = WAL")
    try database.execute("PRAGMA synchronous = NORMAL")
    guard try database.text("PRAGMA quick_check(1)") == "ok" else {
      throw .damaged("\(path) fails SQLite's integrity check")
    }
    try database.execute(Self.checkpointTable)
    try database.execute(Self.cellTable)
    // A key's days are asked for by GET /v1/usage?days=: not by going through everybody's.
    try database.execute(
      "CREATE INDEX IF NOT EXISTS daily_cells_by_key ON daily_cells (key, day)")
  }

  func close() { database.close() }

  // MARK: - The header

  private static let checkpointTable =
    "CREATE TABLE IF NOT EXISTS checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), "
    + "log_id TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, "
    + "chain INTEGER NOT NULL, fold_level TEXT NOT NULL)"

  func header() throws(StoreError) -> CheckpointHeader? { try Self.header(in: database) }

  static func header(in database: SQLiteDatabase) throws(StoreError) -> CheckpointHeader? {
    let statement = try database.statement(
      "SELECT log_id, epoch, sequence, chain, fold_level FROM checkpoint WHERE id = 1")
    defer { statement.reset() }
    guard try statement.step() else { return nil }
    guard case .text(let log) = statement.value(0), let logID = LogID(log),
      case .integer(let epoch) = statement.value(1),
      case .integer(let sequence) = statement.value(2),
      case .integer(let chain) = statement.value(3), let chain = UInt32(exactly: chain),
      case .text(let level) = statement.value(4), sequence >= 0
    else { throw .damaged("its checkpoint row") }
    return CheckpointHeader(
      logID: logID, epoch: UInt64(bitPattern: epoch),
      sequence: SequenceNumber(UInt64(sequence)), chain: chain, foldLevel: level)
  }

  private func write(_ header: CheckpointHeader) throws(StoreError) {
    let statement = try database.statement(
      "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?, ?, ?, ?)")
    try statement.bind(1, .text("\(header.logID)"))
    try statement.bind(2, .integer(Int64(bitPattern: header.epoch)))
    try statement.bind(3, .integer(Int64(bitPattern: header.sequence.value)))
    try statement.bind(4, .integer(Int64(header.chain)))
    try statement.bind(5, .text(header.foldLevel))
    try statement.run()
  }

  // MARK: - Writing

  func commit(_ cut: Cut, _ header: CheckpointHeader) throws(StoreError) {
    try database.transaction { () throws(StoreError) in
      for change in cut.tables { try write(change) }
      for cell in cut.older.retired { try put(cell) }
      for change in cut.cells where !change.row.isVacant { try put(change.row) }
      for cell in cut.older.additions { try add(cell) }
      try write(header)
    }
  }

  private func create(
    _ table: String, _ keyColumn: String, _ columns: [ColumnDefinition]
  ) throws(StoreError) {
    let list = columns.map { ", \($0.name) \($0.type.rawValue)" }.joined()
    try database.execute(
      "CREATE TABLE IF NOT EXISTS \(table) (\(keyColumn) INTEGER PRIMARY KEY\(list), "
        + "row_crc INTEGER NOT NULL)")
  }

  private func write(_ change: TableChange) throws(StoreError) {
    try create(change.table, change.keyColumn, change.columns)
    let marks = String(repeating: ", ?", count: change.columns.count + 1)
    let insert = try database.statement(
      "INSERT OR REPLACE INTO \(change.table) VALUES (?\(marks))")
    let delete = try database.statement(
      "DELETE FROM \(change.table) WHERE \(change.keyColumn) = ?")
    for (index, values) in change.rows {
      guard let values else {
        try delete.bind(1, .integer(Int64(index)))
        try delete.run()
        continue
      }
      try insert.bind(1, .integer(Int64(index)))
      for (column, value) in values.enumerated() { try insert.bind(column + 2, value) }
      try insert.bind(values.count + 2, .integer(RowCheck.of(index, values)))
      try insert.run()
    }
  }

  // MARK: - Reading

  func eachRow(
    of table: String, keyColumn: String, columns: [ColumnDefinition],
    _ body: (Int, [ColumnValue]) throws(StoreError) -> Void
  ) throws(StoreError) {
    try create(table, keyColumn, columns)
    let list = columns.map { ", \($0.name)" }.joined()
    let statement = try database.statement(
      "SELECT \(keyColumn)\(list), row_crc FROM \(table) ORDER BY \(keyColumn)")
    defer { statement.reset() }
    while try statement.step() {
      guard case .integer(let key) = statement.value(0), let index = Int(exactly: key) else {
        throw .damaged("a row of \(table) has no number")
      }
      let values = try statement.values(from: 1, count: columns.count)
      guard statement.value(columns.count + 1) == .integer(RowCheck.of(index, values)) else {
        throw .damaged("row \(index) of \(table) is not what was written")
      }
      try body(index, values)
    }
  }

  // MARK: - Daily cells

  private static var cellColumns: [ColumnDefinition] { DailyCell.columnList }
  private static let keyCount = DailyCell.keyColumnCount
  private static let keyNames = DailyCell.columnList.prefix(keyCount).map(\.name)
  private static let cellTable =
    "CREATE TABLE IF NOT EXISTS daily_cells ("
    + cellColumns.map { "\($0.name) \($0.type.rawValue), " }.joined()
    + "row_crc INTEGER NOT NULL, PRIMARY KEY (\(keyNames.joined(separator: ", ")))) WITHOUT ROWID"

  private func put(_ cell: DailyCell) throws(StoreError) {
    let values = cell.values
    let marks = String(repeating: "?, ", count: values.count)
    let statement = try database.statement(
      "INSERT OR REPLACE INTO daily_cells VALUES (\(marks)?)")
    for (column, value) in values.enumerated() { try statement.bind(column + 1, value) }
    try statement.bind(values.count + 1, .integer(RowCheck.of(0, values)))
    try statement.run()
  }

  /// Adds to what is stored.
  private func add(_ cell: DailyCell) throws(StoreError) {
    let whole = Self.keyNames.map { "\($0) = ?" }.joined(separator: " AND ")
    let statement = try database.statement(Self.selectCells + " WHERE \(whole)")
    for (column, value) in cell.values.prefix(Self.keyCount).enumerated() {
      try statement.bind(column + 1, value)
    }
    var stored: DailyCell?
    if try statement.step() { stored = try Self.cell(statement) }
    statement.reset()
    guard var sum = stored else { return try put(cell) }
    sum.merge(cell)
    try put(sum)
  }

  private static let selectCells =
    "SELECT " + cellColumns.map(\.name).joined(separator: ", ") + ", row_crc FROM daily_cells"

  private static func cell(_ statement: SQLiteStatement) throws(StoreError) -> DailyCell {
    let values = try statement.values(from: 0, count: cellColumns.count)
    guard statement.value(cellColumns.count) == .integer(RowCheck.of(0, values)) else {
      throw .damaged("a daily cell is not what was written")
    }
    return try DailyCell(values: values)
  }

  func eachCell(
    from day: DayNumber, _ body: (DailyCell) throws(StoreError) -> Void
  ) throws(StoreError) {
    let statement = try database.statement(
      Self.selectCells + " WHERE day >= ? ORDER BY " + Self.keyNames.joined(separator: ", "))
    defer { statement.reset() }
    try statement.bind(1, .integer(Int64(day.value)))
    while try statement.step() { try body(try Self.cell(statement)) }
  }

  func eachCell(
    of key: KeyID, from: DayNumber, to: DayNumber,
    _ body: (DailyCell) throws(StoreError) -> Void
  ) throws(StoreError) {
    let statement = try database.statement(
      Self.selectCells + " WHERE key = ? AND day BETWEEN ? AND ? ORDER BY "
        + Self.keyNames.joined(separator: ", "))
    defer { statement.reset() }
    try statement.bind(1, .integer(Int64(key.value)))
    try statement.bind(2, .integer(Int64(from.value)))
    try statement.bind(3, .integer(Int64(to.value)))
    while try statement.step() { try body(try Self.cell(statement)) }
  }
}
