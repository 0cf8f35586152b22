// Swift source with comments and string literals blanked out, so that a rule sees only code.
//
// Invariant: `code` has the same number of lines as the source, and every character of code stands
// in its own line and column. Quotes stay, what they enclose goes, but for interpolated
// expressions: they are code.

/// A file of the repository as the rules see it.
struct MaskedSource {
  /// Relative to the repository's root, with slashes.
  let path: String
  /// The lines as written.
  let lines: [String]
  /// The same lines with comments and literals replaced by spaces.
  let code: [String]

  init(path: String, text: String) {
    self.path = path
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var masker = Masker(text)
    code = masker.mask().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// The first component below Sources, or the first component of the path.
  var module: String {
    let parts = path.split(separator: "/")
    if parts.first == "Sources", parts.count > 2 { return String(parts[1]) }
    return parts.first.map(String.init) ?? ""
  }
}

/// Walks the text once, by bytes, and copies only what is code.
private struct Masker {
  private let text: [UInt8]
  private var at = 0
  private var out: [UInt8] = []

  init(_ text: String) {
    self.text = Array(text.utf8)
    out.reserveCapacity(self.text.count)
  }

  mutating func mask() -> String {
    copyCode(insideString: false)
    return String(decoding: out, as: UTF8.self)
  }

  private func starts(_ with: StaticString) -> Bool {
    guard at + with.utf8CodeUnitCount <= text.count else { return false }
    for i in 0..<with.utf8CodeUnitCount where text[at + i] != with.utf8Start[i] { return false }
    return true
  }

  /// Bytes after the first of a character vanish, so that columns stay.
  private mutating func blank(_ count: Int) {
    for _ in 0..<count where at < text.count {
      let byte = text[at]
      if byte == Byte.newline { out.append(byte) } else if byte & 0xC0 != 0x80 { out.append(32) }
      at += 1
    }
  }

  private mutating func keep(_ count: Int = 1) {
    for _ in 0..<count where at < text.count {
      out.append(text[at])
      at += 1
    }
  }

  /// Copies code; inside a string it stops behind the parenthesis that closes an interpolation.
  private mutating func copyCode(insideString: Bool) {
    var depth = 0
    while at < text.count {
      switch text[at] {
      case Byte.slash where starts("//"):
        while at < text.count, text[at] != Byte.newline { blank(1) }
      case Byte.slash where starts("/*"):
        blankComment()
      case Byte.backtick:
        blankRawIdentifier()
      case Byte.quote, Byte.hash:
        if let hashes = openingQuote() { blankString(hashes: hashes) } else { keep() }
      case Byte.open:
        depth += 1
        keep()
      case Byte.close:
        if depth == 0, insideString { return blank(1) }
        depth -= 1
        keep()
      default:
        keep()
      }
    }
  }

  /// Comments nest in Swift.
  private mutating func blankComment() {
    var depth = 0
    repeat {
      if starts("/*") {
        depth += 1
        blank(2)
      } else if starts("*/") {
        depth -= 1
        blank(2)
      } else {
        blank(1)
      }
    } while depth > 0 && at < text.count
  }

  /// `a sentence` as a name becomes underscores: it stays one name.
  private mutating func blankRawIdentifier() {
    repeat {
      if text[at] & 0xC0 != 0x80 { out.append(Byte.underscore) }
      at += 1
    } while at < text.count && text[at] != Byte.backtick && text[at] != Byte.newline
    if at < text.count, text[at] == Byte.backtick {
      out.append(Byte.underscore)
      at += 1
    }
  }

  /// The number of # before a quote that stands here; nil when no literal starts here.
  private func openingQuote() -> Int? {
    var hashes = 0
    while at + hashes < text.count, text[at + hashes] == Byte.hash { hashes += 1 }
    return at + hashes < text.count && text[at + hashes] == Byte.quote ? hashes : nil
  }

  /// Whether as many # as the literal began with stand `offset` bytes from here.
  private func fenced(_ hashes: Int, offset: Int) -> Bool {
    let start = at + offset
    return start + hashes <= text.count
      && text[start..<start + hashes].allSatisfy { $0 == Byte.hash }
  }

  private mutating func blankString(hashes: Int) {
    blank(hashes)
    let isLong = starts("\"\"\"")
    let quotes = isLong ? 3 : 1
    keep(quotes)
    while at < text.count {
      let byte = text[at]
      if byte == Byte.backslash, fenced(hashes, offset: 1) {
        blank(1 + hashes)
        let interpolates = at < text.count && text[at] == Byte.open
        blank(1)
        if interpolates { copyCode(insideString: true) }
      } else if byte == Byte.quote, !isLong || starts("\"\"\""), fenced(hashes, offset: quotes) {
        keep(quotes)
        return blank(hashes)
      } else if byte == Byte.newline, !isLong {
        return
      } else {
        blank(1)
      }
    }
  }
}

/// The characters that begin or end something.
private enum Byte {
  static let newline = UInt8(ascii: "\n")
  static let slash = UInt8(ascii: "/")
  static let backslash = UInt8(ascii: "\\")
  static let backtick = UInt8(ascii: "`")
  static let quote = UInt8(ascii: "\"")
  static let hash = UInt8(ascii: "#")
  static let open = UInt8(ascii: "(")
  static let close = UInt8(ascii: ")")
  static let underscore = UInt8(ascii: "_")
}
