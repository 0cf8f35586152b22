// Counts the tokens of a Messages request and cuts it into segments at the cache marks. See
// Prompt.swift.
//
// The prompt's order is Anthropic's: tools, system, messages. A block marked with `cache_control`
// ends a segment of the prefix that is cached, for five minutes or an hour as the mark says:
// - the conversation has an assistant turn: all segments but the last are read, the last is
//   written;
// - it has none: the digest of its text says whether the first segment is read or all are written.

import Base

/// Walks a request's tools, system and messages in that order.
struct PromptCounter {
  private struct Segment {
    var tokens: Int
    var isHour: Bool
  }
  private var segments: [Segment] = []
  private var open = 0
  private var hasAssistantTurn = false
  private var prefixDigest: UInt64 = hash(of: [])
  /// The text of the last message, and whether it brings a tool's result.
  private(set) var lastText = ""
  private(set) var lastIsResult = false
  /// All tokens counted.
  var total: Int { segments.reduce(open) { $0 + $1.tokens } }

  mutating func count(_ root: JSONValue) {
    open = 3
    for tool in root["tools"]?.array ?? [] {
      add(bytes: weight(of: tool))
      mark(tool)
    }
    addContent(root["system"])
    for message in root["messages"]?.array ?? [] {
      open += 4
      if message["role"]?.string == "assistant" { hasAssistantTurn = true }
      (lastText, lastIsResult) = ("", false)
      addContent(message["content"])
    }
    mark(root)
  }

  /// The classes of the usage object; together at least 1 and at most `limit`.
  func split(limit: Int) -> InputTokens {
    var tokens = InputTokens()
    let readsFirst = prefixDigest & 1 == 1
    var left = limit - 1
    for (index, segment) in segments.enumerated() {
      let part = min(segment.tokens, left)
      left -= part
      let isRead =
        hasAssistantTurn ? index < segments.count - 1 : readsFirst && index == 0
      if isRead {
        tokens.cacheRead += part
      } else if segment.isHour {
        tokens.write1h += part
      } else {
        tokens.write5m += part
      }
    }
    tokens.fresh = max(1, min(open, left + 1))
    return tokens
  }

  /// System text or a message's content: a string or an array of blocks.
  private mutating func addContent(_ content: JSONValue?) {
    if let text = content?.string {
      addText(text)
      return
    }
    for block in content?.array ?? [] {
      addBlock(block)
      mark(block)
    }
  }
  private mutating func addBlock(_ block: JSONValue) {
    switch block["type"]?.string {
    case "text": addText(block["text"]?.string ?? "")
    case "image": open += imageTokens
    case "document": addDocument(block["source"])
    case "tool_result":
      lastIsResult = true
      addContent(block["content"])
    case "thinking": add(bytes: block["thinking"]?.string?.utf8.count ?? 0)
    default: add(bytes: weight(of: block))
    }
  }
  private mutating func addText(_ text: String) {
    lastText = text
    prefixDigest = hash(of: text.utf8, from: prefixDigest)
    add(bytes: text.utf8.count)
  }
  /// A document counts 1,900 tokens for each 50 KB of base64, or its text.
  private mutating func addDocument(_ source: JSONValue?) {
    let bytes = source?["data"]?.string?.utf8.count ?? 0
    if source?["type"]?.string == "text" {
      add(bytes: bytes)
    } else {
      open += max(1, (bytes + 51_199) / 51_200) * documentTokens
    }
  }
  private mutating func add(bytes: Int) { open += tokens(forBytes: bytes) }

  /// Ends a segment when `block` carries a cache mark.
  private mutating func mark(_ block: JSONValue) {
    guard let mark = block["cache_control"], mark["type"]?.string == "ephemeral" else { return }
    guard open > 0 else { return }
    segments.append(Segment(tokens: open, isHour: mark["ttl"]?.string == "1h"))
    open = 0
  }
}

/// Two tokens for seven bytes: what tokenizers need for English and code, roughly.
func tokens(forBytes bytes: Int) -> Int { (bytes * 2 + 6) / 7 }

/// The bytes of all texts and names in a value.
func weight(of value: JSONValue) -> Int {
  if let text = value.string { return text.utf8.count }
  if let items = value.array { return items.reduce(0) { $0 + weight(of: $1) } }
  if let object = value.object {
    return object.members.reduce(0) { $0 + $1.name.utf8.count + weight(of: $1.value) }
  }
  return 2
}

private let imageTokens = 1_568
private let documentTokens = 1_900
