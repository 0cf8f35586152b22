// A read model that lives in memory, for simulations and tests: the same rows, checked the same
// way.
public import Ledger
public import Base
import Synchronization

/// Keeps what is committed until the process ends.
public final class MemoryCheckpointStore: CheckpointStore {
  private struct Content: Sendable {
    var header: CheckpointHeader?
    var tables: [String: [Int: [ColumnValue]]] = [:]
    var cells: [CellKey: DailyCell] = [:]
  }
  private let content = Mutex(Content())

  public init() {}

  public func header() -> CheckpointHeader? { content.withLock { $0.header } }
  public func close() {}

  public func commit(_ cut: Cut, _ header: CheckpointHeader) {
    content.withLock { content in
      for change in cut.tables {
        for (index, values) in change.rows {
          content.tables[change.table, default: [:]][index] = values
        }
      }
      for cell in cut.older.retired { content.cells[cell.key] = cell }
      for change in cut.cells where !change.row.isVacant {
        content.cells[change.row.key] = change.row
      }
      for cell in cut.older.additions {
        if content.cells[cell.key]?.merge(cell) == nil { content.cells[cell.key] = cell }
      }
      content.header = header
    }
  }

  public func eachRow(
    of table: String, keyColumn: String, columns: [ColumnDefinition],
    _ body: (Int, [ColumnValue]) throws(StoreError) -> Void
  ) throws(StoreError) {
    let rows = content.withLock { $0.tables[table] ?? [:] }
    for (index, values) in rows.sorted(by: { $0.key < $1.key }) { try body(index, values) }
  }

  public func eachCell(
    from day: DayNumber, _ body: (DailyCell) throws(StoreError) -> Void
  ) throws(StoreError) {
    let cells = content.withLock { $0.cells.values.filter { $0.key.day >= day } }
    for cell in cells.sorted(by: { $0.key < $1.key }) { try body(cell) }
  }

  public func eachCell(
    of key: KeyID, from: DayNumber, to: DayNumber,
    _ body: (DailyCell) throws(StoreError) -> Void
  ) throws(StoreError) {
    let cells = content.withLock { content in
      content.cells.values.filter {
        $0.key.key == key && from <= $0.key.day && $0.key.day <= to
      }
    }
    for cell in cells.sorted(by: { $0.key < $1.key }) { try body(cell) }
  }
}

/// Stores in memory: what was committed survives as long as this value.
public final class MemoryCheckpointStores: CheckpointStores {
  private let current = Mutex(MemoryCheckpointStore())
  public init() {}
  public func peek() -> CheckpointHeader? { current.withLock { $0.header() } }
  public func open() -> OpenedStore {
    let store = current.withLock { $0 }
    return OpenedStore(
      store: store, complaint: store.header() == nil ? "there is no checkpoint" : nil)
  }
  public func reset(_ store: any CheckpointStore) -> any CheckpointStore {
    current.withLock {
      $0 = MemoryCheckpointStore()
      return $0
    }
  }
  public func makeSecond() -> any CheckpointStore { MemoryCheckpointStore() }
  public func replace(
    _ first: any CheckpointStore, with second: any CheckpointStore
  ) -> any CheckpointStore {
    guard let second = second as? MemoryCheckpointStore else {
      preconditionFailure("the second store was not made here")
    }
    current.withLock { $0 = second }
    return second
  }
}
