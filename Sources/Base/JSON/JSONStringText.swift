// The text a JSON string stands for: escapes replaced (RFC 8259 section 7). Given the bytes
// between the quotes; meant for text the lexer has accepted, harmless for any other.

enum JSONStringText {
  /// The decoded text. Half a surrogate pair becomes U+FFFD.
  static func decode(_ contents: Span<UInt8>) -> String {
    guard let first = firstBackslash(contents) else { return String(repairing: contents) }
    var text = [UInt8](contents.extracting(first: first))
    text.reserveCapacity(contents.count)
    forEachPiece(contents, from: first) { piece in
      switch piece {
      case .byte(let byte): text.append(byte)
      case .scalar(let scalar): text.append(utf8: String(scalar))
      }
    }
    return String(repairing: text.span)
  }

  /// UTF-8 bytes of the decoded text.
  static func decodedCount(_ contents: Span<UInt8>) -> Int {
    guard let first = firstBackslash(contents) else { return contents.count }
    var count = first
    forEachPiece(contents, from: first) { piece in
      switch piece {
      case .byte: count += 1
      case .scalar(let scalar): count += UTF8.width(scalar)
      }
    }
    return count
  }

  /// Whether any escape stands in it.
  static func hasEscape(_ contents: Span<UInt8>) -> Bool { firstBackslash(contents) != nil }

  private enum Piece {
    case byte(UInt8)
    case scalar(Unicode.Scalar)
  }

  private static func firstBackslash(_ contents: Span<UInt8>) -> Int? {
    for index in contents.indices where contents[index] == 0x5C { return index }
    return nil
  }

  private static func forEachPiece(
    _ contents: Span<UInt8>, from start: Int, _ body: (Piece) -> Void
  ) {
    var index = start
    while index < contents.count {
      let byte = contents[index]
      index += 1
      guard byte == 0x5C, index < contents.count else {
        body(.byte(byte))
        continue
      }
      let kind = contents[index]
      index += 1
      switch kind {
      case 0x62: body(.byte(0x08))
      case 0x66: body(.byte(0x0C))
      case 0x6E: body(.byte(0x0A))
      case 0x72: body(.byte(0x0D))
      case 0x74: body(.byte(0x09))
      case 0x75: body(.scalar(unicodeEscape(contents, &index)))
      default: body(.byte(kind))
      }
    }
  }

  /// The scalar of the digits at `index` and, for a high surrogate, of the escape that follows.
  private static func unicodeEscape(_ contents: Span<UInt8>, _ index: inout Int) -> Unicode.Scalar {
    let replacement: Unicode.Scalar = "\u{FFFD}"
    guard let unit = codeUnit(contents, index) else { return replacement }
    index += 4
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard unit < 0xDC00, index + 6 <= contents.count, contents[index] == 0x5C,
      contents[index + 1] == 0x75, let low = codeUnit(contents, index + 2),
      (0xDC00...0xDFFF).contains(low)
    else { return replacement }
    index += 6
    return Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)) ?? replacement
  }

  private static func codeUnit(_ contents: Span<UInt8>, _ index: Int) -> UInt32? {
    guard index + 4 <= contents.count else { return nil }
    var unit: UInt32 = 0
    for offset in 0..<4 {
      guard let digit = Hex.value(contents[index + offset]) else { return nil }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
  }
}
