// A generateContent, streamGenerateContent or countTokens request
// (https://ai.google.dev/api/generate-content, https://ai.google.dev/api/tokens), alone or in the
// envelope of v1internal.

import Base

extension Prompt {
  /// Reads a body. A missing maxOutputTokens counts as 8,192.
  init(body: [UInt8], call: GoogleCall, isEvents: Bool) throws(PromptError) {
    let root = try Self.parse(body)
    let (model, request) = try Self.unwrap(root, call)
    try GeminiRules.check(request, requiresSignatures: Self.signs(model, on: call.wire))
    let config = request["generationConfig"]
    var counter = GeminiCounter()
    counter.count(request)
    var digest = hash(of: body)
    // The model stands in the path, not in the body.
    if call.wire == .gemini { digest = hash(of: model.utf8, from: digest) }
    self.init(
      wire: call.wire, model: model,
      form: call.method != .stream ? .whole : isEvents ? .events : .array,
      maxTokens: try Self.maxOutputTokens(config),
      thought: Self.thought(config?["thinkingConfig"]),
      tool: Self.chooseFunction(
        request, lastText: counter.lastText, lastIsResult: counter.lastIsResult),
      searches: counter.lastText.contains("web_search")
        && (request["tools"]?.array ?? []).contains { $0["googleSearch"] != nil },
      input: counter.split(limit: Self.inputLimit), countedTokens: counter.total, digest: digest)
  }

  /// The model and the GenerateContentRequest of a call.
  private static func unwrap(
    _ root: JSONValue, _ call: GoogleCall
  ) throws(PromptError) -> (model: String, request: JSONValue) {
    guard let model = call.model ?? root["model"]?.string, !model.isEmpty else {
      throw PromptError(message: "model is required")
    }
    if call.wire == .antigravity {
      guard let request = root["request"], request.object != nil else {
        throw PromptError(message: "request is required")
      }
      return (model, request)
    }
    guard call.method == .count else { return (model, root) }
    // A count is asked of contents alone or of a whole request, never of both; every other name is
    // unknown to CountTokensRequest.
    for member in root.object?.members ?? [] where !countTokensFields.contains(member.name) {
      throw GeminiRules.unknown(member.name, at: nil)
    }
    guard let request = root["generateContentRequest"] else { return (model, root) }
    guard root["contents"] == nil else {
      throw PromptError(
        message: "contents and generate_content_request are mutually exclusive.")
    }
    guard request["model"]?.string?.isEmpty == false else {
      throw PromptError(
        message: "* CountTokensRequest.generate_content_request.model: model is not specified")
    }
    return (model, request)
  }

  /// Gemini 3 and Antigravity take no function call back without its thought signature
  /// (https://ai.google.dev/gemini-api/docs/thought-signatures).
  private static func signs(_ model: String, on wire: Wire) -> Bool {
    wire == .antigravity || model.hasPrefix("gemini-3")
  }
  private static func maxOutputTokens(_ config: JSONValue?) throws(PromptError) -> Int {
    guard let value = config?["maxOutputTokens"], !value.isNull else { return 8_192 }
    guard let limit = value.integer, limit >= 1 else {
      throw PromptError(message: "max_output_tokens must be positive.")
    }
    return Int(limit)
  }
  /// Gemini thinks unless its budget is 0, and counts it even when it does not show it.
  private static func thought(_ config: JSONValue?) -> Thought {
    if config?["thinkingBudget"]?.integer == 0 { return .none }
    return config?["includeThoughts"]?.bool == true ? .shown : .hidden
  }
  /// Mode ANY forces a call; AUTO and VALIDATED call a function that the last turn names.
  private static func chooseFunction(
    _ request: JSONValue, lastText: String, lastIsResult: Bool
  ) -> Tool? {
    let tools = (request["tools"]?.array ?? [])
      .flatMap { $0["functionDeclarations"]?.array ?? [] }
      .compactMap { function in
        function["name"]?.string.map {
          Tool(name: $0, schema: function["parameters"] ?? function["parametersJsonSchema"])
        }
      }
    let config = request["toolConfig"]?["functionCallingConfig"]
    let allowed = config?["allowedFunctionNames"]?.array?.compactMap(\.string)
    switch config?["mode"]?.string ?? "AUTO" {
    case "ANY": return tools.first { allowed?.contains($0.name) ?? true }
    case "AUTO", "VALIDATED":
      return lastIsResult ? nil : tools.first { lastText.contains($0.name) }
    default: return nil
    }
  }
}

private let countTokensFields = ["contents", "generateContentRequest"]
