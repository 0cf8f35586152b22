// Refusals before the billing check, written as one event per key, reason and second: a flood of
// them costs a line a second (spec: gateway, section 8). Nobody waits for them.
import Base
import Ledger
import Projections
import Synchronization

/// Refusals not yet written.
final class RejectionLog: Sendable {
  struct Kind: Hashable, Sendable {
    let user: UserID
    let key: KeyID
    let group: GroupID
    let reason: RejectReason
    let status: Int
  }
  private struct State {
    var second: Int64 = 0
    var counts: [Kind: UInt32] = [:]
  }
  private let state = Mutex(State())

  /// Counts one. Returns what an earlier second left behind, to be written now.
  func note(_ kind: Kind, at now: Timestamp) -> [(Kind, UInt32)] {
    let second = now.microseconds / 1_000_000
    return state.withLock { state in
      let due = state.second == second ? [] : Self.drain(&state)
      state.second = second
      state.counts[kind, default: 0] &+= 1
      return due
    }
  }

  /// Everything counted so far.
  func drain() -> [(Kind, UInt32)] { state.withLock { Self.drain(&$0) } }

  private static func drain(_ state: inout State) -> [(Kind, UInt32)] {
    let all = state.counts.map { ($0.key, $0.value) }
      .sorted { ($0.0.key, $0.0.reason.rawValue) < ($1.0.key, $1.0.reason.rawValue) }
    state.counts.removeAll(keepingCapacity: true)
    return all
  }
}

extension Gateway {
  /// Notes that a known caller was refused before the billing check.
  func note(_ answer: Answer, by caller: Caller) {
    guard !answer.isNoted, let reason = answer.rejection else { return }
    let kind = RejectionLog.Kind(
      user: caller.user.id, key: caller.key.id, group: caller.group.id, reason: reason,
      status: answer.status)
    write(rejections.note(kind, at: wallClock.now()))
  }

  /// Notes that a known key was refused; says so in the answer.
  func noted(_ answer: Answer, of key: KeyEntry?) -> Answer {
    guard let key, let reason = answer.rejection else { return answer }
    let kind = RejectionLog.Kind(
      user: key.user, key: key.id, group: key.group, reason: reason, status: answer.status)
    write(rejections.note(kind, at: wallClock.now()))
    var answer = answer
    answer.isNoted = true
    return answer
  }

  /// Writes what has been counted: called every second, and at the end.
  func flushRejections() { write(rejections.drain()) }

  private func write(_ counts: [(RejectionLog.Kind, UInt32)]) {
    guard !counts.isEmpty else { return }
    let now = wallClock.now()
    live.withBooks { books in
      for (kind, count) in counts {
        var event = RequestRejected()
        event.party = Party(
          user: kind.user, key: kind.key, admission: .none, serviceDay: DayNumber(0))
        event.group = kind.group
        event.reason = kind.reason
        event.status = UInt16(clamping: kind.status)
        event.count = count
        // A full batch drops refusals, never charges.
        _ = try? books.append(event, now: now)
      }
    }
  }
}
