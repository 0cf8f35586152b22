// One level of a JSON Schema as far as GeminiSchema uses it, allOf and $ref taken in.
import Base

/// The upstream's names of types.
enum SchemaType: String {
  case string = "STRING"
  case number = "NUMBER"
  case integer = "INTEGER"
  case boolean = "BOOLEAN"
  case array = "ARRAY"
  case object = "OBJECT"

  /// nil for "null" and names nobody knows.
  init?(_ type: JSONSlice, _ scanner: borrowing JSONScanner) {
    guard let name = scanner.decoded(type) else { return nil }
    self.init(rawValue: name.uppercased())
  }

  /// Whether the upstream takes a format with this type: it refuses those it does not know.
  func takes(format: JSONSlice, _ scanner: borrowing JSONScanner) -> Bool {
    switch self {
    case .string:
      scanner.isString(format, "date-time") || scanner.isString(format, "enum")
    case .number: scanner.isString(format, "float") || scanner.isString(format, "double")
    case .integer: scanner.isString(format, "int32") || scanner.isString(format, "int64")
    case .boolean, .array, .object: false
    }
  }
}

struct SchemaReading {
  var types: [SchemaType] = []
  var isNullable = false
  var description: JSONSlice?
  var format: JSONSlice?
  /// Of enum and const.
  var values: [JSONSlice] = []
  var properties: [JSONMemberSlice] = []
  var required: [String] = []
  var items: JSONSlice?
  /// Of anyOf and oneOf, "null" left out.
  var variants: [JSONSlice] = []
  var minimum: JSONSlice?
  var maximum: JSONSlice?

  init() {}

  init(
    of schema: JSONSlice, _ scanner: borrowing JSONScanner, _ resolver: inout SchemaResolver
  ) {
    collect(schema, scanner, &resolver, depth: 0)
  }

  /// The variant of an anyOf that has no other ("X or null").
  var onlyVariant: JSONSlice? {
    variants.count == 1 && properties.isEmpty && items == nil && values.isEmpty
      ? variants[0] : nil
  }

  /// The type of a schema that names none.
  func likelyType(_ scanner: borrowing JSONScanner) -> SchemaType {
    if !properties.isEmpty { return .object }
    if items != nil { return .array }
    switch values.first(where: { $0.kind != .null })?.kind {
    case .number:
      let areWhole = values.filter { $0.kind == .number }.allSatisfy { scanner.integer($0) != nil }
      return areWhole ? .integer : .number
    case .bool: return .boolean
    default: return .string
    }
  }

  private mutating func collect(
    _ schema: JSONSlice, _ scanner: borrowing JSONScanner, _ resolver: inout SchemaResolver,
    depth: Int
  ) {
    var target: JSONSlice?
    var parts: JSONSlice?
    var members = scanner.members(of: schema)
    while let member = members.next() {
      let value = member.value
      switch scanner.decoded(member.name) {
      case "$ref": target = resolver.target(of: value, scanner)
      case "allOf": parts = value
      case let name?: take(name, value, scanner)
      case nil: break
      }
    }
    guard depth < 8 else { return }
    if let target {
      if resolver.enter(target) {
        collect(target, scanner, &resolver, depth: depth + 1)
      } else if let type = scanner.member("type", of: target) {
        // A schema inside itself ends in its type.
        take("type", type, scanner)
      }
    }
    var all = scanner.elements(of: parts)
    while let part = all.next() { collect(part, scanner, &resolver, depth: depth + 1) }
  }

