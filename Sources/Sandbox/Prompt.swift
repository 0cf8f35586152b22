// What the sandbox reads from a request's body, and how many tokens it counts for.
//
// The prompt's order is Anthropic's: tools, system, messages. A block marked with `cache_control`
// ends a segment of the prefix that is cached, for five minutes or an hour as the mark says.
// Whether a segment was in the cache is decided without memory, so that the same body always costs
// the same:
// - the conversation has an assistant turn: all segments but the last are read, the last is
//   written;
// - it has none: the digest of its text says whether the first segment is read or all are written.
// Prompts of any length are cached, and all classes together stay under every known price tier.

import Base

/// A request the sandbox refuses as Anthropic would: 400 with this text.
struct PromptError: Error {
  let message: String
}

/// The input side of a usage object.
struct InputTokens: Hashable, Sendable {
  var fresh = 0
  var cacheRead = 0
  var write5m = 0
  var write1h = 0
  var sum: Int { fresh + cacheRead + write5m + write1h }
}

/// A POST /v1/messages or count_tokens, as far as it matters here.
struct Prompt: Sendable {
  /// A tool the answer may call.
  struct Tool: Sendable {
    let name: String
    let schema: JSONValue?
  }
  private(set) var model = ""
  private(set) var isStream = false
  private(set) var maxTokens = 1_024
  private(set) var wantsThought = false
  /// The tool to call; nil: answer in words.
  private(set) var tool: Tool?
  private(set) var input = InputTokens()
  /// All input tokens, before the bound that keeps them under the price tiers.
  private(set) var countedTokens = 0
  /// The digest of the body's bytes: equal bodies get equal answers.
  let digest: UInt64

  /// All input classes together never count more than this: the lowest tier of the price lists
  /// known begins above it.
  static let inputLimit = 32_000

  /// Reads a body. A missing max_tokens counts as 1,024, so that a curl line typed by hand gets an
  /// answer.
  init(body: [UInt8]) throws(PromptError) {
    digest = hash(of: body)
    let root = try Self.parse(body)
    guard let model = root["model"]?.string, !model.isEmpty else {
      throw PromptError(message: "model: Field required")
    }
    self.model = model
    if let value = root["stream"], !value.isNull {
      guard let isStream = value.bool else {
        throw PromptError(message: "stream: Input should be a valid boolean")
      }
      self.isStream = isStream
    }
    if let value = root["max_tokens"], !value.isNull {
      guard let limit = value.integer, limit >= 1 else {
        throw PromptError(message: "max_tokens: Input should be greater than or equal to 1")
      }
      maxTokens = Int(limit)
    }
    guard let messages = root["messages"]?.array else {
      throw PromptError(message: "messages: Field required")
    }
    guard !messages.isEmpty else {
      throw PromptError(message: "messages: at least one message is required")
    }
    let thinking = root["thinking"]?["type"]?.string
    wantsThought = thinking == "enabled" || thinking == "adaptive"
    var counter = PromptCounter()
    counter.count(root)
    (input, countedTokens) = (counter.split(limit: Self.inputLimit), counter.total)
    tool = Self.chooseTool(root, lastText: counter.lastText, lastIsResult: counter.lastIsResult)
  }

  private static func parse(_ body: [UInt8]) throws(PromptError) -> JSONValue {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONParser(maxDepth: 128, duplicates: .keepLast).parse(body)
    } catch {
      throw PromptError(message: "The request body is not valid JSON: \(error)")
    }
    guard value.object != nil else {
      throw PromptError(message: "The request body is not a JSON object")
    }
    return value
  }
  /// `tool_choice` any or tool forces a call; auto calls a tool that the last turn names.
  private static func chooseTool(
    _ root: JSONValue, lastText: String, lastIsResult: Bool
  ) -> Tool? {
    let tools = (root["tools"]?.array ?? []).compactMap { tool in
      tool["name"]?.string.map { Tool(name: $0, schema: tool["input_schema"]) }
    }
    switch root["tool_choice"]?["type"]?.string ?? "auto" {
    case "any": return tools.first
    case "tool":
      let wanted = root["tool_choice"]?["name"]?.string
      return tools.first { $0.name == wanted }
    case "auto": return lastIsResult ? nil : tools.first { lastText.contains($0.name) }
    default: return nil
    }
  }
}
