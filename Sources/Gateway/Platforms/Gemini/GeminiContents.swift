// messages -> contents. Gemini wants turns to alternate and refuses empty text, so parts of
// neighbours with the same role join one content, and what is empty is left out.
import Base

extension GeminiRequest {
  mutating func contents(
    _ messages: JSONSlice?, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let messages, messages.kind == .array else {
      throw .untranslatable("messages: must be an array of messages")
    }
    json.key("contents")
    json.beginArray()
    var all = scanner.elements(of: messages)
    var index = 0
    var hasContents = false
    while let message = all.next() {
      try self.message(message, at: index, scanner)
      hasContents = hasContents || role != .none
      index += 1
    }
    closeContent()
    json.endArray()
    guard hasContents else {
      throw .untranslatable("messages: at least one message with content is required")
    }
  }

  private mutating func message(
    _ message: JSONSlice, at index: Int, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    place = "messages.\(index)"
    var name: JSONSlice?
    var content: JSONSlice?
    var members = scanner.members(of: message)
    while let member = members.next() {
      if scanner.isString(member.name, "role") {
        name = name ?? member.value
      } else if scanner.isString(member.name, "content") {
        content = content ?? member.value
      }
    }
    let role: Role
    if scanner.isString(name, "user") {
      role = .user
    } else if scanner.isString(name, "assistant") {
      role = .model
    } else {
      throw .untranslatable("\(place).role: must be \"user\" or \"assistant\"")
    }
    guard let content else {
      throw .untranslatable("\(place).content: is required")
    }
    if content.kind == .string {
      text(content, as: role, scanner)
      return
    }
    guard content.kind == .array else {
      throw .untranslatable("\(place).content: must be a string or an array of blocks")
    }
    var blocks = scanner.elements(of: content)
    var blockIndex = 0
    while let block = blocks.next() {
      place = "messages.\(index).content.\(blockIndex)"
      try self.block(ClaudeBlock(block, scanner), as: role, scanner)
      blockIndex += 1
    }
    writeMedia(scanner)
  }

  private mutating func block(
    _ block: ClaudeBlock, as role: Role, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let type = scanner.decoded(block.type) else {
      throw .untranslatable("\(place).type: must be a string")
    }
    if type != "tool_result" { writeMedia(scanner) }
    switch type {
    case "text": text(try text(of: block), as: role, scanner)
    case "image", "document": try source(block, as: role, scanner)
    case "search_result": try nested(block.content, as: role, scanner)
    case "tool_result": try result(block, scanner)
    case "tool_use": try call(block, scanner)
    case "thinking": thought(block, scanner)
    // Nobody but the model that made them can read these.
    case "redacted_thinking": break
    // What an upstream's own tools did: its text follows.
    case "server_tool_use": break
    case _ where type.hasSuffix("_tool_result"): break
    default: throw .untranslatable("\(place): blocks of type \"\(type)\" are not supported")
    }
  }

  private func text(of block: ClaudeBlock) throws(Answer) -> JSONSlice {
    guard let text = block.text, text.kind == .string else {
      throw .untranslatable("\(place).text: must be a string")
    }
    return text
  }

  /// A text part; none for an empty text.
  private mutating func text(
    _ text: JSONSlice, as role: Role, _ scanner: borrowing JSONScanner
  ) {
    guard !text.isEmptyString else { return }
    beginPart(of: role)
    json.key("text")
    json.copy(text, from: scanner)
    json.endObject()
  }

  /// A thinking block that came from here has the thought's signature; others mean nothing to
  /// the upstream.
  private mutating func thought(_ block: ClaudeBlock, _ scanner: borrowing JSONScanner) {
    guard model.thinks, let signature = block.signature, signature.kind == .string,
      !signature.isEmptyString
    else { return }
    beginPart(of: .model)
    json.member("thought", true)
    json.key("text")
    if let thinking = block.thinking, thinking.kind == .string {
      json.copy(thinking, from: scanner)
    } else {
      json.string("")
    }
    json.key("thoughtSignature")
    json.copy(signature, from: scanner)
    json.endObject()
  }

  private mutating func call(
    _ block: ClaudeBlock, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let id = scanner.decoded(block.id), let name = scanner.decoded(block.name) else {
      throw .untranslatable("\(place): a tool_use needs an id and a name")
    }
    if let input = block.input, input.kind != .object {
      throw .untranslatable("\(place).input: must be an object")
    }
    functions[id] = name
    beginPart(of: .model)
    json.key("functionCall")
    json.beginObject()
    if namesCallIDs { json.member("id", id) }
    json.member("name", name)
    json.key("args")
    if let input = block.input { json.copy(input, from: scanner) } else { json.raw("{}") }
    json.endObject()
    // Of calls made together the upstream signs the first alone.
    if let known = signatures.signature(for: id, now: now) {
      json.member("thoughtSignature", known)
      isTurnSigned = true
    } else if !isTurnSigned {
      json.member("thoughtSignature", ThoughtSignatures.substitute)
    }
    json.endObject()
  }

  // MARK: Parts and contents

  /// Opens a part, and the content it belongs to.
  mutating func beginPart(of role: Role) {
    if self.role != role {
      closeContent()
      self.role = role
      json.beginObject()
      json.member("role", role == .user ? "user" : "model")
      json.key("parts")
      json.beginArray()
    }
    json.beginObject()
  }

  private mutating func closeContent() {
    guard role != .none else { return }
    json.endArray()
    json.endObject()
    role = .none
    isTurnSigned = false
  }
}
