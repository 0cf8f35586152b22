// tools and tool_choice -> functionDeclarations, googleSearch and functionCallingConfig.
import Base

extension GeminiRequest {
  /// Schemas are looked through many times.
  private static let greatestToolBytes = 4 << 20

  mutating func tools(
    _ tools: JSONSlice?, choice: JSONSlice?, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let tools else { return }
    guard tools.kind == .array else { throw .untranslatable("tools: must be an array") }
    guard tools.range.count <= Self.greatestToolBytes else {
      throw .untranslatable("tools: are longer than 4 MiB")
    }
    var declarations: [JSONSlice] = []
    var searches = false
    var all = scanner.elements(of: tools)
    while let tool = all.next() {
      switch scanner.decoded(scanner.member("type", of: tool)) {
      case nil, "custom": declarations.append(tool)
      case let type? where type.hasPrefix("web_search_"): searches = true
      case let type?:
        throw .untranslatable("tools: the tool \"\(type)\" is not supported for this model")
      }
    }
    // The upstream does not search in a request that declares functions.
    searches = searches && declarations.isEmpty
    guard searches || !declarations.isEmpty else { return }
    json.key("tools")
    json.beginArray()
    json.beginObject()
    if searches {
      json.key("googleSearch")
      json.raw("{}")
    } else {
      json.key("functionDeclarations")
      json.beginArray()
      for (index, tool) in declarations.enumerated() {
        try declaration(tool, at: index, scanner)
      }
      json.endArray()
    }
    json.endObject()
    json.endArray()
    if !searches { try toolConfig(choice, scanner) }
  }

  private mutating func declaration(
    _ tool: JSONSlice, at index: Int, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let name = scanner.member("name", of: tool), name.kind == .string else {
      throw .untranslatable("tools.\(index).name: must be a string")
    }
    json.beginObject()
    json.key("name")
    json.copy(name, from: scanner)
    if let description = scanner.member("description", of: tool), description.kind == .string {
      json.key("description")
      json.copy(description, from: scanner)
    }
    // A function without parameters has no schema: the upstream refuses an empty object.
    if let schema = scanner.member("input_schema", of: tool) {
      guard schema.range.count <= GeminiSchema.greatestBytes else {
        throw .untranslatable("tools.\(index).input_schema: is longer than 1 MiB")
      }
      var cleaned = GeminiSchema(of: schema, scanner)
      if cleaned.hasProperties {
        json.key("parameters")
        cleaned.write(to: &json, scanner)
      }
    }
    json.endObject()
  }

  private mutating func toolConfig(
    _ choice: JSONSlice?, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let choice else { return }
    let mode: String
    var only: JSONSlice?
    switch scanner.decoded(scanner.member("type", of: choice)) {
    case "auto": mode = "AUTO"
    case "any": mode = "ANY"
    case "none": mode = "NONE"
    case "tool":
      mode = "ANY"
      guard let name = scanner.member("name", of: choice), name.kind == .string else {
        throw .untranslatable("tool_choice.name: must be a string")
      }
      only = name
    default:
      throw .untranslatable("tool_choice.type: must be \"auto\", \"any\", \"tool\" or \"none\"")
    }
    json.key("toolConfig")
    json.beginObject()
    json.key("functionCallingConfig")
    json.beginObject()
    json.member("mode", mode)
    if let only {
      json.key("allowedFunctionNames")
      json.beginArray()
      json.copy(only, from: scanner)
      json.endArray()
    }
    json.endObject()
    json.endObject()
  }
}
