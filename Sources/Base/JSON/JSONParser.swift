// A strict RFC 8259 reader that builds a JSONValue.

/// What to do with a name that stands twice in one object.
public enum JSONDuplicatePolicy: Sendable {
  /// Refuse the text.
  case reject
  case keepFirst
  case keepLast
}

/// How strictly a text is read.
public struct JSONParser: Sendable {
  /// Containers inside each other, 1...512.
  public var maxDepth: Int
  public var duplicates: JSONDuplicatePolicy
  /// `//` to the end of the line, outside strings, counts as white space.
  public var allowsComments: Bool

  public init(
    maxDepth: Int = 128, duplicates: JSONDuplicatePolicy = .reject, allowsComments: Bool = false
  ) {
    precondition((1...512).contains(maxDepth), "maxDepth out of range")
    self.maxDepth = maxDepth
    self.duplicates = duplicates
    self.allowsComments = allowsComments
  }

  /// The value of a text that holds exactly one. A byte order mark is refused.
  public func parse(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
    var reader = JSONReader(lexer: JSONLexer(bytes, allowsComments: allowsComments), options: self)
    do throws(JSONFault) {
      return try reader.document()
    } catch {
      throw JSONError(error, in: bytes)
    }
  }

  /// The value of a text that holds exactly one.
  public func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue { try parse(bytes.span) }

  /// The value of a text that holds exactly one.
  public func parse(_ text: String) throws(JSONError) -> JSONValue {
    try parse(Array(text.utf8).span)
  }
}

private struct JSONReader: ~Escapable {
  var lexer: JSONLexer
  let options: JSONParser

  @_lifetime(copy lexer)
  init(lexer: consuming JSONLexer, options: JSONParser) {
    self.lexer = lexer
    self.options = options
  }

  @_lifetime(self: copy self)
  mutating func document() throws(JSONFault) -> JSONValue {
    let value = try value(depth: 0)
    lexer.skipSpace()
    guard lexer.next == nil else { throw lexer.fault(.trailingText) }
    return value
  }

  @_lifetime(self: copy self)
  mutating func value(depth: Int) throws(JSONFault) -> JSONValue {
    lexer.skipSpace()
    switch lexer.next {
    case 0x7B: return .object(try object(depth: depth + 1))
    case 0x5B: return .array(try array(depth: depth + 1))
    case 0x22:
      let range = try lexer.string()
      return .string(JSONStringText.decode(lexer.bytes.extracting(range)))
    case 0x2D, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39:
      let range = try lexer.number()
      return .number(String(repairing: lexer.bytes.extracting(range)))
    case 0x74:
      try lexer.literal("true")
      return .bool(true)
    case 0x66:
      try lexer.literal("false")
      return .bool(false)
    case 0x6E:
      try lexer.literal("null")
      return .null
    default:
      throw lexer.fault(.expected("a value"))
    }
  }

  @_lifetime(self: copy self)
  mutating func object(depth: Int) throws(JSONFault) -> JSONObject {
    guard depth <= options.maxDepth else { throw lexer.fault(.tooDeep(limit: options.maxDepth)) }
    lexer.position += 1
    var object = JSONObject()
    var indexes: [String: Int] = [:]
    lexer.skipSpace()
    if lexer.next == 0x7D {
      lexer.position += 1
      return object
    }
    while true {
      lexer.skipSpace()
      let offset = lexer.position
      guard lexer.next == 0x22 else { throw lexer.fault(.expected("a name in quotes")) }
      let name = JSONStringText.decode(lexer.bytes.extracting(try lexer.string()))
      lexer.skipSpace()
      try lexer.read(0x3A, "':'")
      let member = JSONObject.Member(name: name, value: try value(depth: depth), offset: offset)
      try add(member, to: &object, &indexes)
      lexer.skipSpace()
      if lexer.next == 0x7D { break }
      try lexer.read(0x2C, "',' or '}'")
    }
    lexer.position += 1
    return object
  }

  private func add(
    _ member: JSONObject.Member, to object: inout JSONObject, _ indexes: inout [String: Int]
  ) throws(JSONFault) {
    guard let index = indexes.updateValue(object.members.count, forKey: member.name) else {
      object.members.append(member)
      return
    }
    indexes[member.name] = index
    switch options.duplicates {
    case .reject: throw JSONFault(offset: member.offset, reason: .duplicateName(member.name))
    case .keepFirst: break
    case .keepLast: object.members[index] = member
    }
  }

  @_lifetime(self: copy self)
  mutating func array(depth: Int) throws(JSONFault) -> [JSONValue] {
    guard depth <= options.maxDepth else { throw lexer.fault(.tooDeep(limit: options.maxDepth)) }
    lexer.position += 1
    var array: [JSONValue] = []
    lexer.skipSpace()
    if lexer.next == 0x5D {
      lexer.position += 1
      return array
    }
    while true {
      array.append(try value(depth: depth))
      lexer.skipSpace()
      if lexer.next == 0x5D { break }
      try lexer.read(0x2C, "',' or ']'")
    }
    lexer.position += 1
    return array
  }
}
