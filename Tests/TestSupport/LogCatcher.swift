// A sink that keeps what is logged, and can be slow or broken on demand.
import Base
import Synchronization

/// Keeps lines in memory.
public final class LogCatcher: LogSink {
  private struct State {
    var pieces: [[UInt8]] = []
    var isBlocked = false
    var isBroken = false
    var isWaiting = false
  }
  private let state = Mutex(State())
  private let opened = Doorbell()
  private let reached = Doorbell()
  private let arrived = Doorbell()

  public init(blocked: Bool = false, broken: Bool = false) {
    state.withLock { ($0.isBlocked, $0.isBroken) = (blocked, broken) }
  }

  public func write(_ lines: ArraySlice<UInt8>) -> Bool {
    while state.withLock({ $0.isBlocked }) {
      reached.ring()
      opened.wait()
    }
    defer { arrived.ring() }
    return state.withLock { state in
      if !state.isBroken { state.pieces.append(Array(lines)) }
      return !state.isBroken
    }
  }

  /// Blocks until a write is stuck in a sink that was made blocked.
  public func waitUntilReached() { reached.wait() }
  /// Lets the writes go on that were blocked.
  public func open() {
    state.withLock { $0.isBlocked = false }
    opened.ring()
  }

  /// Waits until `count` lines hold `text`, 30 s at most, and gives them.
  public func lines(with text: String, count: Int) async throws -> [String] {
    try await onThread { [self] in
      let end = SystemMonotonicClock().now.advanced(seconds: 30)
      while true {
        let found = lines.filter { $0.contains(text) }
        if found.count >= count || !arrived.wait(until: end) { return found }
      }
    }
  }

  /// What each write brought.
  public var pieces: [[UInt8]] { state.withLock { $0.pieces } }
  public var text: String { String(decoding: pieces.joined(), as: UTF8.self) }
  public var lines: [String] { text.split(separator: "\n").map(String.init) }
}

extension Log {
  /// Blocks until everything is written; 10 s at most.
  @discardableResult
  public func settle() -> Bool { flush(until: SystemMonotonicClock().now.advanced(seconds: 10)) }
}
