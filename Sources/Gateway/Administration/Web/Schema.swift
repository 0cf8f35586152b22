// JSON Schema (draft 2020-12) as far as the document of /admin needs it.
import Base

/// A schema, as the JSON that states it.
struct Schema: Sendable {
  var json: JSONObject

  private init(_ type: String, _ more: KeyValuePairs<String, JSONValue> = [:]) {
    json = .of(["type": .string(type)])
    for (name, value) in more { json.set(name, value) }
  }
  private init(json: JSONObject) { self.json = json }

  static let text = Schema("string")
  static let flag = Schema("boolean")
  static let number = Schema("number")
  static let integer = Schema("integer")
  static let anyObject = Schema("object")
  /// Decimal USD with all its digits.
  static let usd = Schema(
    "string", ["pattern": .string(#"^-?[0-9]+(\.[0-9]{1,9})?$"#), "examples": .texts(["10.25"])])
  /// RFC 3339.
  static let time = Schema("string", ["format": .string("date-time")])

  static func text(longest: Int) -> Schema {
    Schema("string", ["maxLength": .number("\(longest)")])
  }
  static func integer(_ range: ClosedRange<Int>) -> Schema {
    Schema(
      "integer",
      ["minimum": .number("\(range.lowerBound)"), "maximum": .number("\(range.upperBound)")])
  }
  static func choice(_ words: [String]) -> Schema { Schema("string", ["enum": .texts(words)]) }
  static func list(of item: Schema) -> Schema { Schema("array", ["items": .object(item.json)]) }
  static func reference(_ name: String) -> Schema {
    Schema(json: .of(["$ref": .string("#/components/schemas/\(name)")]))
  }
  /// One of several.
  static func any(_ schemas: [Schema]) -> Schema {
    Schema(json: .of(["anyOf": .array(schemas.map { .object($0.json) })]))
  }
  /// An amount as a number or as text: both are read exactly.
  static let amount = Schema(json: .of(["type": .texts(["string", "number"])]))

  /// This, or null.
  var orNull: Schema {
    guard let type = json["type"]?.string else {
      return .any([self, Schema("null")])
    }
    var schema = self
    schema.json.set("type", .texts([type, "null"]))
    return schema
  }
  func described(_ text: String) -> Schema {
    var schema = self
    schema.json.set("description", .string(text))
    return schema
  }

  /// A member of an object.
  struct Member: Sendable {
    let name: String
    let schema: Schema
    var isRequired = true
  }
  /// An object with these members and no others.
  static func object(_ members: [Member]) -> Schema {
    var schema = Schema("object")
    schema.json.set(
      "properties",
      .object(
        JSONObject(
          members.map { JSONObject.Member(name: $0.name, value: .object($0.schema.json)) })))
    let required = members.filter(\.isRequired).map(\.name)
    if !required.isEmpty { schema.json.set("required", .texts(required)) }
    schema.json.set("additionalProperties", .bool(false))
    return schema
  }
  /// The same, all members required.
  static func record(_ members: KeyValuePairs<String, Schema>) -> Schema {
    .object(members.map { Member(name: $0.key, schema: $0.value) })
  }
  /// A page of a list.
  static func page(of item: String) -> Schema {
    .record(["data": .list(of: .reference(item)), "has_more": .flag, "next": text.orNull])
  }
}

extension JSONObject {
  static func of(_ members: KeyValuePairs<String, JSONValue>) -> JSONObject {
    JSONObject(members.map { Member(name: $0.key, value: $0.value) })
  }
  /// Adds a member, or gives it another value.
  mutating func set(_ name: String, _ value: JSONValue) {
    if let index = members.firstIndex(where: { $0.name == name }) {
      members[index].value = value
    } else {
      members.append(Member(name: name, value: value))
    }
  }
}
extension JSONValue {
  static func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
  static func of(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(.of(members))
  }
}
