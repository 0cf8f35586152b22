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
    for (place, row) in mine.rows where theirs.rows[place] != row {
      lines.append("\(place): \(row) against \(theirs.rows[place] ?? "nothing")")
    }
    for (place, row) in theirs.rows where mine.rows[place] == nil {
      lines.append("\(place): nothing against \(row)")
    }
    return Array(lines.sorted().prefix(limit))
  }
}

private struct ListRows: TableVisitor {
  var rows: [String: String] = [:]
  /// Tables whose slots are reused or whose old rows mean nothing: compared by content.
  private static let reused: Set<String> = [
    LedgerState.table, OpenRequest.table, RecentSecond.table, PendingCorrection.table,
  ]
  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) {
    if Row.table == PendingCorrection.table {
      add(table.occupied.map(\.row).sorted { "\($0)" < "\($1)" }, Row.table)
    }
    if Self.reused.contains(Row.table) { return }
    for (index, row) in table.occupied { rows["\(Row.table) \(index)"] = "\(row.values)" }
  }
  mutating func add(_ values: [some StoredRow], _ name: String) {
    for (index, row) in values.enumerated() { rows["\(name) \(index)"] = "\(row.values)" }
  }
}
