// The requests under way, so that a shutdown can end them: each settles what it has received.
import Base
import HTTP
import Synchronization

/// Requests being forwarded, over all reactors.
final class ActiveRequests: Sendable {
  private struct State {
    var next: UInt64 = 0
    var requests: [UInt64: Entry] = [:]
    var isEnding = false
  }
  /// A forwarding belongs to its reactor: from elsewhere it is only carried there.
  private struct Entry: @unchecked Sendable {
    let reactor: Reactor
    let forwarding: Forwarding
  }
  private let state = Mutex(State())
  private let doorbell = Doorbell()

  var count: Int { state.withLock { $0.requests.count } }
  /// True from `endAll` on.
  var isEnding: Bool { state.withLock { $0.isEnding } }

  /// Runs `body` with the request on the list.
  func track(_ forwarding: Forwarding, _ body: () async -> Void) async {
    let entry = Entry(reactor: forwarding.reactor, forwarding: forwarding)
    let (id, isEnding) = state.withLock { state in
      state.next += 1
      state.requests[state.next] = entry
      return (state.next, state.isEnding)
    }
    if isEnding { forwarding.shutDown() }
    await body()
    let isLast = state.withLock { state in
      state.requests[id] = nil
      return state.isEnding && state.requests.isEmpty
    }
    if isLast { doorbell.ring() }
  }

  /// Blocks until none is left, or until `deadline` of the kernel's clock. Call `endAll` before it.
  func waitUntilEmpty(until deadline: MonotonicTime) {
    while count > 0 {
      if !doorbell.wait(until: deadline) { return }
    }
  }

  /// Cuts every request under way, and those that still come: they settle as partial, or as failed
  /// where nothing was received.
  func endAll() {
    let entries = state.withLock { state in
      state.isEnding = true
      return Array(state.requests.values)
    }
    for entry in entries { entry.reactor.post { entry.forwarding.shutDown() } }
  }
}
