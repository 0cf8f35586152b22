// Which account serves a caller's session: bound after a slot of it was obtained, kept an hour from
// the last use, dropped when the account fails or is unusable (spec: gateway, section 3).
//
// Bounded: at most `limit` sessions. Each has one entry in a queue; whoever comes to the front and
// was used since goes to the end again, the others leave. So a use costs a look at two entries.
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
    /// Tells a binding from an earlier one of the same session.
    var serial: UInt64
    var expires: Timestamp
  }
  private struct Entry {
    let key: SessionKey
    let serial: UInt64
    /// When the session expires unless it was used since.
    let expires: Timestamp
  }
  private var bindings: [SessionKey: Binding] = [:]
  private var queue: [Entry] = []
  private var first = 0
  private var serial: UInt64 = 0
  private let limit: Int

  static let lifetimeSeconds: Int64 = 3_600
  static let defaultLimit = 100_000
  /// Sessions at the front of a full queue that may stay because they were used since.
  private static let spared = 8

  init(limit: Int = defaultLimit) { self.limit = limit }

  var count: Int { bindings.count }
  /// Entries of the queue, those already gone included.
  var queued: Int { queue.count }

  /// The account of a session, while it lasts. Does not renew it: `bind` does, with the slot.
  func account(of key: SessionKey, at now: Timestamp) -> AccountID? {
    guard let binding = bindings[key], now < binding.expires else { return nil }
    return binding.account
  }

  /// Binds a session, or renews it for an hour.
  mutating func bind(_ key: SessionKey, to account: AccountID, at now: Timestamp) {
    let expires = now.advanced(bySeconds: Self.lifetimeSeconds)
    clear(at: now)
    if let old = bindings[key] {
      bindings[key] = Binding(account: account, serial: old.serial, expires: expires)
      return
    }
    if bindings.count >= limit { dropOne() }
    serial += 1
    bindings[key] = Binding(account: account, serial: serial, expires: expires)
    queue.append(Entry(key: key, serial: serial, expires: expires))
  }

  /// Ends a session's binding to this account; another binding stays.
  mutating func unbind(_ key: SessionKey, from account: AccountID) {
    if bindings[key]?.account == account { bindings[key] = nil }
  }

  /// Forgets what is over, and sends to the end what was used since: two entries at a time.
  private mutating func clear(at now: Timestamp) {
    for _ in 0..<2 {
      guard let entry = front else { return }
      guard let binding = bindings[entry.key], binding.serial == entry.serial else {
        popFront()
        continue
      }
      guard entry.expires <= now else { return }
      popFront()
      if binding.expires <= now {
        bindings[entry.key] = nil
      } else {
        queue.append(Entry(key: entry.key, serial: entry.serial, expires: binding.expires))
      }
    }
  }

  /// Makes room: the session that was bound first and not used since goes.
  private mutating func dropOne() {
    var spared = 0
    while let entry = front {
      popFront()
      guard let binding = bindings[entry.key], binding.serial == entry.serial else { continue }
      if binding.expires > entry.expires && spared < Self.spared {
        spared += 1
        queue.append(Entry(key: entry.key, serial: entry.serial, expires: binding.expires))
      } else {
        bindings[entry.key] = nil
        return
      }
    }
  }

  private var front: Entry? { first < queue.count ? queue[first] : nil }
  private mutating func popFront() {
    first += 1
    if first > 64 && first * 2 > queue.count {
      queue.removeFirst(first)
      first = 0
    }
  }
}
