// Messages from many threads to one: a locked array and the rule for when the reader must be woken.
// The reader takes everything at once, so a burst costs one wake-up.

import Synchronization

/// A queue from any thread to the one that owns it. Closed, it drops what is put in.
public final class Mailbox<Message: Sendable>: Sendable {
  private struct State {
    var messages: [Message] = []
    var isWoken = false
    var isClosed = false
  }
  private let state = Mutex(State())

  public init() {}

  /// Adds a message. True: nobody has woken the reader since it last took; the caller must.
  public func put(_ message: Message) -> Bool {
    state.withLock { state in
      if state.isClosed { return false }
      state.messages.append(message)
      defer { state.isWoken = true }
      return !state.isWoken
    }
  }
  /// Takes all messages in the order they were put in, leaving `emptied`'s room for the next ones.
  public func take(into emptied: inout [Message]) {
    emptied.removeAll(keepingCapacity: true)
    state.withLock { state in
      swap(&state.messages, &emptied)
      state.isWoken = false
    }
  }
  /// From now on everything put in is dropped.
  public func close() {
    state.withLock { state in
      state.isClosed = true
      state.messages = []
    }
  }
}
