// max_tokens, sampling, stop sequences, thinking and the output's format -> generationConfig.
import Base

extension GeminiRequest {
  mutating func settings(
    _ members: Members, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    json.key("generationConfig")
    json.beginObject()
    if let limit = members.maxTokens {
      guard let tokens = scanner.integer(limit), tokens > 0 else {
        throw .untranslatable("max_tokens: must be a whole number above 0")
      }
      json.member("maxOutputTokens", min(tokens, model.greatestOutputTokens ?? tokens))
    }
    try number(members.temperature, "temperature", as: "temperature", scanner)
    try number(members.topP, "top_p", as: "topP", scanner)
    try number(members.topK, "top_k", as: "topK", scanner)
    try stopSequences(members.stopSequences, scanner)
    try thinking(members.thinking, scanner)
    format(members.outputConfig, scanner)
    json.endObject()
  }

  private mutating func number(
    _ value: JSONSlice?, _ name: String, as wire: StaticString, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let value else { return }
    guard value.kind == .number else { throw .untranslatable("\(name): must be a number") }
    json.key(wire)
    json.copy(value, from: scanner)
  }

  private mutating func stopSequences(
    _ value: JSONSlice?, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let value else { return }
    var texts: [JSONSlice] = []
    var elements = scanner.elements(of: value)
    while let element = elements.next() {
      guard element.kind == .string else {
        throw .untranslatable("stop_sequences: must be an array of strings")
      }
      if !element.isEmptyString { texts.append(element) }
    }
    guard !texts.isEmpty else { return }
    json.key("stopSequences")
    json.beginArray()
    for text in texts { json.copy(text, from: scanner) }
    json.endArray()
  }

  private mutating func thinking(
    _ value: JSONSlice?, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let value, model.thinks else { return }
    var budget: Int64?
    switch scanner.decoded(scanner.member("type", of: value)) {
    case "enabled":
      guard let tokens = scanner.integer(scanner.member("budget_tokens", of: value)), tokens >= 0
      else { throw .untranslatable("thinking.budget_tokens: must be a whole number") }
      budget = model.budget(tokens)
    case "adaptive":
      if model.needsDynamicBudget { budget = -1 }
    case "disabled":
      guard model.canStopThinking else { return }
      json.key("thinkingConfig")
      json.beginObject()
      json.member("thinkingBudget", 0)
      json.endObject()
      return
    default:
      throw .untranslatable("thinking.type: must be \"enabled\", \"adaptive\" or \"disabled\"")
    }
    json.key("thinkingConfig")
    json.beginObject()
    json.member("includeThoughts", true)
    if let budget { json.member("thinkingBudget", budget) }
    json.endObject()
  }

  /// An answer in JSON, by a schema.
  private mutating func format(_ outputConfig: JSONSlice?, _ scanner: borrowing JSONScanner) {
    let format = scanner.member("format", of: outputConfig)
    guard scanner.isString(scanner.member("type", of: format), "json_schema"),
      let schema = scanner.member("schema", of: format), schema.kind == .object
    else { return }
    json.member("responseMimeType", "application/json")
    var cleaned = GeminiSchema(of: schema, scanner)
    json.key("responseSchema")
    cleaned.write(to: &json, scanner)
  }
}
