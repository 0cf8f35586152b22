// What names a caller's session, so that all of it goes to one account and finds its cache there.
// The first that exists (spec: gateway, section 3): the header and the user_id of today's clients,
// then the seed's list (KEEP): the UUID in user_id, text marked for caching, system text, the first
// message's text. Texts are hashed with the caller's key, so that two callers never share one.
import Base
import Ledger

extension MessagesCall {
  /// The session of a request in a group; nil when nothing names one.
  /// - Parameters:
  ///   - header: the value of `SessionName.header`, if it was sent.
  ///   - body: the body this call was read from.
  func session(
    header: String?, body: [UInt8], key: KeyID, group: GroupID, platform: Platform
  ) -> SessionKey? {
    var name: [UInt8] = []
    if let header, SessionName.isIdentifier(header) {
      name = Array(header.utf8)
    } else {
      let scanner = JSONScanner(trusting: body.span, root: root)
      if let identifier = SessionName.identifier(metadata, scanner) {
        name = Array(identifier.utf8)
      } else {
        let mayBeMarked = body.contains(sequence: SessionName.mark)
        let text = SessionName.text(
          system: system, messages: messages, mayBeMarked: mayBeMarked, scanner)
        if text.isEmpty { return nil }
        name = Array("\(key.value):".utf8) + text
      }
    }
    if platform == .gemini { name = Array("gemini:".utf8) + name }
    let digest = sha256(name)
    func word(_ start: Int) -> UInt64 {
      digest[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
    return SessionKey(group: group, high: word(0), low: word(8))
  }
}

enum SessionName {
  /// What today's Claude Code sends with each request.
  static let header = "x-claude-code-session-id"
  private static let identifierLength = 36
  /// A `session_id` longer than this is no identifier.
  private static let greatestLength = 256

  /// 36 hexadecimal digits or dashes.
  static func isIdentifier(_ text: String) -> Bool {
    text.utf8.count == identifierLength && text.utf8.allSatisfy(isPart)
  }
  private static func isPart(_ byte: UInt8) -> Bool {
    byte == 45 || (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
  }

  /// The session in `metadata.user_id`: `session_id` of a JSON text, else what follows `session_`.
  static func identifier(
    _ metadata: JSONSlice?, _ scanner: borrowing JSONScanner
  ) -> String? {
    guard let text = scanner.decoded(scanner.member("user_id", of: metadata)) else { return nil }
    let bytes = Array(text.utf8)
    if bytes.first == 123, let inner = try? JSONScanner(bytes.span, maxDepth: 8) {
      if let session = inner.decoded(inner.member("session_id", of: inner.root)), !session.isEmpty {
        return session.utf8.count <= greatestLength ? session : nil
      }
    }
    return uuid(in: bytes)
  }

  /// `session_([a-f0-9-]{36})`, as the seed looks for it.
  private static func uuid(in bytes: [UInt8]) -> String? {
    let marker = Array("session_".utf8)
    var start = 0
    while start + marker.count + identifierLength <= bytes.count {
      let end = start + marker.count
      if bytes[start..<end].elementsEqual(marker) {
        let found = bytes[end..<end + identifierLength]
        if found.allSatisfy({ isPart($0) && !(65...70).contains($0) }) {
          return String(decoding: found, as: UTF8.self)
        }
      }
      start += 1
    }
    return nil
  }

  /// What every marked block says; a body without it needs no walk through its messages.
  static let mark = Array("ephemeral".utf8)

  /// The text that stands for a conversation without a name; empty when there is none.
  static func text(
    system: JSONSlice?, messages: JSONSlice?, mayBeMarked: Bool, _ scanner: borrowing JSONScanner
  ) -> [UInt8] {
    var marked: [UInt8] = []
    if mayBeMarked { add(system, onlyMarked: true, scanner, to: &marked) }
    var first: [UInt8]?
    var all = scanner.elements(of: messages)
    while first == nil || mayBeMarked, let message = all.next() {
      let content = scanner.member("content", of: message)
      if first == nil {
        var text: [UInt8] = []
        add(content, onlyMarked: false, scanner, to: &text)
        first = text
      }
      // A mark wanders to the newest message as a conversation goes on: the oldest one names it.
      if !marked.isEmpty { break }
      add(content, onlyMarked: true, scanner, to: &marked)
    }
    if !marked.isEmpty { return marked }
    var whole: [UInt8] = []
    add(system, onlyMarked: false, scanner, to: &whole)
    return whole.isEmpty ? first ?? [] : whole
  }

  private static func add(
    _ content: JSONSlice?, onlyMarked: Bool, _ scanner: borrowing JSONScanner,
    to text: inout [UInt8]
  ) {
    guard let content else { return }
    if content.kind == .string {
      if !onlyMarked { text += Array((scanner.decoded(content) ?? "").utf8) }
      return
    }
    var blocks = scanner.elements(of: content)
    while let block = blocks.next() {
      if onlyMarked {
        let control = scanner.member("cache_control", of: block)
        guard scanner.isString(scanner.member("type", of: control), "ephemeral") else { continue }
      }
      text += Array((scanner.decoded(scanner.member("text", of: block)) ?? "").utf8)
    }
  }
}
