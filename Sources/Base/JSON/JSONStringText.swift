// The text a JSON string stands for: escapes replaced (RFC 8259 section 7). Given the bytes
// between the quotes; meant for text the lexer has accepted, harmless for any other.

enum JSONStringText {
  /// The decoded text. Half a surrogate pair becomes U+FFFD.
  static func decode(_ contents: Span<UInt8>) -> String {
    var index = nextBackslash(contents, from: 0)
    guard index < contents.count else { return String(repairing: contents) }
    var text = [UInt8](contents.extracting(first: index))
    text.reserveCapacity(contents.count)
    while index < contents.count {
      switch escape(contents, &index) {
      case .byte(let byte): text.append(byte)
      case .scalar(let scalar): text.append(utf8: String(scalar))
      }
      let start = index
      index = nextBackslash(contents, from: start)
      text.append(contentsOf: contents.extracting(start..<index))
    }
    return String(repairing: text.span)
  }

  /// UTF-8 bytes of the decoded text.
  static func decodedCount(_ contents: Span<UInt8>) -> Int {
    var count = contents.count
    var index = nextBackslash(contents, from: 0)
    while index < contents.count {
      let start = index
      if case .scalar(let scalar) = escape(contents, &index) {
        count += UTF8.width(scalar) - (index - start)
      } else {
        count += 1 - (index - start)
      }
      index = nextBackslash(contents, from: index)
    }
    return count
  }

  /// Whether any escape stands in it.
  static func hasEscape(_ contents: Span<UInt8>) -> Bool {
    nextBackslash(contents, from: 0) < contents.count
  }

  /// What an escape stands for.
  private enum Escape {
    case byte(UInt8)
    case scalar(Unicode.Scalar)
  }

  /// The index of the next backslash, else the end. Eight bytes a step.
  private static func nextBackslash(_ contents: Span<UInt8>, from start: Int) -> Int {
    var index = start
    while index &+ 8 <= contents.count {
      let word = contents.load(index, as: UInt64.self) ^ 0x5C5C_5C5C_5C5C_5C5C
      let found = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
      if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
      index &+= 8
    }
    while index < contents.count, contents[index] != 0x5C { index &+= 1 }
    return index
  }

  /// Reads an escape from its backslash; the index moves behind it.
  private static func escape(_ contents: Span<UInt8>, _ index: inout Int) -> Escape {
    guard index + 1 < contents.count else {
      index += 1
      return .byte(0x5C)
    }
    let kind = contents[index + 1]
    index += 2
    switch kind {
    case 0x62: return .byte(0x08)
    case 0x66: return .byte(0x0C)
    case 0x6E: return .byte(0x0A)
    case 0x72: return .byte(0x0D)
    case 0x74: return .byte(0x09)
    case 0x75: return .scalar(unicodeEscape(contents, &index))
    default: return .byte(kind)
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
