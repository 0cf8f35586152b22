// Requests that need no model: Claude Code's warm-ups and its suggestion mode. Recognized by the
// seed's rules (KEEP), answered with the seed's answers, byte for byte.
import Base
import Ledger

extension MessagesCall {
  /// What kind of request this is; nil for one that needs a model.
  /// - Parameter body: the body this call was read from.
  func interceptKind(_ body: [UInt8]) -> InterceptKind? {
    let maySuggest = body.contains(sequence: InterceptRules.suggestionMark)
    let mayWarmUp =
      body.contains(sequence: InterceptRules.title)
      || body.contains(sequence: InterceptRules.warmup)
    guard maySuggest || mayWarmUp else { return nil }
    let scanner = JSONScanner(trusting: body.span, root: root)
    guard InterceptRules.hasBlocksOnly(system: system, messages: messages, scanner) else {
      return nil
    }
    if maySuggest, InterceptRules.isSuggestion(messages, scanner) { return .suggestion }
    if mayWarmUp, InterceptRules.isWarmup(system: system, messages: messages, scanner) {
      return .warmup
    }
    return nil
  }
}

/// The seed's rules. They read content and system as arrays of blocks only: a request that has
/// either as a text is none of these.
private enum InterceptRules {
  static let suggestionMark = Array("[SUGGESTION MODE:".utf8)
  static let title = Array("title".utf8)
  static let warmup = Array("Warmup".utf8)
  private static let titleRequest =
    "Please write a 5-10 word title for the following conversation:"
  private static let topicRequest =
    "nalyze if this message indicates a new conversation topic. "
    + "If it does, extract a 2-3 word title"

  static func hasBlocksOnly(
    system: JSONSlice?, messages: JSONSlice?, _ scanner: borrowing JSONScanner
  ) -> Bool {
    guard isBlocks(system, scanner) else { return false }
    guard let messages, messages.kind != .null else { return true }
    guard messages.kind == .array else { return false }
    var all = scanner.elements(of: messages)
    while let message = all.next() {
      guard message.kind == .object, isText(scanner.member("role", of: message)),
        isBlocks(scanner.member("content", of: message), scanner)
      else { return false }
    }
    return true
  }
  private static func isBlocks(_ value: JSONSlice?, _ scanner: borrowing JSONScanner) -> Bool {
    guard let value, value.kind != .null else { return true }
    guard value.kind == .array else { return false }
    var blocks = scanner.elements(of: value)
    while let block = blocks.next() {
      guard block.kind == .object, isText(scanner.member("type", of: block)),
        isText(scanner.member("text", of: block))
      else { return false }
    }
    return true
  }
  /// True for a text, and for none at all.
  private static func isText(_ value: JSONSlice?) -> Bool {
    value == nil || value?.kind == .string || value?.kind == .null
  }

  /// The last message is the user's and begins with the mark.
  static func isSuggestion(_ messages: JSONSlice?, _ scanner: borrowing JSONScanner) -> Bool {
    var last: JSONSlice?
    var all = scanner.elements(of: messages)
    while let message = all.next() { last = message }
    guard scanner.isString(scanner.member("role", of: last), "user") else { return false }
    var blocks = scanner.elements(of: scanner.member("content", of: last))
    guard let first = blocks.next(), scanner.isString(scanner.member("type", of: first), "text")
    else { return false }
    let text = scanner.decoded(scanner.member("text", of: first)) ?? ""
    return text.utf8.starts(with: suggestionMark)
  }

  /// A message asks for a title or is the word itself, or the system text asks for a topic.
  static func isWarmup(
    system: JSONSlice?, messages: JSONSlice?, _ scanner: borrowing JSONScanner
  ) -> Bool {
    var all = scanner.elements(of: messages)
    while let message = all.next() {
      var blocks = scanner.elements(of: scanner.member("content", of: message))
      while let block = blocks.next() {
        guard scanner.isString(scanner.member("type", of: block), "text"),
          let text = scanner.decoded(scanner.member("text", of: block))
        else { continue }
        if text == "Warmup" || Array(text.utf8).contains(sequence: Array(titleRequest.utf8)) {
          return true
        }
      }
    }
    var blocks = scanner.elements(of: system)
    while let block = blocks.next() {
      let text = scanner.decoded(scanner.member("text", of: block)) ?? ""
      if Array(text.utf8).contains(sequence: Array(topicRequest.utf8)) { return true }
    }
    return false
  }
}
