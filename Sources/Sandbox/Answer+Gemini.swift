// An answer in Google's wire format: one GenerateContentResponse, or one for each chunk of a stream
// (https://ai.google.dev/api/generate-content). Every chunk tells the counts so far, the last ones
// are the answer's.
//
//   data: {"candidates":[{"content":{"parts":[{"text":"..."}],"role":"model"},"index":0}],
//          "usageMetadata":{...},"modelVersion":"...","responseId":"..."} CR LF CR LF
//
// A stream that thought or called a function ends with an empty text, as Gemini 3's do; others end
// with their last words, as Gemini 2's do.

import Base

/// A part of the content, and its tokens.
private struct Part {
  enum Kind {
    case text
    case thought
    /// A function's name; the text is its arguments.
    case call(String)
  }
  var kind = Kind.text
  var text = ""
  var tokens = 0
  var signature: String?

  var contentBytes: Int { text.utf8.count }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    switch kind {
    case .text: writer.member("text", text)
    case .thought:
      writer.member("text", text)
      writer.member("thought", true)
    case .call(let name):
      writer.member(
        "functionCall",
        object: { writer in
          writer.member("name", name)
          writer.name("args")
          writer.raw(text)
        })
    }
    if let signature { writer.member("thoughtSignature", signature) }
    writer.endObject()
  }
}

extension Answer {
  /// The body of an answer that is not streamed. `hasUsage` false leaves the counts out.
  func response(hasUsage: Bool) -> [UInt8] {
    var parts: [Part] = []
    for part in chunkParts {
      switch (part.kind, parts.last?.kind) {
      case (.text, .text?), (.thought, .thought?):
        parts[parts.count - 1].text += part.text
        parts[parts.count - 1].signature = part.signature ?? parts[parts.count - 1].signature
      case (.text, .call?): break
      default: parts.append(part)
      }
    }
    return response(parts, isLast: true, usage: hasUsage ? usage : nil)
  }

  /// The chunks of a stream; the last one ends it.
  func chunks(hasUsage: Bool) -> [StreamEvent] {
    let parts = ending == .blocked ? [Part()] : chunkParts
    var soFar = Usage(input: usage.input, output: 0)
    // What is not shown was thought before the first chunk.
    if !blocks.contains(where: \.isThinking) { soFar.thoughts = usage.thoughts }
    var spoken = 0
    return parts.enumerated().map { index, part in
      let isLast = index == parts.count - 1
      switch part.kind {
      case .thought: soFar.thoughts += part.tokens
      default: spoken += part.tokens
      }
      soFar.output = min(soFar.thoughts + spoken, usage.output)
      let counts = isLast ? usage : soFar
      let json = response([part], isLast: isLast, usage: hasUsage ? counts : nil)
      return StreamEvent(
        bytes: form.frame(json, isFirst: index == 0, isLast: isLast),
        contentBytes: part.contentBytes, usage: counts)
    }
  }

  /// One part for each piece of an answer, one for a whole function call, and the last one.
  private var chunkParts: [Part] {
    var parts: [Part] = []
    var endsEmpty = usage.thoughts > 0
    for block in blocks {
      switch block {
      case .thinking(let pieces, _):
        parts += pieces.map { Part(kind: .thought, text: $0.text, tokens: $0.tokens) }
        if signsThoughts { parts[parts.count - 1].signature = signature }
      case .text(let pieces): parts += pieces.map { Part(text: $0.text, tokens: $0.tokens) }
      case .toolUse(_, let name, let json):
        let text = json.map(\.text).joined()
        let tokens = json.reduce(0) { $0 + $1.tokens }
        parts.append(Part(kind: .call(name), text: text, tokens: tokens, signature: signature))
        endsEmpty = true
      case .search, .found: break
      }
    }
    // The end of a stream never is all of its content: what breaks off breaks off before it.
    if endsEmpty || parts.count < 2 || ending == .safety {
      let isSigned = !calls && !signsThoughts && usage.thoughts > 0
      parts.append(Part(signature: isSigned ? signature : nil))
    }
    return parts
  }
  /// Gemini signs the last part of an answer; Claude models behind Antigravity sign the thought.
  private var signsThoughts: Bool { wire == .antigravity && model.hasPrefix("claude") }
  private var calls: Bool { blocks.contains { if case .toolUse = $0 { true } else { false } } }

