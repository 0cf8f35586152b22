// Which account serves a caller's session: bound after a slot of it was obtained, kept an hour from
// the last use, dropped when the account fails or is unusable (spec: gateway, section 3).
//
// Bounded: at most `limit` sessions, those unused for longest leave first. The order of leaving is
// a queue of uses; a use is noted there at most once a minute, so it holds 60 entries a session at
// most, and each use clears what it finds stale at the front.
import Base
import Ledger

/// A session within a group. Whatever names the session is hashed: 16 bytes, no caller's text.
struct SessionKey: Hashable, Sendable {
  let group: GroupID
  let high: UInt64
  let low: UInt64
}

struct StickySessions {
  private struct Binding {
    var account: AccountID
    /// The last use, to the minute: what its entry in the queue says.
    var noted: Timestamp
    var expires: Timestamp
  }
  private var bindings: [SessionKey: Binding] = [:]
  private var uses: [(key: SessionKey, noted: Timestamp)] = []
  private var first = 0
  private let limit: Int

  static let lifetimeSeconds: Int64 = 3_600
  private static let noteSeconds: Int64 = 60
  static let defaultLimit = 100_000

  init(limit: Int = defaultLimit) { self.limit = limit }

  var count: Int { bindings.count }

  /// The account of a session, while it lasts. Does not renew it: `bind` does, with the slot.
  func account(of key: SessionKey, at now: Timestamp) -> AccountID? {
    guard let binding = bindings[key], now < binding.expires else { return nil }
    return binding.account
  }

  /// Binds a session, or renews it for an hour.
  mutating func bind(_ key: SessionKey, to account: AccountID, at now: Timestamp) {
    let expires = now.advanced(bySeconds: Self.lifetimeSeconds)
    if let old = bindings[key], now < old.noted.advanced(bySeconds: Self.noteSeconds) {
      bindings[key] = Binding(account: account, noted: old.noted, expires: expires)
      return
    }
    bindings[key] = Binding(account: account, noted: now, expires: expires)
    uses.append((key, now))
    clear(at: now)
    while bindings.count > limit, dropFirst() {}
  }

  /// Ends a session's binding to this account; another binding stays.
  mutating func unbind(_ key: SessionKey, from account: AccountID) {
    if bindings[key]?.account == account { bindings[key] = nil }
  }

  /// Forgets what is over, two entries of the queue at a time: each use adds one at most.
  private mutating func clear(at now: Timestamp) {
    for _ in 0..<2 {
      guard first < uses.count else { return }
      let use = uses[first]
      guard let binding = bindings[use.key], binding.noted == use.noted else {
        pop()
        continue
      }
      guard binding.expires <= now else { return }
      bindings[use.key] = nil
      pop()
    }
  }

  /// Drops the session unused for longest. False: the queue is empty.
  private mutating func dropFirst() -> Bool {
    guard first < uses.count else { return false }
    let use = uses[first]
    if bindings[use.key]?.noted == use.noted { bindings[use.key] = nil }
    pop()
    return true
  }

  private mutating func pop() {
    first += 1
    if first > 64 && first * 2 > uses.count {
      uses.removeFirst(first)
      first = 0
    }
  }
}
