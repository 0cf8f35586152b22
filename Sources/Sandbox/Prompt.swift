// What the sandbox reads from a request's body, and how many tokens it counts for. The readers:
// Prompt+Anthropic.swift and Prompt+Gemini.swift; the counters: PromptCounter, GeminiCounter.
//
// Whether a part of the prompt was in the provider's cache is decided without memory, so that the
// same body always costs the same. Prompts of any length are cached, and all classes together stay
// under every known price tier.

import Base

/// A request the sandbox refuses as the provider would: 400 with this text.
struct PromptError: Error {
  let message: String
}

/// The input side of a usage object.
struct InputTokens: Hashable, Sendable {
  /// All that was not cached, results of tools included.
  var fresh = 0
  /// The part of `fresh` that Google counts as toolUsePromptTokenCount.
  var toolUse = 0
  var cacheRead = 0
  var write5m = 0
  var write1h = 0
  var sum: Int { fresh + cacheRead + write5m + write1h }
}

/// A request for an answer or for a count, as far as it matters here.
struct Prompt: Sendable {
  /// A tool the answer may call.
  struct Tool: Sendable {
    let name: String
    let schema: JSONValue?
  }
  /// Whether the model thinks before it answers, and whether the caller gets to see it.
  enum Thought: Hashable, Sendable {
    case none
    case hidden
    case shown
  }
  let wire: Wire
  let model: String
  let form: Form
  let maxTokens: Int
  let thought: Thought
  /// The tool to call; nil: answer in words.
  let tool: Tool?
  /// The answer is to be looked up: the last turn names the provider's own web search.
  let searches: Bool
  let input: InputTokens
  /// All input tokens, before the bound that keeps them under the price tiers.
  let countedTokens: Int
  /// The digest of the body's bytes: equal bodies get equal answers.
  let digest: UInt64

  var isStream: Bool { form != .whole }

  /// All input classes together never count more than this: the lowest tier of the price lists
  /// known begins above it.
  static let inputLimit = 32_000

  /// A body's one JSON object.
  static func parse(_ body: [UInt8]) throws(PromptError) -> JSONValue {
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
}
