// JSON text, appended to bytes. Commas are set by the writer; that braces match is up to the
// caller.

/// Writes JSON without white space.
public struct JSONWriter: Sendable {
  public private(set) var bytes: [UInt8]
  private var needsComma = false

  /// Appends to `bytes`, which may hold anything already.
  public init(appendingTo bytes: consuming [UInt8] = []) { self.bytes = bytes }

  public mutating func beginObject() { beginContainer(0x7B) }
  public mutating func endObject() { endContainer(0x7D) }
  public mutating func beginArray() { beginContainer(0x5B) }
  public mutating func endArray() { endContainer(0x5D) }

  /// An object whose members `body` writes.
  public mutating func object(_ body: (inout JSONWriter) -> Void) {
    beginObject()
    body(&self)
    endObject()
  }

  /// An array whose elements `body` writes.
  public mutating func array(_ body: (inout JSONWriter) -> Void) {
    beginArray()
    body(&self)
    endArray()
  }

  /// The name of a member; its value comes next.
  public mutating func name(_ name: String) {
    separate()
    JSONWriter.appendQuoted(name, to: &bytes)
    bytes.append(0x3A)
    needsComma = false
  }

  /// The name of a member that is known when this is compiled and needs no escapes.
  public mutating func key(_ name: StaticString) {
    separate()
    bytes.append(0x22)
    name.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    bytes.append(0x22)
    bytes.append(0x3A)
    needsComma = false
  }

  public mutating func string(_ text: String) {
    separate()
    JSONWriter.appendQuoted(text, to: &bytes)
  }

  /// A string of UTF-8 bytes; invalid sequences become U+FFFD.
  public mutating func string(utf8 text: Span<UInt8>) {
    separate()
    var index = 0
    while index < text.count {
      let width = utf8Width(text, index)
      guard width > 0 else { return JSONWriter.appendQuoted(String(repairing: text), to: &bytes) }
      index += width
    }
    JSONWriter.appendQuoted(text, to: &bytes)
  }

  public mutating func integer(_ value: some BinaryInteger) {
    if let value = Int(exactly: value) { return integer(value) }
    separate()
    bytes.append(utf8: String(value))
  }
  public mutating func integer(_ value: Int) {
    separate()
    bytes.append(decimal: value)
  }
  public mutating func integer(_ value: Int64) { integer(Int(value)) }

  /// All digits of value / 10^scale: 10250000000 at scale 9 is 10.25.
  public mutating func decimal(_ value: Int64, scale: Int) {
    separate()
    DecimalText.append(Int128(value), scale: scale, to: &bytes)
  }

  public mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
  public mutating func null() { raw("null") }

  /// A JSON value that is text already, a number of any length for example; not tested.
  public mutating func raw(_ json: String) {
    separate()
    bytes.append(utf8: json)
  }

  /// A JSON value that is text already; not tested.
  public mutating func raw(_ json: Span<UInt8>) {
    separate()
    bytes.append(contentsOf: json)
  }

  /// A whole tree.
  public mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let value): bool(value)
    case .number(let text): raw(text)
    case .string(let text): string(text)
    case .array(let elements):
      beginArray()
      for element in elements { self.value(element) }
      endArray()
    case .object(let object):
      beginObject()
      for member in object.members {
        name(member.name)
        self.value(member.value)
      }
      endObject()
    }
  }

  private mutating func separate() {
    if needsComma { bytes.append(0x2C) }
    needsComma = true
  }

  private mutating func beginContainer(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func endContainer(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }
}

extension JSONWriter {
  public mutating func member(_ name: String, _ value: String) {
    self.name(name)
    string(value)
  }

  public mutating func member(_ name: String, _ value: some BinaryInteger) {
    self.name(name)
    integer(value)
  }

  public mutating func member(_ name: String, _ value: Int64) {
    self.name(name)
    integer(value)
  }

  public mutating func member(_ name: String, _ value: Bool) {
    self.name(name)
    bool(value)
  }

  /// All digits of value / 10^scale.
  public mutating func member(_ name: String, decimal value: Int64, scale: Int) {
    self.name(name)
    decimal(value, scale: scale)
  }

  public mutating func member(_ name: String, object body: (inout JSONWriter) -> Void) {
    self.name(name)
    object(body)
  }

  public mutating func member(_ name: String, array body: (inout JSONWriter) -> Void) {
    self.name(name)
    array(body)
  }

  public mutating func member(null name: String) {
    self.name(name)
    null()
  }

  /// Appends `text` in quotes, with the escapes RFC 8259 section 7 asks for and no others.
  public static func appendQuoted(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(0x22)
    for byte in text.utf8 { appendEscaped(byte, to: &bytes) }
    bytes.append(0x22)
  }

  /// Appends UTF-8 bytes in quotes; they must be valid.
  static func appendQuoted(_ text: Span<UInt8>, to bytes: inout [UInt8]) {
    bytes.append(0x22)
    for index in text.indices { appendEscaped(text[index], to: &bytes) }
    bytes.append(0x22)
  }

  private static func appendEscaped(_ byte: UInt8, to bytes: inout [UInt8]) {
    switch byte {
    case 0x22, 0x5C:
      bytes.append(0x5C)
      bytes.append(byte)
    case 0x20...: bytes.append(byte)
    case 0x08: bytes.append(utf8: "\\b")
    case 0x09: bytes.append(utf8: "\\t")
    case 0x0A: bytes.append(utf8: "\\n")
    case 0x0C: bytes.append(utf8: "\\f")
    case 0x0D: bytes.append(utf8: "\\r")
    default:
      bytes.append(utf8: "\\u00")
      bytes.append(Hex.digit(byte >> 4))
      bytes.append(Hex.digit(byte & 15))
    }
  }
}
