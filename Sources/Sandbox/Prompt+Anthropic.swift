// A POST /v1/messages or count_tokens (https://docs.anthropic.com/en/api/messages).

import Base

extension Prompt {
  /// Reads a body. A missing max_tokens counts as 1,024, so that a curl line typed by hand gets an
  /// answer.
  init(body: [UInt8]) throws(PromptError) {
    let root = try Self.parse(body)
    guard let model = root["model"]?.string, !model.isEmpty else {
      throw PromptError(message: "model: Field required")
    }
    guard let messages = root["messages"]?.array else {
      throw PromptError(message: "messages: Field required")
    }
    guard !messages.isEmpty else {
      throw PromptError(message: "messages: at least one message is required")
    }
    var counter = PromptCounter()
    counter.count(root)
    let thinking = root["thinking"]?["type"]?.string
    self.init(
      wire: .anthropic, model: model, form: try Self.form(root),
      maxTokens: try Self.maxTokens(root),
      thought: thinking == "enabled" || thinking == "adaptive" ? .shown : .none,
      tool: Self.chooseTool(root, lastText: counter.lastText, lastIsResult: counter.lastIsResult),
      searches: Self.isSearch(root, lastText: counter.lastText),
      input: counter.split(limit: Self.inputLimit), countedTokens: counter.total,
      digest: hash(of: body))
  }

  private static func form(_ root: JSONValue) throws(PromptError) -> Form {
    guard let value = root["stream"], !value.isNull else { return .whole }
    guard let isStream = value.bool else {
      throw PromptError(message: "stream: Input should be a valid boolean")
    }
    return isStream ? .events : .whole
  }
  private static func maxTokens(_ root: JSONValue) throws(PromptError) -> Int {
    guard let value = root["max_tokens"], !value.isNull else { return 1_024 }
    guard let limit = value.integer, limit >= 1 else {
      throw PromptError(message: "max_tokens: Input should be greater than or equal to 1")
    }
    return Int(limit)
  }
  /// The web search is Anthropic's own tool: it is not called, it is done.
  private static func isSearch(_ tool: JSONValue) -> Bool {
    tool["type"]?.string?.hasPrefix("web_search_") == true
  }
  private static func isSearch(_ root: JSONValue, lastText: String) -> Bool {
    lastText.contains("web_search") && (root["tools"]?.array ?? []).contains(where: isSearch)
  }
  /// `tool_choice` any or tool forces a call; auto calls a tool that the last turn names.
  private static func chooseTool(
    _ root: JSONValue, lastText: String, lastIsResult: Bool
  ) -> Tool? {
    let tools = (root["tools"]?.array ?? []).filter { !isSearch($0) }.compactMap { tool in
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
