// Checks a JSON value against a JSON Schema, as far as the document of /admin uses the language. A
// keyword it does not know is an error: nothing passes because it was not looked at.
import Base

struct SchemaCheck {
  /// What `#/...` references point into.
  let document: JSONValue

  private static let known: Set<String> = [
    "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf",
    "$ref", "pattern", "format", "minimum", "maximum", "minLength", "maxLength", "description",
    "examples",
  ]

  /// What is wrong with a value; empty when nothing is.
  func problems(_ value: JSONValue, _ schema: JSONValue, at place: String = "$") -> [String] {
    if let reference = schema["$ref"]?.string {
      guard let target = resolve(reference) else { return ["\(place): no \(reference)"] }
      return problems(value, target, at: place)
    }
    if let choices = schema["anyOf"]?.array {
      let found = choices.map { problems(value, $0, at: place) }
      return found.contains { $0.isEmpty } ? [] : found.flatMap { $0 }
    }
    var found = (schema.object?.members ?? []).filter { !Self.known.contains($0.name) }
      .map { "\(place): unknown keyword \($0.name)" }
    if let types = types(of: schema), !types.contains(where: { Self.isOf($0, value) }) {
      return found + ["\(place): \(value.kindName) where \(types) is due"]
    }
    if let choices = schema["enum"]?.array, !choices.contains(value), !value.isNull {
      found.append("\(place): \(value.text) is none of \(choices.map(\.text))")
    }
    if let text = value.string { found += problems(text, schema, at: place) }
    if let number = value.integer {
      if let least = schema["minimum"]?.integer, number < least {
        found.append("\(place): \(number) is less than \(least)")
      }
      if let most = schema["maximum"]?.integer, number > most {
        found.append("\(place): \(number) is more than \(most)")
      }
    }
    if let elements = value.array, let items = schema["items"] {
      for (index, element) in elements.enumerated() {
        found += problems(element, items, at: "\(place)[\(index)]")
      }
    }
    if let object = value.object { found += problems(object, schema, at: place) }
    return found
  }

  func resolve(_ reference: String) -> JSONValue? {
    guard reference.hasPrefix("#/") else { return nil }
    return reference.dropFirst(2).split(separator: "/").reduce(document) { $0?[String($1)] }
  }

  private func types(of schema: JSONValue) -> [String]? {
    if let one = schema["type"]?.string { return [one] }
    return schema["type"]?.array?.compactMap(\.string)
  }

  private static func isOf(_ type: String, _ value: JSONValue) -> Bool {
    switch type {
    case "string": value.string != nil
    case "number": value.numberText != nil
    case "integer": value.integer != nil
    case "boolean": value.bool != nil
    case "object": value.object != nil
    case "array": value.array != nil
    case "null": value.isNull
    default: false
    }
  }

  private func problems(_ text: String, _ schema: JSONValue, at place: String) -> [String] {
    var found: [String] = []
    if let pattern = schema["pattern"]?.string {
      let expression = try? Regex(pattern)
      if (try? expression?.firstMatch(in: text)) ?? nil == nil {
        found.append("\(place): \"\(text)\" does not match \(pattern)")
      }
    }
    if schema["format"]?.string == "date-time", Timestamp(text: text) == nil {
      found.append("\(place): \"\(text)\" is no time")
    }
    if let longest = schema["maxLength"]?.integer, text.unicodeScalars.count > longest {
      found.append("\(place): longer than \(longest)")
    }
    return found
  }

  private func problems(_ object: JSONObject, _ schema: JSONValue, at place: String) -> [String] {
    var found: [String] = []
    for name in schema["required"]?.array?.compactMap(\.string) ?? []
    where object.member(name) == nil { found.append("\(place): \(name) is missing") }
    for member in object.members {
      if let property = schema["properties"]?[member.name] {
        found += problems(member.value, property, at: "\(place).\(member.name)")
      } else if schema["additionalProperties"] == .bool(false) {
        found.append("\(place): \(member.name) is not in the schema")
      }
    }
    return found
  }
}