  private func response(_ parts: [Part], isLast: Bool, usage: Usage?) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    if wire == .antigravity {
      writer.member(
        "response", object: { writeResponse(parts, isLast: isLast, usage: usage, to: &$0) })
      writer.member("traceId", "\(hash(of: id.utf8))")
    } else {
      writeResponse(parts, isLast: isLast, usage: usage, to: &writer)
    }
    writer.endObject()
    return writer.bytes
  }
  private func writeResponse(
    _ parts: [Part], isLast: Bool, usage: Usage?, to writer: inout JSONWriter
  ) {
    if ending == .blocked {
      writer.member("promptFeedback", object: { $0.member("blockReason", "PROHIBITED_CONTENT") })
    } else {
      writer.member(
        "candidates",
        array: { writer in
          writer.object { writeCandidate(parts, isLast: isLast, to: &$0) }
        })
    }
    if let usage { writer.member("usageMetadata", object: { usage.writeMetadata(to: &$0) }) }
    writer.member("modelVersion", model)
    writer.member("responseId", id)
  }
  private func writeCandidate(_ parts: [Part], isLast: Bool, to writer: inout JSONWriter) {
    // What a filter stopped has no content.
    if !(isLast && ending == .safety) {
      writer.member(
        "content",
        object: { writer in
          writer.member("parts", array: { writer in for part in parts { part.write(to: &writer) } })
          writer.member("role", "model")
        })
    }
    if isLast { writer.member("finishReason", finishReason) }
    if isLast && self.usage.searches > 0 {
      writer.member("groundingMetadata", object: WebSearch.writeGrounding)
    }
    writer.member("index", 0)
    if isLast && ending == .safety {
      writer.member(
        "safetyRatings",
        array: { writer in
          writer.object { writer in
            writer.member("category", "HARM_CATEGORY_DANGEROUS_CONTENT")
            writer.member("probability", "HIGH")
            writer.member("blocked", true)
          }
        })
    }
  }
  private var finishReason: String {
    switch ending {
    case .limit: "MAX_TOKENS"
    case .safety: "SAFETY"
    case .done, .toolCall, .blocked: "STOP"
    }
  }
}

extension Block {
  fileprivate var isThinking: Bool { if case .thinking = self { true } else { false } }
}

extension Form {
  /// One object of a stream: an event, or an element of the array.
  func frame(_ json: [UInt8], isFirst: Bool, isLast: Bool) -> [UInt8] {
    switch self {
    case .whole: json
    case .events: Array("data: ".utf8) + json + Array("\r\n\r\n".utf8)
    case .array: Array((isFirst ? "[" : ",\r\n").utf8) + json + Array((isLast ? "]" : "").utf8)
    }
  }
}

extension Usage {
  /// The members of Google's usageMetadata; counts of 0 are left out, as Google does.
  func writeMetadata(to writer: inout JSONWriter) {
    let prompt = input.fresh - input.toolUse + input.cacheRead
    let counts = [
      ("promptTokenCount", prompt), ("cachedContentTokenCount", input.cacheRead),
      ("candidatesTokenCount", output - thoughts), ("thoughtsTokenCount", thoughts),
      ("toolUsePromptTokenCount", input.toolUse),
      ("totalTokenCount", prompt + input.toolUse + output),
    ]
    for (name, count) in counts where count > 0 { writer.member(name, count) }
    writer.member("promptTokensDetails", array: { $0.writeTextTokens(prompt) })
  }
}

extension JSONWriter {
  /// `{"modality":"TEXT","tokenCount":N}`
  mutating func writeTextTokens(_ count: Int) {
    object { writer in
      writer.member("modality", "TEXT")
      writer.member("tokenCount", count)
    }
  }
}
