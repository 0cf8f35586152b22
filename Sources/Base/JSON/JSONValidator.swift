// The grammar test of a whole text (RFC 8259), once, before anything is looked up in it.

enum JSONValidator {
  /// The one value of the bytes.
  static func document(_ bytes: Span<UInt8>, maxDepth: Int) throws(JSONFault) -> JSONSlice {
    var lexer = JSONLexer(bytes)
    lexer.skipSpace()
    let start = lexer.position
    let kind = try value(&lexer, depth: maxDepth, maxDepth: maxDepth)
    let range = start..<lexer.position
    lexer.skipSpace()
    guard lexer.next == nil else { throw lexer.fault(.trailingText) }
    return JSONSlice(kind: kind, range: range)
  }

  /// Reads one value.
  /// - Parameter depth: how many more containers may be opened.
  static func value(
    _ lexer: inout JSONLexer, depth: Int, maxDepth: Int
  ) throws(JSONFault) -> JSONKind {
    lexer.skipSpace()
    switch lexer.next {
    case 0x22:
      _ = try lexer.string()
      return .string
    case 0x7B, 0x5B:
      guard depth > 0 else { throw lexer.fault(.tooDeep(limit: maxDepth)) }
      let isObject = lexer.next == 0x7B
      try container(&lexer, depth: depth - 1, maxDepth: maxDepth, isObject: isObject)
      return isObject ? .object : .array
    case 0x2D, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39:
      _ = try lexer.number()
      return .number
    case 0x74:
      try lexer.literal("true")
      return .bool
    case 0x66:
      try lexer.literal("false")
      return .bool
    case 0x6E:
      try lexer.literal("null")
      return .null
    default:
      throw lexer.fault(.expected("a value"))
    }
  }

  private static func container(
    _ lexer: inout JSONLexer, depth: Int, maxDepth: Int, isObject: Bool
  ) throws(JSONFault) {
    let end: UInt8 = isObject ? 0x7D : 0x5D
    lexer.position += 1
    lexer.skipSpace()
    if lexer.next == end {
      lexer.position += 1
      return
    }
    while true {
      if isObject {
        lexer.skipSpace()
        guard lexer.next == 0x22 else { throw lexer.fault(.expected("a name in quotes")) }
        _ = try lexer.string()
        lexer.skipSpace()
        try lexer.read(0x3A, "':'")
      }
      _ = try value(&lexer, depth: depth, maxDepth: maxDepth)
      lexer.skipSpace()
      if lexer.next == end { break }
      try lexer.read(0x2C, "',' or the closing bracket")
    }
    lexer.position += 1
  }
}
