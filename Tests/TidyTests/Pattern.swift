// A pattern looked for in a whole file at a time. NSRegularExpression, because Swift's Regex takes
// half a millisecond a line in debug builds, and these rules look at every line of the project.

import Foundation

/// A regular expression (ICU's syntax; ^ and $ are the ends of lines).
struct Pattern: Sendable {
  /// One place the pattern matches.
  struct Match {
    /// From 1.
    let line: Int
    /// The match, then its groups; a group that took no part is empty.
    let texts: [Substring]
    let range: Range<String.Index>
  }

  private let expression: NSRegularExpression

  init(_ pattern: String) {
    // A pattern that does not compile is a mistake of this folder.
    expression = try! NSRegularExpression(pattern: pattern, options: .anchorsMatchLines)
  }

  func matches(in text: String) -> [Match] {
    expression.matches(in: text, range: NSRange(0..<text.utf16.count)).compactMap { match in
      guard let range = Range(match.range, in: text) else { return nil }
      let texts = (0..<match.numberOfRanges).map { group in
        Range(match.range(at: group), in: text).map { text[$0] } ?? ""
      }
      // Patterns may begin with the newline before what they are about.
      let start = text[range].firstIndex { $0 != "\n" } ?? range.lowerBound
      let line = text.utf8[..<start].count { $0 == UInt8(ascii: "\n") } + 1
      return Match(line: line, texts: texts, range: range)
    }
  }
}
