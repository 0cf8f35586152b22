// A JSON text as a tree: for configuration, price files and administration. The request path uses
// JSONScanner instead, which builds nothing.

/// One JSON value. Numbers keep their decimal text: nothing is lost on the way through.
public indirect enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  /// A number of RFC 8259 section 6, as it stood in the text.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

/// An object: its members in the order of the text.
public struct JSONObject: Hashable, Sendable {
  public struct Member: Sendable {
    public var name: String
    public var value: JSONValue
    /// Bytes before the name in the text it was read from; -1 if it was not read.
    public var offset: Int

    public init(name: String, value: JSONValue, offset: Int = -1) {
      self.name = name
      self.value = value
      self.offset = offset
    }
  }

  public var members: [Member]

  public init(_ members: [Member] = []) { self.members = members }

  /// The value of the first member with this name. Looks at one member after the other.
  public subscript(name: String) -> JSONValue? { member(name)?.value }

  /// The first member with this name.
  public func member(_ name: String) -> Member? { members.first { $0.name == name } }
}

extension JSONObject.Member: Hashable {
  /// Where a member stood does not matter.
  public static func == (a: Self, b: Self) -> Bool { a.name == b.name && a.value == b.value }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(value)
  }
}

extension JSONValue {
  public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
  public var array: [JSONValue]? { if case .array(let array) = self { array } else { nil } }
  public var string: String? { if case .string(let string) = self { string } else { nil } }
  public var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
  public var isNull: Bool { self == .null }

  /// The text of a number.
  public var numberText: String? { if case .number(let text) = self { text } else { nil } }

  /// A number that is an integer of 64 bits: 5, 5.0 and 5e2 are, 5.5 is not.
  public var integer: Int64? {
    guard let text = numberText, let value = try? DecimalText.parse(text, scale: 0), value.isExact
    else { return nil }
    return Int64(exactly: value.value)
  }

  /// The member of an object.
  public subscript(name: String) -> JSONValue? { object?[name] }

  /// What a person calls this kind of value: "a number".
  public var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a Boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// The JSON text, without white space.
  public var text: String {
    var writer = JSONWriter()
    writer.value(self)
    return String(repairing: writer.bytes.span)
  }
}
