// The reader for bodies that may be large: front to back, once. Every byte is tested (grammar,
// UTF-8, depth) as it is passed, and the caller takes on the way what it wants to know.
//
//   var cursor = JSONCursor(body.span)
//   try cursor.enterObject()
//   while let name = try cursor.nextName() {
//     if cursor.isText(name, "model") { model = try cursor.value() } else { try cursor.skip() }
//   }
//   try cursor.end()
//
// After a name, and after `nextElement` said true, exactly one value is read: by `value`, `skip`,
// or by entering it and reading it to its end. JSONScanner finds values in any order instead, and
// pays for each with another walk.

/// A place in a text, and everything before it tested.
public struct JSONCursor: ~Escapable {
  private var lexer: JSONLexer
  private let maxDepth: Int
  /// Containers that are open.
  private var depth = 0
  /// A value of the innermost container has been read: a comma or its end comes next.
  private var isBehindValue = false

  /// - Parameter maxDepth: containers inside each other, 1...512.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, maxDepth: Int = 128) {
    precondition((1...512).contains(maxDepth), "maxDepth out of range")
    lexer = JSONLexer(bytes)
    self.maxDepth = maxDepth
  }

  /// What the next value is, by its first byte; nil where none begins.
  @_lifetime(self: copy self)
  public mutating func nextKind() -> JSONKind? { kind(at: place()) }

  private func kind(at place: Int) -> JSONKind? {
    guard place < lexer.bytes.count else { return nil }
    switch lexer.bytes[place] {
    case 0x22: return .string
    case 0x7B: return .object
    case 0x5B: return .array
    case 0x74, 0x66: return .bool
    case 0x6E: return .null
    case 0x2D, 0x30...0x39: return .number
    default: return nil
    }
  }

  /// Bytes before the next value: where it begins.
  @_lifetime(self: copy self)
  public mutating func place() -> Int {
    lexer.skipSpace()
    return lexer.position
  }

  /// The value that began at a place and has just been read.
  public func slice(from place: Int) -> JSONSlice {
    JSONSlice(kind: kind(at: place) ?? .null, range: place..<lexer.position)
  }

  /// Reads the next value, whatever it is.
  @_lifetime(self: copy self)
  @discardableResult
  public mutating func value() throws(JSONFault) -> JSONSlice {
    lexer.skipSpace()
    let start = lexer.position
    let kind = try JSONValidator.value(&lexer, depth: maxDepth - depth, maxDepth: maxDepth)
    isBehindValue = true
    return JSONSlice(kind: kind, range: start..<lexer.position)
  }

  /// Goes past the next value.
  @_lifetime(self: copy self)
  public mutating func skip() throws(JSONFault) { try value() }

  /// Goes into the next value, an object; `nextName` says what is in it.
  @_lifetime(self: copy self)
  public mutating func enterObject() throws(JSONFault) { try enter(0x7B, "an object") }

  /// Goes into the next value, an array; `nextElement` says whether there is something in it.
  @_lifetime(self: copy self)
  public mutating func enterArray() throws(JSONFault) { try enter(0x5B, "an array") }

  @_lifetime(self: copy self)
  private mutating func enter(_ bracket: UInt8, _ name: String) throws(JSONFault) {
    lexer.skipSpace()
    guard lexer.next == bracket else { throw lexer.fault(.expected(name)) }
    guard depth < maxDepth else { throw lexer.fault(.tooDeep(limit: maxDepth)) }
    lexer.position &+= 1
    depth &+= 1
    isBehindValue = false
  }

  /// The next member's name in the object that was entered last; its value comes next. Nil at the
  /// object's end, which is left then.
  @_lifetime(self: copy self)
  public mutating func nextName() throws(JSONFault) -> JSONSlice? {
    if try isAtEnd(0x7D, "',' or '}'") { return nil }
    let start = lexer.position
    guard lexer.next == 0x22 else { throw lexer.fault(.expected("a name in quotes")) }
    _ = try lexer.string()
    let name = JSONSlice(kind: .string, range: start..<lexer.position)
    lexer.skipSpace()
    try lexer.read(0x3A, "':'")
    return name
  }

  /// Whether the array that was entered last has a further element; if not, it is left.
  @_lifetime(self: copy self)
  public mutating func nextElement() throws(JSONFault) -> Bool {
    try !isAtEnd(0x5D, "',' or ']'")
  }

  /// Reads the end of the container, or what stands before its next value.
  @_lifetime(self: copy self)
  private mutating func isAtEnd(_ bracket: UInt8, _ name: String) throws(JSONFault) -> Bool {
    precondition(depth > 0, "a container is entered first")
    lexer.skipSpace()
    if lexer.next == bracket {
      lexer.position &+= 1
      depth &-= 1
      isBehindValue = true
      return true
    }
    guard isBehindValue else { return false }
    try lexer.read(0x2C, name)
    isBehindValue = false
    lexer.skipSpace()
    return false
  }

  /// The text ends here.
  @_lifetime(self: copy self)
  public mutating func end() throws(JSONFault) {
    lexer.skipSpace()
    guard depth == 0, lexer.next == nil else { throw lexer.fault(.trailingText) }
  }

  /// Whether a string read before stands for exactly this text, escapes read.
  public func isText(_ slice: JSONSlice, _ text: StaticString) -> Bool {
    guard slice.kind == .string else { return false }
    // Escapes only make a text longer: nearly always the lengths decide.
    let excess = slice.range.count - 2 - text.utf8CodeUnitCount
    if excess < 0 { return false }
    let contents = lexer.bytes.extracting(slice.contents)
    if excess == 0 { return contents.isEqual(to: text) }
    return JSONStringText.hasEscape(contents) && JSONStringText.decode(contents) == "\(text)"
  }

  /// The text of a string read before; nil for anything else. Half a surrogate pair becomes U+FFFD.
  public func text(_ slice: JSONSlice) -> String? {
    guard slice.kind == .string else { return nil }
    return JSONStringText.decode(lexer.bytes.extracting(slice.contents))
  }

  /// UTF-8 bytes of the text of a string read before, escapes read; nil for anything else.
  public func textByteCount(_ slice: JSONSlice) -> Int? {
    guard slice.kind == .string else { return nil }
    return JSONStringText.decodedCount(lexer.bytes.extracting(slice.contents))
  }

  /// Reads the next value: the UTF-8 bytes of its text when it is a string, else nil.
  @_lifetime(self: copy self)
  public mutating func textByteCount() throws(JSONFault) -> Int? { textByteCount(try value()) }

  /// The number read before, if it is an integer of 64 bits (5, 5.0 and 5e2 are).
  public func integer(_ slice: JSONSlice) -> Int64? {
    guard slice.kind == .number,
      let number = try? DecimalText.parse(lexer.bytes.extracting(slice.range), scale: 0),
      number.isExact
    else { return nil }
    return Int64(exactly: number.value)
  }

  /// The text of a number read before, as it stands; nil for anything else.
  public func numberText(_ slice: JSONSlice) -> String? {
    slice.kind == .number ? String(repairing: lexer.bytes.extracting(slice.range)) : nil
  }

  /// The Boolean read before.
  public func bool(_ slice: JSONSlice) -> Bool? {
    guard slice.kind == .bool else { return nil }
    return lexer.bytes[slice.range.lowerBound] == 0x74
  }
}
