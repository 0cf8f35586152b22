// A JSON Schema as the upstream's Schema, a narrow subset of OpenAPI's
// (https://ai.google.dev/api/caching#Schema).
//
//   kept           type (upper case), description, format where known, enum of strings, properties,
//                  required, items, minimum, maximum
//   turned         "null" among types -> nullable; several types, oneOf -> anyOf; const -> enum;
//                  allOf and $ref -> what they stand for; enum of others -> words in description
//   left out       $schema, $id, $defs, additionalProperties, lengths, pattern, default, ...
//
// A $ref is written out where it stands, within bounds: a hostile schema can neither recurse nor
// grow beyond a small multiple of its size.
import Base

struct GeminiSchema {
  private let root: JSONSlice
  private let top: SchemaReading
  /// How many $ref may still be written out.
  private var references = 128
  /// Where the targets of $ref begin that we are inside of.
  private var chain: [Int] = []
  /// Bytes of `json` from which on no $ref is written out any more.
  private var greatestCount = 0

  /// Deeper schemas end in plain types.
  static let greatestDepth = 48
  /// A longer schema is refused.
  static let greatestBytes = 1 << 20

  init(of schema: JSONSlice, _ scanner: borrowing JSONScanner) {
    root = schema
    var resolver = SchemaResolver(root: schema, references: references)
    top = SchemaReading(of: schema, scanner, &resolver)
    references = resolver.references
    chain = resolver.chain
  }

  /// False for the schema of a function without parameters.
  var hasProperties: Bool { !top.properties.isEmpty }

  /// Writes the schema: an object.
  mutating func write(to json: inout JSONWriter, _ scanner: borrowing JSONScanner) {
    greatestCount = json.bytes.count + 4 * root.range.count + 4096
    var reading = top
    reading.types = [.object]
    write(reading, to: &json, scanner, depth: 0)
  }

  private mutating func write(
    _ slice: JSONSlice?, to json: inout JSONWriter, _ scanner: borrowing JSONScanner, depth: Int,
    description: JSONSlice? = nil, isNullable: Bool = false
  ) {
    let mayResolve = json.bytes.count < greatestCount
    let outer = chain
    var resolver = SchemaResolver(
      root: root, references: mayResolve ? references : 0, chain: outer)
    var reading = SchemaReading()
    if let slice { reading = SchemaReading(of: slice, scanner, &resolver) }
    if mayResolve { references = resolver.references }
    reading.description = reading.description ?? description
    reading.isNullable = reading.isNullable || isNullable
    chain = resolver.chain
    write(reading, to: &json, scanner, depth: depth)
    chain = outer
  }

  private mutating func write(
    _ reading: SchemaReading, to json: inout JSONWriter, _ scanner: borrowing JSONScanner,
    depth: Int
  ) {
    var reading = reading
    if reading.types.isEmpty {
      if let only = reading.onlyVariant, depth < Self.greatestDepth {
        write(
          only, to: &json, scanner, depth: depth + 1, description: reading.description,
          isNullable: reading.isNullable)
        return
      }
      if reading.variants.count > 1, depth < Self.greatestDepth {
        writeVariants(of: reading, to: &json, scanner, depth: depth)
        return
      }
      reading.types = [reading.likelyType(scanner)]
    }
    guard reading.types.count > 1 else {
      writeTyped(reading, reading.types[0], to: &json, scanner, depth: depth)
      return
    }
    json.beginObject()
    json.key("anyOf")
    json.beginArray()
    for type in reading.types {
      writeTyped(reading, type, to: &json, scanner, depth: depth + 1)
    }
    json.endArray()
    json.endObject()
  }

  /// anyOf stands alone: the upstream refuses other fields beside it.
  private mutating func writeVariants(
    of reading: SchemaReading, to json: inout JSONWriter, _ scanner: borrowing JSONScanner,
    depth: Int
  ) {
    json.beginObject()
    json.key("anyOf")
    json.beginArray()
    for (index, variant) in reading.variants.enumerated() {
      write(
        variant, to: &json, scanner, depth: depth + 1,
        description: index == 0 ? reading.description : nil, isNullable: reading.isNullable)
    }
    json.endArray()
    json.endObject()
  }

  private mutating func writeTyped(
    _ reading: SchemaReading, _ type: SchemaType, to json: inout JSONWriter,
    _ scanner: borrowing JSONScanner, depth: Int
  ) {
    json.beginObject()
    json.member("type", type.rawValue)
    if let format = reading.format, type.takes(format: format, scanner) {
      json.key("format")
      json.copy(format, from: scanner)
    }
    writeDescription(reading, type, to: &json, scanner)
    if reading.isNullable { json.member("nullable", true) }
    switch type {
    case .string: writeEnum(reading, to: &json, scanner)
    case .integer, .number:
      writeBound(reading.minimum, "minimum", to: &json, scanner)
      writeBound(reading.maximum, "maximum", to: &json, scanner)
    case .boolean: break
    case .array:
      json.key("items")
      if depth < Self.greatestDepth {
        write(reading.items, to: &json, scanner, depth: depth + 1)
      } else {
        json.raw(#"{"type":"STRING"}"#)
      }
    case .object:
      if depth < Self.greatestDepth {
        writeProperties(reading, to: &json, scanner, depth: depth)
      }
    }
    json.endObject()
  }

  private mutating func writeProperties(
    _ reading: SchemaReading, to json: inout JSONWriter, _ scanner: borrowing JSONScanner,
    depth: Int
  ) {
    guard !reading.properties.isEmpty else { return }
    var names: Set<String> = []
    json.key("properties")
    json.beginObject()
    for property in reading.properties {
      guard let name = scanner.decoded(property.name), names.insert(name).inserted else {
        continue
      }
      json.name(name)
      write(property.value, to: &json, scanner, depth: depth + 1)
    }
    json.endObject()
    // A name that is no property makes the upstream refuse the request.
    let required = reading.required.compactMap { names.remove($0) }
    guard !required.isEmpty else { return }
    json.key("required")
    json.beginArray()
    for name in required { json.string(name) }
    json.endArray()
  }

  private func writeBound(
    _ bound: JSONSlice?, _ name: StaticString, to json: inout JSONWriter,
    _ scanner: borrowing JSONScanner
  ) {
    guard let bound, bound.kind == .number else { return }
    json.key(name)
    json.copy(bound, from: scanner)
  }

  /// Strings only: the upstream knows no other enums, and no empty values.
  private func writeEnum(
    _ reading: SchemaReading, to json: inout JSONWriter, _ scanner: borrowing JSONScanner
  ) {
    let texts = reading.values.filter { $0.kind == .string && !$0.isEmptyString }
    guard !texts.isEmpty else { return }
    json.key("enum")
    json.beginArray()
    for text in texts { json.copy(text, from: scanner) }
    json.endArray()
  }

  /// The description, with the values of an enum that cannot be one.
  private func writeDescription(
    _ reading: SchemaReading, _ type: SchemaType, to json: inout JSONWriter,
    _ scanner: borrowing JSONScanner
  ) {
    let values = type == .string ? [] : reading.values.filter { $0.kind != .null }
    guard !values.isEmpty else {
      if let description = reading.description {
        json.key("description")
        json.copy(description, from: scanner)
      }
      return
    }
    var text = scanner.decoded(reading.description).map { $0 + " " } ?? ""
    text += "One of: "
    text += values.prefix(64).map { scanner.text($0) }.joined(separator: ", ")
    json.member("description", text)
  }
}
