// Whose answer has to wait for which event.
import Base
import Ledger
import Testing

@testable import Projections

@Test func `a user's answer waits for its own events and for what touches anybody`() throws {
  var books = Books()
  let now = Timestamp(microseconds: 1_000_000)
  func add(_ name: String) throws -> UserID {
    var state = UserState()
    state.user = books.catalog.nextUser
    state.name = name
    try books.append(UserAdded(state), now: now)
    return state.user
  }
  func credit(_ user: UserID) throws -> SequenceNumber {
    var credit = CreditAdded()
    credit.party.user = user
    credit.amount = NanoUSD(1)
    return try books.append(credit, now: now)
  }
  let one = try add("one"), other = try add("other")
  let last = books.lastSequence
  #expect(books.lastTouch(of: one) == last, "users are anybody's")
  let first = try credit(one)
  let second = try credit(other)
  let touches = [books.lastTouch(of: one), books.lastTouch(of: other)]
  #expect(touches == [first, second])
}
