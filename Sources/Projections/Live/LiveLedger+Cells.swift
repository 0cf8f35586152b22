// Daily cells of any day: those of the two newest days from memory, older ones from the store.
public import Base
public import Ledger
import Synchronization

/// A key's daily cells, as of one moment.
public struct KeyCells: Sendable {
  /// By day, group, model, target.
  public let cells: [DailyCell]
  /// The last event that touched the key's user: what is told waits for it.
  public let basis: SequenceNumber
}

extension LiveLedger {
  /// The daily cells of a key on local days `from ... to`. Blocks: never called on a reactor.
  public func cells(
    of key: KeyID, from: DayNumber, to: DayNumber
  ) throws(LiveLedgerError) -> KeyCells {
    try checkpointer.read({ self.look(key) }) { (seen, store) throws(LiveLedgerError) in
      var cells = seen.cells
      if from < seen.oldest {
        let end = DayNumber(min(to.value, seen.oldest.value - 1))
        try asLive { () throws(StoreError) in
          try store.eachCell(of: key, from: from, to: end) { cells.append($0) }
        }
      }
      return KeyCells(
        cells: cells.filter { from <= $0.key.day && $0.key.day <= to }
          .sorted { $0.key < $1.key },
        basis: seen.basis)
    }
  }

  /// What is in memory; nil while cells of older days wait to be stored.
  private func look(
    _ key: KeyID
  ) -> (cells: [DailyCell], basis: SequenceNumber, oldest: DayNumber)? {
    books.mutex.withLock { books in
      guard books.dailyCells.areOlderStored else { return nil }
      let user = books.catalog.key(key)?.user ?? .none
      return (
        books.dailyCells.recent(of: key), books.lastTouch(of: user),
        books.dailyCells.oldestKept
      )
    }
  }
}
