// Random bits for identifiers, drawn from the system many at a time: a draw is a system call, and
// every request needs one. Not for secrets: those are drawn when they are made, and kept nowhere.
import Glibc
import Synchronization

/// Bits drawn ahead. Any thread; each is given out once.
final class RandomReserve: Sendable {
  private let words: Mutex<[UInt64]> = Mutex([])

  /// 128 random bits.
  func next() -> (UInt64, UInt64) {
    words.withLock { words in
      if words.count < 2 { words = Self.draw() }
      return (words.removeLast(), words.removeLast())
    }
  }

  /// As many as one call gives (getentropy(3): 256 bytes).
  private static func draw() -> [UInt64] {
    var words = [UInt64](repeating: 0, count: 32)
    let code = unsafe words.withUnsafeMutableBytes { unsafe getentropy($0.baseAddress, $0.count) }
    precondition(code == 0, "the system gives no randomness, errno \(errno)")
    return words
  }
}
