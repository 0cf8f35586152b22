// What is wrong with a JSON text, and where.

/// A JSON text that is refused: the reason and the place.
public struct JSONError: Error, Hashable, Sendable {
  /// Bytes before the place.
  public let offset: Int
  /// From 1.
  public let line: Int
  /// Characters (Unicode scalars), from 1.
  public let column: Int
  public let reason: Reason

  public enum Reason: Hashable, Sendable {
    /// The text ends inside a value, or holds none.
    case unexpectedEnd
    /// Something else stands where this was expected.
    case expected(String)
    /// Not a number of RFC 8259 section 6.
    case badNumber
    /// A backslash with something that is no escape of RFC 8259 section 7.
    case badEscape
    /// U+0000 ... U+001F inside a string.
    case controlCharacter
    case invalidUTF8
    /// More containers inside each other than allowed.
    case tooDeep(limit: Int)
    /// A name stands twice in one object.
    case duplicateName(String)
    /// Something follows the value.
    case trailingText
  }

  /// The place of a fault, with its line counted.
  public init(_ fault: JSONFault, in bytes: Span<UInt8>) {
    offset = min(fault.offset, bytes.count)
    reason = fault.reason
    var line = 1
    var column = 1
    for index in 0..<offset {
      let byte = bytes[index]
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    self.line = line
    self.column = column
  }
}

extension JSONError: CustomStringConvertible {
  /// "line 3, column 7: expected a value".
  public var description: String { "line \(line), column \(column): \(reason)" }
}

extension JSONError.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unexpectedEnd: "the text ends too early"
    case .expected(let what): "expected \(what)"
    case .badNumber: "not a JSON number"
    case .badEscape: "not an escape of a JSON string"
    case .controlCharacter: "a control character inside a string must be escaped"
    case .invalidUTF8: "not UTF-8"
    case .tooDeep(let limit): "more than \(limit) levels deep"
    case .duplicateName(let name): "\"\(name)\" stands twice in this object"
    case .trailingText: "something follows the end of the value"
    }
  }
}

/// The light form of an error on its way up: no line is counted before it is shown.
public struct JSONFault: Error, Hashable, Sendable {
  /// Bytes before the place.
  public let offset: Int
  public let reason: JSONError.Reason

  public init(offset: Int, reason: JSONError.Reason) {
    self.offset = offset
    self.reason = reason
  }
}
