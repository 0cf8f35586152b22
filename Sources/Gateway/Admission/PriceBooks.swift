// Price books as rating uses them, made once from what the ledger holds.
import Base
import Ledger
import Projections
import Synchronization

/// Books in use, by number. A published book never changes, so neither does its entry here.
final class PriceBooks: Sendable {
  private let made: Mutex<[PriceBookID: PriceBook]> = Mutex([:])

  /// The book in force at a service time; nil when none is, or when the ledger holds prices that
  /// this version cannot read.
  func bookInForce(
    at time: Timestamp, _ books: borrowing Books
  ) -> (id: PriceBookID, prices: PriceBook)? {
    guard let id = books.prices.bookInForce(at: time) else { return nil }
    if let known = made.withLock({ $0[id] }) { return (id, known) }
    guard let book = try? books.prices.book(id) else { return nil }
    made.withLock { $0[id] = book }
    return (id, book)
  }
}
