// Text from outside as it may stand in a log: no line breaks, no terminal sequences, no invalid
// bytes, and never long.
//
//   control characters, DEL, U+0080-9F    \n \r \t, else \x1b (text) or \u001b (JSON)
//   U+2028, U+2029, and what reorders     \u2028
//   text (U+202A-E, U+2066-9)
//   bytes that are no UTF-8               \xff (text) or \ufffd (JSON)
//   quote, backslash                      \" \\
//
// A value that is too long ends with an ellipsis; it is cut between escapes, never inside one.

enum LogText {
  private static let ellipsis: [UInt8] = [0xE2, 0x80, 0xA6]

  /// Appends `text` in quotes, at most `limit` bytes between them.
  static func appendQuoted(
    _ text: Span<UInt8>, limit: Int, format: LogFormat, to bytes: inout [UInt8]
  ) {
    bytes.append(0x22)
    append(text, limit: limit, format: format, to: &bytes)
    bytes.append(0x22)
  }

  /// True when `text` reads as one word of a text line: no quotes are needed around it.
  static func isPlainWord(_ text: Span<UInt8>, limit: Int) -> Bool {
    guard !text.isEmpty, text.count <= limit else { return false }
    for index in text.indices {
      switch text[index] {
      case 0x22, 0x3D, 0x5C: return false
      case 0x21...0x7E: continue
      default: return false
      }
    }
    return true
  }

  private static func append(
    _ text: Span<UInt8>, limit: Int, format: LogFormat, to bytes: inout [UInt8]
  ) {
    let start = bytes.count
    /// Where the value can be cut so that the ellipsis fits.
    var cut = start
    var index = 0
    while index < text.count {
      let width = utf8Width(text, index)
      appendUnit(text, index, width, format, to: &bytes)
      index += max(1, width)
      if bytes.count - start > limit {
        bytes.removeSubrange(cut...)
        bytes.append(contentsOf: ellipsis)
        return
      }
      if bytes.count - start <= limit - ellipsis.count { cut = bytes.count }
    }
  }

  /// One character, or one byte that is none.
  private static func appendUnit(
    _ text: Span<UInt8>, _ index: Int, _ width: Int, _ format: LogFormat, to bytes: inout [UInt8]
  ) {
    let first = text[index]
    switch width {
    case 0 where format == .text: appendHex("\\x", UInt32(first), digits: 2, to: &bytes)
    case 0: bytes.append(utf8: "\\ufffd")
    case 1: appendASCII(first, format, to: &bytes)
    case 2 where first == 0xC2 && text[index + 1] < 0xA0:
      appendHex("\\u", UInt32(text[index + 1]), digits: 4, to: &bytes)
    case 3 where first == 0xE2 && isHidden(text[index + 1], text[index + 2]):
      let scalar =
        0x2000 | UInt32(text[index + 1] & 0x3F) << 6 | UInt32(text[index + 2] & 0x3F)
      appendHex("\\u", scalar, digits: 4, to: &bytes)
    default:
      for offset in 0..<width { bytes.append(text[index + offset]) }
    }
  }

  private static func appendASCII(_ byte: UInt8, _ format: LogFormat, to bytes: inout [UInt8]) {
    switch byte {
    case 0x22, 0x5C:
      bytes.append(0x5C)
      bytes.append(byte)
    case 0x0A: bytes.append(utf8: "\\n")
    case 0x0D: bytes.append(utf8: "\\r")
    case 0x09: bytes.append(utf8: "\\t")
    case 0x20..<0x7F: bytes.append(byte)
    default:
      let isText = format == .text
      appendHex(isText ? "\\x" : "\\u", UInt32(byte), digits: isText ? 2 : 4, to: &bytes)
    }
  }

  /// U+2028, U+2029, U+202A ... U+202E, U+2066 ... U+2069, by their last two bytes.
  private static func isHidden(_ second: UInt8, _ third: UInt8) -> Bool {
    (second == 0x80 && (0xA8...0xAE).contains(third))
      || (second == 0x81 && (0xA6...0xA9).contains(third))
  }

  private static func appendHex(
    _ prefix: String, _ value: UInt32, digits: Int, to bytes: inout [UInt8]
  ) {
    bytes.append(utf8: prefix)
    for digit in (0..<digits).reversed() {
      bytes.append(Hex.digit(UInt8(value >> (UInt32(digit) * 4) & 15)))
    }
  }
}
