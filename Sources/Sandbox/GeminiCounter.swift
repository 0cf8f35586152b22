// Counts the tokens of a generateContent request and splits them in cached and fresh ones. See
// Prompt.swift.
//
// The prompt's order is system, tools, contents. Gemini caches a prefix by itself:
// - with a turn of the model, all before the last turn is read from the cache;
// - without one, the digest of the text says whether system and tools are.
// The results of functions in the last turn count as toolUsePromptTokenCount, which comes on top of
// promptTokenCount ("results from tool executions ... provided back to the model as input").

import Base

/// Walks a request's system instruction, tools and contents in that order.
struct GeminiCounter {
  private var system = 0
  /// Everything before the last turn, system and tools included.
  private var before = 0
  private var last = 0
  private var toolUse = 0
  private var hasModelTurn = false
  private var digest: UInt64 = hash(of: [])
  /// The text of the last turn, and whether it brings a function's result.
  private(set) var lastText = ""
  private(set) var lastIsResult = false
  /// All tokens counted.
  var total: Int { before + last + toolUse }

  mutating func count(_ request: JSONValue) {
    for tool in request["tools"]?.array ?? [] {
      last += tokens(forBytes: weight(of: tool))
    }
    addParts(request["systemInstruction"])
    system = last + toolUse
    last += 3
    for content in request["contents"]?.array ?? [] {
      before += last + toolUse
      (last, toolUse) = (4, 0)
      (lastText, lastIsResult) = ("", false)
      if content["role"]?.string == "model" { hasModelTurn = true }
      addParts(content)
    }
  }

  /// The classes of usageMetadata; together at least 1 and at most `limit`.
  func split(limit: Int) -> InputTokens {
    var tokens = InputTokens()
    let cached = hasModelTurn ? before : digest & 1 == 1 ? system : 0
    tokens.cacheRead = min(cached, limit - 1)
    var left = limit - tokens.cacheRead
    tokens.toolUse = min(toolUse, left - 1)
    left -= tokens.toolUse
    tokens.fresh = max(1, min(before - cached + last, left)) + tokens.toolUse
    return tokens
  }

  private mutating func addParts(_ content: JSONValue?) {
    for part in content?["parts"]?.array ?? [] {
      if let text = part["text"]?.string {
        lastText = text
        digest = hash(of: text.utf8, from: digest)
        last += tokens(forBytes: text.utf8.count)
      } else if let data = part["inlineData"] {
        let bytes = data["data"]?.string?.utf8.count ?? 0
        let isImage = data["mimeType"]?.string?.hasPrefix("image/") == true
        last += isImage ? mediaTokens : max(1, (bytes + 51_199) / 51_200) * mediaTokens
      } else if let result = part["functionResponse"] {
        lastIsResult = true
        toolUse += tokens(forBytes: weight(of: result))
      } else {
        last += tokens(forBytes: weight(of: part))
      }
    }
  }
}

/// Tokens of an image, or of 50 KB of a document: what Gemini counts for a tile or a page.
private let mediaTokens = 258
