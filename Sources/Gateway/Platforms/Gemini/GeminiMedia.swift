// Images, documents and results of tools -> inlineData and functionResponse.
import Base

extension GeminiRequest {
  /// An image or a document.
  mutating func source(
    _ block: ClaudeBlock, as role: Role, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    let source = ClaudeSource(block.source, scanner)
    switch scanner.decoded(source.type) {
    case "base64":
      let (type, data) = try inline(source)
      writeInline(type, data, as: role, scanner)
    case "text":
      guard let text = source.data, text.kind == .string else {
        throw .untranslatable("\(place).source.data: must be a string")
      }
      writeText(text, as: role, scanner)
    case "content": try nested(source.content, as: role, scanner)
    default: throw unsupported(source, scanner)
    }
  }

  /// Text and images inside a document or a search result: a string, or blocks.
  mutating func nested(
    _ content: JSONSlice?, as role: Role, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let content else { return }
    if content.kind == .string {
      writeText(content, as: role, scanner)
      return
    }
    var blocks = scanner.elements(of: content)
    while let slice = blocks.next() {
      let block = ClaudeBlock(slice, scanner)
      if let text = block.text, text.kind == .string, scanner.isString(block.type, "text") {
        writeText(text, as: role, scanner)
      } else {
        let source = ClaudeSource(block.source, scanner)
        guard scanner.isString(source.type, "base64") else { throw unsupported(source, scanner) }
        let (type, data) = try inline(source)
        writeInline(type, data, as: role, scanner)
      }
    }
  }

  private func inline(
    _ source: ClaudeSource
  ) throws(Answer) -> (type: JSONSlice, data: JSONSlice) {
    guard let type = source.mediaType, type.kind == .string, let data = source.data,
      data.kind == .string
    else { throw .untranslatable("\(place).source: needs media_type and data") }
    return (type, data)
  }

  private func unsupported(_ source: ClaudeSource, _ scanner: borrowing JSONScanner) -> Answer {
    let type = scanner.decoded(source.type) ?? ""
    guard type == "url" || type == "file" else {
      return .untranslatable("\(place).source.type: must be \"base64\"")
    }
    return .untranslatable(
      "\(place).source: a source of type \"\(type)\" is not supported for this model; "
        + "send the data itself with type \"base64\"")
  }

  private mutating func writeText(
    _ text: JSONSlice, as role: Role, _ scanner: borrowing JSONScanner
  ) {
    guard !text.isEmptyString else { return }
    beginPart(of: role)
    json.key("text")
    json.copy(text, from: scanner)
    json.endObject()
  }

  private mutating func writeInline(
    _ type: JSONSlice, _ data: JSONSlice, as role: Role, _ scanner: borrowing JSONScanner
  ) {
    beginPart(of: role)
    json.key("inlineData")
    json.beginObject()
    json.key("mimeType")
    json.copy(type, from: scanner)
    json.key("data")
    json.copy(data, from: scanner)
    json.endObject()
    json.endObject()
  }
}

extension GeminiRequest {
  /// `output` for what a tool gave, `error` for what went wrong
  /// (https://ai.google.dev/api/caching#FunctionResponse).
  mutating func result(
    _ block: ClaudeBlock, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let id = scanner.decoded(block.toolUseID) else {
      throw .untranslatable("\(place).tool_use_id: must be a string")
    }
    guard let name = functions[id] else {
      throw .untranslatable("\(place): no tool_use before it has the id \"\(id.prefix(64))\"")
    }
    beginPart(of: .user)
    json.key("functionResponse")
    json.beginObject()
    if namesCallIDs { json.member("id", id) }
    json.member("name", name)
    json.key("response")
    json.beginObject()
    json.key(scanner.bool(block.isError) == true ? "error" : "output")
    try output(block.content, scanner)
    json.endObject()
    json.endObject()
    json.endObject()
  }

  /// The text of a result; its images wait in `media`.
  private mutating func output(
    _ content: JSONSlice?, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let content else {
      json.string("")
      return
    }
    if content.kind == .string {
      json.copy(content, from: scanner)
      return
    }
    guard content.kind == .array else {
      throw .untranslatable("\(place).content: must be a string or an array of blocks")
    }
    var texts: [JSONSlice] = []
    var blocks = scanner.elements(of: content)
    while let slice = blocks.next() {
      let block = ClaudeBlock(slice, scanner)
      switch scanner.decoded(block.type) {
      case "text":
        if let text = block.text, text.kind == .string { texts.append(text) }
      case "search_result":
        var parts = scanner.elements(of: block.content)
        while let part = parts.next() {
          if let text = scanner.member("text", of: part), text.kind == .string {
            texts.append(text)
          }
        }
      case "image", "document":
        let source = ClaudeSource(block.source, scanner)
        if let text = source.data, text.kind == .string, scanner.isString(source.type, "text") {
          texts.append(text)
        } else {
          guard scanner.isString(source.type, "base64") else { throw unsupported(source, scanner) }
          media.append(try inline(source))
        }
      case let type:
        throw .untranslatable(
          "\(place).content: blocks of type \"\(type ?? "")\" are not supported")
      }
    }
    join(texts, scanner)
  }

  /// Several texts as one string, a line each.
  private mutating func join(_ texts: [JSONSlice], _ scanner: borrowing JSONScanner) {
    if texts.count == 1 { return json.copy(texts[0], from: scanner) }
    var joined: [UInt8] = [0x22]
    for (index, text) in texts.enumerated() {
      if index > 0 { joined.append(utf8: "\\n") }
      joined.append(contentsOf: scanner.bytes.extracting(text.contents))
    }
    joined.append(0x22)
    json.raw(joined.span)
  }

  /// Writes the images that came with results: they stand behind the last of them, since the
  /// upstream wants as many results in a row as there were calls.
  mutating func writeMedia(_ scanner: borrowing JSONScanner) {
    guard !media.isEmpty else { return }
    for (type, data) in media { writeInline(type, data, as: .user, scanner) }
    media = []
  }
}
