// Ids of messages and tool calls, as the Messages API forms them.
import Base

struct AnswerIDs: Sendable {
  private let random: @Sendable () -> UInt64

  /// - Parameter random: 64 random bits a call.
  init(random: @escaping @Sendable () -> UInt64) { self.random = random }

  /// From the system's randomness.
  static let system = AnswerIDs {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }

  /// `toolu_` and 24 random letters and digits: 142 bits, so no two are alike.
  func toolUse() -> String { "toolu_" + letters(24) }

  /// An id of a tool that the upstream runs itself.
  func serverToolUse() -> String { "srvtoolu_" + letters(24) }

  /// `msg_` and the upstream's id as far as it is letters, digits, `-` and `_`; random letters
  /// when that leaves nothing.
  func message(_ responseID: String) -> String {
    let clean = responseID.utf8.filter { Self.alphabet.contains($0) || $0 == 0x2D || $0 == 0x5F }
    guard !clean.isEmpty else { return "msg_" + letters(24) }
    return "msg_" + String(decoding: clean.prefix(64), as: UTF8.self)
  }

  private static let alphabet = Array(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

  private func letters(_ count: Int) -> String {
    var text: [UInt8] = []
    while text.count < count {
      var bits = random()
      for _ in 0..<min(8, count - text.count) {
        text.append(Self.alphabet[Int(bits % 62)])
        bits /= 62
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
