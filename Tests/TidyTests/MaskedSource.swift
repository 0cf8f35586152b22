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

/// Walks the text once and copies only what is code.
private struct Masker {
  private let text: [Character]
  private var at = 0
  private var out: [Character] = []

  init(_ text: String) {
    self.text = Array(text)
    out.reserveCapacity(self.text.count)
  }

  mutating func mask() -> String {
    copyCode(until: nil)
    return String(out)
  }

  private func starts(_ with: String, offset: Int = 0) -> Bool {
    var i = at + offset
    for character in with {
      guard i < text.count, text[i] == character else { return false }
      i += 1
    }
    return true
  }

  private mutating func blank(_ count: Int) {
    for _ in 0..<count where at < text.count {
      out.append(text[at] == "\n" ? "\n" : " ")
      at += 1
    }
  }

  private mutating func keep() {
    out.append(text[at])
    at += 1
  }

  /// Copies code; with `closing` it stops behind the parenthesis that closes an interpolation.
  private mutating func copyCode(until closing: Character?) {
    var depth = 0
    while at < text.count {
      if starts("//") {
        while at < text.count, text[at] != "\n" { blank(1) }
      } else if starts("/*") {
        blankComment()
      } else if text[at] == "`" {
        blankRawIdentifier()
      } else if let hashes = openingQuote() {
        blankString(hashes: hashes)
      } else {
        let character = text[at]
        if character == "(" { depth += 1 }
        if character == ")" {
          if depth == 0, closing != nil { return blank(1) }
          depth -= 1
        }
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
    at += 1
    out.append("_")
    while at < text.count, text[at] != "`", text[at] != "\n" {
      out.append("_")
      at += 1
    }
    if at < text.count, text[at] == "`" {
      out.append("_")
      at += 1
    }
  }

  /// The number of # before a quote that stands here; nil when no literal starts here.
  private func openingQuote() -> Int? {
    var hashes = 0
    while at + hashes < text.count, text[at + hashes] == "#" { hashes += 1 }
    return at + hashes < text.count && text[at + hashes] == "\"" ? hashes : nil
  }

  private mutating func blankString(hashes: Int) {
    let fence = String(repeating: "#", count: hashes)
    blank(hashes)
    let quote = starts("\"\"\"") ? "\"\"\"" : "\""
    for _ in quote { keep() }
    while at < text.count {
      if starts("\\" + fence + "(") {
        blank(2 + hashes)
        copyCode(until: ")")
      } else if starts("\\" + fence) {
        blank(2 + hashes)
      } else if starts(quote + fence) {
        for _ in quote { keep() }
        return blank(hashes)
      } else if quote.count == 1, text[at] == "\n" {
        return
      } else {
        blank(1)
      }
    }
  }
}