  /// What came first stays.
  private mutating func take(
    _ name: String, _ value: JSONSlice, _ scanner: borrowing JSONScanner
  ) {
    switch name {
    case "type": if types.isEmpty { takeTypes(value, scanner) }
    case "nullable": isNullable = isNullable || scanner.bool(value) == true
    case "description":
      if value.kind == .string, !value.isEmptyString { description = description ?? value }
    case "format": if value.kind == .string { format = format ?? value }
    case "const": if values.isEmpty { takeValue(value) }
    case "enum":
      guard values.isEmpty else { return }
      var elements = scanner.elements(of: value)
      while let element = elements.next() { takeValue(element) }
    case "properties":
      var members = scanner.members(of: value)
      while let member = members.next() { properties.append(member) }
    case "required":
      var elements = scanner.elements(of: value)
      while let element = elements.next() {
        if let name = scanner.decoded(element) { required.append(name) }
      }
    case "items", "prefixItems": takeItems(value, scanner)
    case "anyOf", "oneOf": if variants.isEmpty { takeVariants(value, scanner) }
    case "minimum": minimum = minimum ?? value
    case "maximum": maximum = maximum ?? value
    default: break
    }
  }

  private mutating func takeValue(_ value: JSONSlice) {
    if value.kind == .null { isNullable = true } else { values.append(value) }
  }

  private mutating func takeTypes(_ value: JSONSlice, _ scanner: borrowing JSONScanner) {
    var elements = scanner.elements(of: value)
    var all: [JSONSlice] = value.kind == .string ? [value] : []
    while let element = elements.next() { all.append(element) }
    for type in all {
      if scanner.isString(type, "null") { isNullable = true }
      if let known = SchemaType(type, scanner), !types.contains(known) { types.append(known) }
    }
  }

  /// Of a tuple the upstream can be told one type only: the first.
  private mutating func takeItems(_ value: JSONSlice, _ scanner: borrowing JSONScanner) {
    guard items == nil else { return }
    var elements = scanner.elements(of: value)
    items = value.kind == .array ? elements.next() : value
  }

  private mutating func takeVariants(_ value: JSONSlice, _ scanner: borrowing JSONScanner) {
    var elements = scanner.elements(of: value)
    while let element = elements.next() {
      if scanner.isString(scanner.member("type", of: element), "null")
        || scanner.member("const", of: element)?.kind == .null
      {
        isNullable = true
      } else {
        variants.append(element)
      }
    }
  }
}

/// Finds what a $ref points at, inside the same schema.
struct SchemaResolver {
  let root: JSONSlice
  /// How many more are followed.
  var references: Int
  /// Where the targets begin that we are inside of.
  var chain: [Int] = []

  /// False for a target that we are inside of already.
  mutating func enter(_ target: JSONSlice) -> Bool {
    guard !chain.contains(target.range.lowerBound) else { return false }
    chain.append(target.range.lowerBound)
    return true
  }

  /// The target of `#/$defs/NAME` and the like; nil for other forms, and when there were too many.
  mutating func target(of reference: JSONSlice, _ scanner: borrowing JSONScanner) -> JSONSlice? {
    guard references > 0, let path = scanner.decoded(reference), path.hasPrefix("#/") else {
      return nil
    }
    references -= 1
    var slice: JSONSlice? = root
    for part in path.dropFirst(2).split(separator: "/").prefix(8) {
      slice = Self.member(Self.unescaped(part), of: slice, scanner)
    }
    guard let slice, slice.kind == .object, slice.range.count <= Self.greatestTarget else {
      return nil
    }
    return slice
  }

  /// Bytes of a target that may stand in many places.
  private static let greatestTarget = 1 << 14

  private static func member(
    _ name: String, of slice: JSONSlice?, _ scanner: borrowing JSONScanner
  ) -> JSONSlice? {
    var members = scanner.members(of: slice)
    while let member = members.next() {
      if scanner.decoded(member.name) == name { return member.value }
    }
    return nil
  }

  /// The escapes of JSON pointers (RFC 6901 section 3).
  private static func unescaped(_ part: Substring) -> String {
    var text = ""
    var rest = part
    while let character = rest.popFirst() {
      if character == "~", let next = rest.first, next == "0" || next == "1" {
        rest.removeFirst()
        text.append(next == "0" ? "~" : "/")
      } else {
        text.append(character)
      }
    }
    return text
  }
}
