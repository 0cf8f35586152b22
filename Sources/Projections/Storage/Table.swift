// A table of rows, indexed densely, that knows which rows changed since the last checkpoint and
// gives them out as one consistent cut, a few at a time, while changes go on.
//
// Marks of a row: `changed` = changed since the last cut began; `pending` = belongs to the cut
// being taken and was not copied yet. A pending row is copied the moment somebody changes it.

/// A changed row: where it stands and what it holds; a vacant row is to be deleted.
public struct ChangedRow<Row: StoredRow>: Sendable {
  public let index: Int
  public let row: Row
}

/// Rows of one kind. Index 0 is never used: it means none.
public struct Table<Row: StoredRow>: Sendable {
  private(set) var rows: [Row] = [Row()]
  private var marks: [UInt8] = [0]
  private var changed: [Int32] = []
  private var pending: [Int32] = []
  private var cut: [ChangedRow<Row>] = []

  private static var changedMark: UInt8 { 1 }
  private static var pendingMark: UInt8 { 2 }
  /// Rows a table may have: more are damage, not data.
  static var limit: Int { 1 << 28 }

  init() {}

  /// Slots, vacant ones and the one at 0 included: the index of the next row appended.
  var count: Int { rows.count }
  /// Whether there is such a row, vacant or not.
  func holds(_ index: Int) -> Bool { index > 0 && index < rows.count }
  subscript(index: Int) -> Row { rows[index] }

  /// Adds a row at the end.
  /// - Returns: its index.
  @discardableResult
  mutating func append(_ row: Row) -> Int {
    rows.append(row)
    marks.append(Self.changedMark)
    changed.append(Int32(rows.count - 1))
    return rows.count - 1
  }

  /// Makes sure that slots 0 ..< count exist; new ones are vacant and not marked.
  mutating func extend(to count: Int) {
    while rows.count < count {
      rows.append(Row())
      marks.append(0)
    }
  }

  /// Changes a row in place.
  mutating func update<Result>(_ index: Int, _ body: (inout Row) -> Result) -> Result {
    if marks[index] != Self.changedMark { mark(index) }
    return body(&rows[index])
  }

  /// Replaces a row.
  mutating func set(_ index: Int, _ row: Row) {
    if marks[index] != Self.changedMark { mark(index) }
    rows[index] = row
  }

  /// Empties a slot whose content is already stored elsewhere: it is not given out as changed.
  mutating func forget(_ index: Int) -> (wasChanged: Bool, row: Row) {
    if marks[index] & Self.pendingMark != 0 { copyPending(index) }
    let wasChanged = marks[index] & Self.changedMark != 0
    marks[index] &= ~Self.changedMark
    let row = rows[index]
    rows[index] = Row()
    return (wasChanged, row)
  }

  private mutating func mark(_ index: Int) {
    if marks[index] & Self.pendingMark != 0 { copyPending(index) }
    if marks[index] & Self.changedMark == 0 {
      marks[index] |= Self.changedMark
      changed.append(Int32(truncatingIfNeeded: index))
    }
  }

  private mutating func copyPending(_ index: Int) {
    marks[index] &= ~Self.pendingMark
    cut.append(ChangedRow(index: index, row: rows[index]))
  }

  // MARK: - Checkpoints

  /// Begins a cut: the rows changed since the last one, as they are now.
  /// - Precondition: the last cut was taken.
  mutating func beginCut() {
    precondition(pending.isEmpty && cut.isEmpty, "the last cut was not taken")
    swap(&pending, &changed)
    for index in pending where marks[Int(index)] & Self.changedMark != 0 {
      marks[Int(index)] = Self.pendingMark
    }
  }

  /// Copies at most `limit` rows of the cut.
  /// - Returns: how many it went through; 0 = the cut is whole.
  mutating func continueCut(limit: Int) -> Int {
    let count = min(limit, pending.count)
    for _ in 0..<count {
      let index = Int(pending.removeLast())
      if marks[index] & Self.pendingMark != 0 { copyPending(index) }
    }
    return count
  }

  /// The cut's rows, each index once, in no order. Leaves the table ready for the next cut.
  mutating func takeCut() -> [ChangedRow<Row>] {
    precondition(pending.isEmpty, "the cut is not whole")
    defer { cut = [] }
    return cut
  }

  /// Puts a stored row in place; not marked as changed.
  mutating func load(_ index: Int, _ row: Row) throws(StoreError) {
    guard index > 0, index < Self.limit else {
      throw .damaged("\(Row.table) has the row \(index)")
    }
    extend(to: index + 1)
    rows[index] = row
  }

  /// The first rows behind an index, without the vacant ones: a page of a list.
  func page(after index: Int, limit: Int) -> [Row] {
    var page: [Row] = []
    var next = max(0, index) + 1
    while next < rows.count, page.count < limit {
      if !rows[next].isVacant { page.append(rows[next]) }
      next += 1
    }
    return page
  }

  /// Rows with their index, without the vacant ones.
  var occupied: [(index: Int, row: Row)] {
    rows.indices.compactMap { rows[$0].isVacant ? nil : ($0, rows[$0]) }
  }
}

/// Does something with each table of the books.
protocol TableVisitor {
  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) throws(StoreError)
}
