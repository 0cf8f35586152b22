// Limits on the size of things: a file, a function, a line.

/// The hard limits; the aims are 250 lines a file and 50 a function.
enum Limits {
  static let fileLines = 400
  static let functionLines = 70
  static let columns = 100
  /// Tables that are data in the shape of code may be as long as the data.
  static let exempt: Set<String> = []
}

enum Lengths {
  static func check(_ source: MaskedSource) -> [Finding] {
    if Limits.exempt.contains(source.path) { return [] }
    return fileLength(source) + lineLengths(source) + functionLengths(source)
  }

  static func fileLength(_ source: MaskedSource) -> [Finding] {
    // A final newline leaves an empty last element.
    let count = source.lines.last == "" ? source.lines.count - 1 : source.lines.count
    if count <= Limits.fileLines { return [] }
    return [
      Finding(
        path: source.path, line: count,
        message: "\(count) lines, at most \(Limits.fileLines): one topic per file, split it")
    ]
  }

  static func lineLengths(_ source: MaskedSource) -> [Finding] {
    source.lines.enumerated().compactMap { index, line in
      if line.count <= Limits.columns { return nil }
      return Finding(
        path: source.path, line: index + 1,
        message: "\(line.count) columns, at most \(Limits.columns)")
    }
  }

  static func functionLengths(_ source: MaskedSource) -> [Finding] {
    functions(in: source).compactMap { function in
      let count = function.lastLine - function.firstLine + 1
      if count <= Limits.functionLines { return nil }
      return Finding(
        path: source.path, line: function.firstLine,
        message: "a function of \(count) lines, at most \(Limits.functionLines): split it")
    }
  }

  /// Every `func`, `init`, `deinit` and `subscript` with a body, by line numbers from 1.
  static func functions(in source: MaskedSource) -> [(firstLine: Int, lastLine: Int)] {
    var found: [(firstLine: Int, lastLine: Int)] = []
    for match in declaration.matches(in: source.code.joined(separator: "\n")) {
      if let last = lastLine(ofBodyAfter: match.line - 1, in: source.code) {
        found.append((match.line, last + 1))
      }
    }
    return found
  }

  private static let declaration = Pattern(
    #"^(?:[^.=\n]*[ \t)])?(?:func\s+\S|deinit\s*\{|subscript\s*[(<]|init\s*[?!]?\s*[(<])"#)

  /// The index of the line that closes the body; nil for a requirement without one.
  private static func lastLine(ofBodyAfter start: Int, in code: [String]) -> Int? {
    var parentheses = 0
    var braces = 0
    for index in start..<code.count {
      if index > start, braces == 0, parentheses == 0,
        !continues(code[index], after: code[index - 1])
      {
        return nil
      }
      for character in code[index] {
        switch character {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses -= 1
        case "{" where parentheses == 0 || braces > 0: braces += 1
        case "}" where braces == 0 && parentheses > 0: break
        case "}" where braces == 0: return nil
        case "}":
          braces -= 1
          if braces == 0, parentheses <= 0 { return index }
        default: break
        }
      }
    }
    return nil
  }

  /// Whether a signature goes on in this line.
  private static func continues(_ line: String, after previous: String) -> Bool {
    if previous.contains(/[,<&>(]\s*$/) || previous.contains(/->\s*$/) { return true }
    return line.contains(/^\s*(?:$|[{>)]|->|(?:where|throws|async|rethrows)(?:\W|$))/)
  }
}
