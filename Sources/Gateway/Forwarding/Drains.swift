// Answers read on after their caller left, by user: at most as many as the user may have requests
// at a time; one more cuts the oldest (spec: gateway, section 3).
import HTTP
import Ledger
import Projections
import Synchronization

/// Drains under way, over all reactors.
final class Drains: Sendable {
  /// A forwarding belongs to its reactor: from elsewhere it is only carried there.
  private struct Entry: @unchecked Sendable {
    let number: UInt64
    let reactor: Reactor
    let forwarding: Forwarding
  }
  private struct State {
    var next: UInt64 = 0
    /// Oldest first.
    var drains: [UserID: [Entry]] = [:]
  }
  private let state = Mutex(State())

  /// A drain's place on the list; given back with `end`.
  struct Ticket {
    fileprivate let drains: Drains
    fileprivate let user: UserID
    fileprivate let number: UInt64
    func end() { drains.end(user, number) }
  }

  var count: Int { state.withLock { $0.drains.values.reduce(0) { $0 + $1.count } } }

  /// Enters a drain; the oldest one of the user is cut when there are too many.
  func begin(_ forwarding: Forwarding) -> Ticket {
    let user = forwarding.caller.user.id
    let limit = Int(forwarding.caller.user.concurrency)
    let (reactor, carried) = (forwarding.reactor, forwarding)
    let (number, oldest) = state.withLock { state -> (UInt64, Entry?) in
      state.next += 1
      let entry = Entry(number: state.next, reactor: reactor, forwarding: carried)
      var list = state.drains.removeValue(forKey: user) ?? []
      let oldest = limit > 0 && list.count >= limit ? list.removeFirst() : nil
      list.append(entry)
      state.drains[user] = list
      return (entry.number, oldest)
    }
    if let oldest { oldest.reactor.post { oldest.forwarding.cutDrain() } }
    return Ticket(drains: self, user: user, number: number)
  }

  private func end(_ user: UserID, _ number: UInt64) {
    state.withLock { state in
      guard var list = state.drains.removeValue(forKey: user) else { return }
      list.removeAll { $0.number == number }
      if !list.isEmpty { state.drains[user] = list }
    }
  }
}
