// The reader of the request path: tests a whole text once, then finds values in it by their byte
// ranges, without building anything.
//
//   let scanner = try JSONScanner(object: body.span)           // one object, no name twice
//   let model = scanner.member("model", of: scanner.root)      // JSONSlice?
//   var messages = scanner.elements(of: scanner.member("messages", of: scanner.root))
//   while let message = messages.next() { ... }
//
// Slices are plain ranges of the same bytes: they may be kept, and used later with a scanner that
// `trusts` the bytes. Walking bytes nobody tested finds nonsense, but never leaves them.

/// What a value is, by its first byte.
public enum JSONKind: Sendable {
  case null, bool, number, string, array, object
}

/// One value inside a text.
public struct JSONSlice: Hashable, Sendable {
  public let kind: JSONKind
  /// Bytes of the value; of a string with its quotes.
  public let range: Range<Int>

  /// Bytes of a string between its quotes, of any other value all.
  public var contents: Range<Int> {
    kind == .string && range.count >= 2
      ? range.lowerBound + 1..<range.upperBound - 1 : range
  }
}

/// One member of an object.
public struct JSONMemberSlice: Hashable, Sendable {
  /// A string.
  public let name: JSONSlice
  public let value: JSONSlice
}

/// A tested JSON text.
public struct JSONScanner: ~Escapable {
  public let bytes: Span<UInt8>
  /// The one value of the text.
  public let root: JSONSlice

  /// Tests that the bytes are exactly one JSON value: grammar, UTF-8, depth (1...512).
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, maxDepth: Int = 128) throws(JSONError) {
    precondition((1...512).contains(maxDepth), "maxDepth out of range")
    do throws(JSONFault) {
      root = try JSONValidator.document(bytes, maxDepth: maxDepth)
    } catch {
      throw JSONError(error, in: bytes)
    }
    self.bytes = bytes
  }

  /// Tests also that the value is an object without a name that stands twice.
  @_lifetime(copy bytes)
  public init(object bytes: Span<UInt8>, maxDepth: Int = 128) throws(JSONError) {
    try self.init(bytes, maxDepth: maxDepth)
    guard root.kind == .object else {
      throw JSONError(
        JSONFault(offset: root.range.lowerBound, reason: .expected("an object")), in: bytes)
    }
    if let twice = duplicateName(in: root) {
      let name = decoded(twice) ?? ""
      throw JSONError(
        JSONFault(offset: twice.range.lowerBound, reason: .duplicateName(name)), in: bytes)
    }
  }

  /// Goes on with bytes that were tested before.
  @_lifetime(copy bytes)
  public init(trusting bytes: Span<UInt8>) {
    self.bytes = bytes
    var walker = JSONWalker(bytes, 0..<bytes.count)
    root = walker.value() ?? JSONSlice(kind: .null, range: 0..<0)
  }

  /// Goes on with bytes that were tested before, and whose root is known.
  @_lifetime(copy bytes)
  public init(trusting bytes: Span<UInt8>, root: JSONSlice) {
    self.bytes = bytes
    self.root = root
  }

  /// The members of an object, in the order of the text; none of anything else.
  @_lifetime(copy self)
  public func members(of slice: JSONSlice?) -> JSONMembers {
    JSONMembers(bytes, slice?.kind == .object ? slice : nil)
  }

  /// The elements of an array, in the order of the text; none of anything else.
  @_lifetime(copy self)
  public func elements(of slice: JSONSlice?) -> JSONElements {
    JSONElements(bytes, slice?.kind == .array ? slice : nil)
  }

  /// The value of the first member with this name; nil if there is none or this is no object.
  public func member(_ name: StaticString, of slice: JSONSlice?) -> JSONSlice? {
    var members = members(of: slice)
    while let member = members.next() {
      if isString(member.name, name) { return member.value }
    }
    return nil
  }

  /// The second of two equal names of an object, escapes read; nil if all differ.
  public func duplicateName(in object: JSONSlice) -> JSONSlice? {
    var members = members(of: object)
    var seen: Set<String> = []
    while let member = members.next() {
      guard let name = decoded(member.name) else { continue }
      if !seen.insert(name).inserted { return member.name }
    }
    return nil
  }
}

extension JSONScanner {
  /// Whether this is a string that stands for exactly this text, escapes read.
  public func isString(_ slice: JSONSlice?, _ text: StaticString) -> Bool {
    guard let slice, slice.kind == .string, let contents = contents(slice) else { return false }
    if contents.isEqual(to: text) { return true }
    // Escapes only make a text longer: most strings need no second look.
    return contents.count > text.utf8CodeUnitCount && JSONStringText.hasEscape(contents)
      && Array(JSONStringText.decode(contents).utf8).span.isEqual(to: text)
  }

  /// The text of a string; nil for anything else. Half a surrogate pair becomes U+FFFD.
  public func decoded(_ slice: JSONSlice?) -> String? {
    guard let slice, slice.kind == .string, let contents = contents(slice) else { return nil }
    return JSONStringText.decode(contents)
  }

  /// UTF-8 bytes of the text of a string, escapes read; nil for anything else. Allocates nothing.
  public func decodedByteCount(_ slice: JSONSlice?) -> Int? {
    guard let slice, slice.kind == .string, let contents = contents(slice) else { return nil }
    return JSONStringText.decodedCount(contents)
  }

  /// A Boolean; nil for anything else.
  public func bool(_ slice: JSONSlice?) -> Bool? {
    guard let slice, slice.kind == .bool, let contents = contents(slice) else { return nil }
    return contents.isEqual(to: "true")
  }

  /// A number that is an integer of 64 bits (5, 5.0 and 5e2 are); nil for anything else.
  public func integer(_ slice: JSONSlice?) -> Int64? {
    guard let slice, slice.kind == .number, let contents = contents(slice),
      let number = try? DecimalText.parse(contents, scale: 0), number.isExact
    else { return nil }
    return Int64(exactly: number.value)
  }

  /// A number times 10^scale, rounded half to even; nil for anything else or beyond 64 bits.
  public func scaled(_ slice: JSONSlice?, scale: Int) -> Int64? {
    guard let slice, slice.kind == .number, let contents = contents(slice),
      let number = try? DecimalText.parse(contents, scale: scale)
    else { return nil }
    return Int64(exactly: number.value)
  }

  /// The bytes of a value, as they stand in the text.
  public func text(_ slice: JSONSlice) -> String {
    guard slice.range.upperBound <= bytes.count, slice.range.lowerBound >= 0 else { return "" }
    return String(repairing: bytes.extracting(slice.range))
  }

  @_lifetime(copy self)
  private func contents(_ slice: JSONSlice) -> Span<UInt8>? {
    let range = slice.contents
    guard range.lowerBound >= 0, range.upperBound <= bytes.count else { return nil }
    return bytes.extracting(range)
  }
}
