// Two foldings of the same prefix are equal, bit for bit: this finds where they are not.
import Base
import Ledger

extension Books {
  /// What differs between two states, one line each, at most `limit`; empty when they are equal.
  /// Where a row stands in a table of reused slots does not count, nor does what a checkpoint has
  /// yet to store.
  public mutating func differences(from other: inout Books, limit: Int = 20) -> [String] {
    var lines: [String] = []
    func compare<Value: Equatable>(_ what: String, _ mine: Value, _ theirs: Value) {
      if mine != theirs { lines.append("\(what): \(mine) against \(theirs)") }
    }
    compare("next sequence", nextSequence, other.nextSequence)
    compare("last time", lastTime, other.lastTime)
    compare("zone", zoneName, other.zoneName)
    compare("settings", settings, other.settings)
    compare("newest day", dailyCells.newestDay, other.dailyCells.newestDay)
    compare("open requests", openRequests.openCount, other.openRequests.openCount)
    var mine = ListRows()
    var theirs = ListRows()
    do {
      try visitTables(&mine)
      try other.visitTables(&theirs)
    } catch { preconditionFailure("\(error)") }
    mine.add(openRequests.all, "open request")
    theirs.add(other.openRequests.all, "open request")
    mine.add(keyStatistics.recent.living, "recent second")
    theirs.add(other.keyStatistics.recent.living, "recent second")
    mine.add(dailyCells.recent, "daily cell")
    theirs.add(other.dailyCells.recent, "daily cell")
    for (place, row) in mine.rows where theirs.rows[place]?.bytes != row.bytes {
      let other = theirs.rows[place].map { "\($0.row.values)" } ?? "nothing"
      lines.append("\(place): \(row.row.values) against \(other)")
    }
    for (place, row) in theirs.rows where mine.rows[place] == nil {
      lines.append("\(place): nothing against \(row.row.values)")
    }
    return Array(lines.sorted().prefix(limit))
  }
}

/// All rows of a state by their place. Compared by their bytes: only what differs becomes text.
private struct ListRows: TableVisitor {
  struct Place: Hashable, CustomStringConvertible {
    let table: String
    let index: Int
    var description: String { "\(table) \(index)" }
  }
  struct Entry {
    let bytes: [UInt8]
    let row: any StoredRow
  }
  var rows: [Place: Entry] = [:]
  /// Tables whose slots are reused or whose old rows mean nothing: compared by content.
  private static let reused: Set<String> = [
    LedgerState.table, OpenRequest.table, RecentSecond.table, PendingCorrection.table,
  ]
  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) {
    if Row.table == PendingCorrection.table {
      add(table.occupied.map(\.row).sorted { "\($0)" < "\($1)" }, Row.table)
    }
    if Self.reused.contains(Row.table) { return }
    for (index, row) in table.occupied { add(row, Row.table, index) }
  }
  mutating func add(_ values: [some StoredRow], _ name: String) {
    for (index, row) in values.enumerated() { add(row, name, index) }
  }
  private mutating func add(_ row: some StoredRow, _ name: String, _ index: Int) {
    var writer = SnapshotRowWriter()
    var copy = row
    do { try copy.columns(&writer) } catch { preconditionFailure("\(error)") }
    rows[Place(table: name, index: index)] = Entry(bytes: writer.bytes, row: row)
  }
}
