// Hexadecimal text of bytes: lower case out, either case in.

public enum Hex {
  /// Lower-case hexadecimal text, two digits a byte.
  public static func encode(_ bytes: Span<UInt8>) -> String {
    var text: [UInt8] = []
    append(bytes, to: &text)
    return String(repairing: text.span)
  }

  /// Lower-case hexadecimal text, two digits a byte.
  public static func encode(_ bytes: [UInt8]) -> String { encode(bytes.span) }

  /// Appends the lower-case hexadecimal text of `bytes`.
  public static func append(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
    text.reserveCapacity(text.count + bytes.count * 2)
    for index in bytes.indices {
      text.append(digit(bytes[index] >> 4))
      text.append(digit(bytes[index] & 15))
    }
  }

  /// The bytes of hexadecimal text of either case; nil for an odd count or any other character.
  public static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    guard text.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    for index in stride(from: 0, to: text.count, by: 2) {
      guard let high = value(text[index]), let low = value(text[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  /// The bytes of hexadecimal text of either case; nil for an odd count or any other character.
  public static func decode(_ text: String) -> [UInt8]? { decode(Array(text.utf8).span) }

  /// The value of one hexadecimal digit, nil for any other byte.
  public static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    case 0x61...0x66: digit - 0x57
    default: nil
    }
  }

  /// The lower-case digit of a value below 16.
  static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
