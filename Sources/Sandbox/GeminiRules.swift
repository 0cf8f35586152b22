// What the Gemini API refuses with INVALID_ARGUMENT, in its words: so that a translation into its
// format that the real API would refuse does not pass here.

import Base

enum GeminiRules {
  /// - Parameter requiresSignatures: a function call of the model is taken back only with its
  ///   thought signature.
  static func check(_ request: JSONValue, requiresSignatures: Bool) throws(PromptError) {
    guard let contents = request["contents"]?.array, !contents.isEmpty else {
      throw PromptError(message: "* GenerateContentRequest.contents: contents is not specified\n")
    }
    for (index, content) in contents.enumerated() {
      let place = "GenerateContentRequest.contents[\(index)]"
      if let role = content["role"], !role.isNull {
        guard let name = role.string, roles.contains(name) else {
          throw PromptError(message: "Please use a valid role: user, model.")
        }
      }
      try checkParts(content, place)
      if requiresSignatures { try checkSignature(content, index) }
    }
    if let system = request["systemInstruction"], !system.isNull {
      try checkParts(system, "GenerateContentRequest.system_instruction")
    }
    try checkTools(request["tools"])
  }

  /// A name the API does not know.
  static func unknown(_ name: String, at place: String?) -> PromptError {
    PromptError(
      message: "Invalid JSON payload received. Unknown name \"\(name)\""
        + (place.map { " at '\($0)'" } ?? "") + ": Cannot find field.")
  }

  private static func checkParts(_ content: JSONValue, _ place: String) throws(PromptError) {
    guard let parts = content["parts"]?.array, !parts.isEmpty else {
      throw PromptError(message: "* \(place).parts: contents.parts must not be empty.\n")
    }
    for (index, part) in parts.enumerated() {
      guard kinds.contains(where: { part[$0] != nil }) else {
        throw PromptError(
          message: "* \(place).parts[\(index)].data: required oneof field 'data' must have one "
            + "initialized field\n")
      }
    }
  }
  /// Of several calls in a turn only the first carries a signature.
  private static func checkSignature(_ content: JSONValue, _ index: Int) throws(PromptError) {
    let calls = (content["parts"]?.array ?? []).filter { $0["functionCall"] != nil }
    guard let first = calls.first, first["thoughtSignature"]?.string?.isEmpty != false else {
      return
    }
    let name = first["functionCall"]?["name"]?.string ?? ""
    throw PromptError(
      message: "Function call is missing a thought_signature in functionCall parts. This is "
        + "required for tools to work correctly. Additional data, function call "
        + "`default_api:\(name)` , position \(index + 1).")
  }
  private static func checkTools(_ tools: JSONValue?) throws(PromptError) {
    for (index, tool) in (tools?.array ?? []).enumerated() {
      for (number, function) in (tool["functionDeclarations"]?.array ?? []).enumerated() {
        let place = "tools[\(index)].function_declarations[\(number)]"
        guard let name = function["name"]?.string, !name.isEmpty else {
          throw PromptError(
            message: "* GenerateContentRequest.\(place).name: Invalid function name.")
        }
        if let schema = function["parameters"] {
          try checkSchema(schema, place + ".parameters", depth: 0)
        }
      }
    }
  }
  /// A Schema of the API is a part of OpenAPI 3.0's (https://ai.google.dev/api/caching#Schema).
  private static func checkSchema(
    _ schema: JSONValue, _ place: String, depth: Int
  ) throws(PromptError) {
    guard depth < 32 else { throw PromptError(message: "\(place) is nested too deeply") }
    for member in schema.object?.members ?? [] where !schemaFields.contains(member.name) {
      throw unknown(member.name, at: place)
    }
    for member in schema["properties"]?.object?.members ?? [] {
      try checkSchema(member.value, "\(place).properties[\(member.name)]", depth: depth + 1)
    }
    if let items = schema["items"] { try checkSchema(items, place + ".items", depth: depth + 1) }
    for (index, choice) in (schema["anyOf"]?.array ?? []).enumerated() {
      try checkSchema(choice, "\(place).any_of[\(index)]", depth: depth + 1)
    }
  }
}

private let roles = ["user", "model", "function"]
private let kinds = [
  "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
  "codeExecutionResult",
]
private let schemaFields: Set<String> = [
  "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems",
  "properties", "required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern",
  "example", "anyOf", "propertyOrdering", "default", "items", "minimum", "maximum",
]
