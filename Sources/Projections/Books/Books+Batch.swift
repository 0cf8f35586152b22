// How the events appended leave the books: the ledger's writer takes them.
public import Ledger

extension Books {
  /// Gives what was appended since the last time, and goes on with the buffer of `spare`.
  public mutating func takeBatch(into spare: inout PendingBatch) { batch.exchange(with: &spare) }
}
