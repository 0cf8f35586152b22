// Rules for files as such: first words, links, size, paths of somebody's machine.

enum Documents {
  /// No tracked file is larger, but for fixtures.
  static let largestBytes = 1 << 20

  /// Every source file begins with a comment that says what it is.
  static func firstWords(path: String, text: String) -> [Finding] {
    let first = text.split(separator: "\n").first { $0 != "#pragma once" }
    if let first, first.contains(/^(?:\/\/|\/\*)\W*\w/) { return [] }
    return [
      Finding(path: path, line: 1, message: "begins without a comment that says what the file is")
    ]
  }

  /// Relative links of a Markdown page that lead nowhere.
  static func deadLinks(path: String, text: String, exists: (String) -> Bool) -> [Finding] {
    let folder = path.split(separator: "/").dropLast().map(String.init)
    return link.matches(in: text).compactMap { match in
      let link = String(match.texts[1])
      if link.contains("://") || link.hasPrefix("mailto:") { return nil }
      if exists(resolve(link, from: folder)) { return nil }
      return Finding(path: path, line: match.line, message: "the link \(link) leads nowhere")
    }
  }

  private static let link = Pattern(#"\]\(([^)\s#]+)(?:#[^)]*)?\)"#)

  private static func resolve(_ link: String, from folder: [String]) -> String {
    var parts = folder
    for part in link.split(separator: "/").map(String.init) where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return parts.joined(separator: "/")
  }

  /// Absolute paths that exist on one machine only.
  static func machinePaths(path: String, text: String) -> [Finding] {
    machinePath.matches(in: text).map { match in
      Finding(
        path: path, line: match.line, message: "\(match.texts[1]) is a path of one machine")
    }
  }

  private static let machinePath = Pattern(
    #"(?:^|[\s"'`(=:])(/(?:work|farm|home|root|Users)/[\w.]+)"#)

  /// Something large or binary that is not a fixture.
  static func weight(path: String, bytes: [UInt8]) -> [Finding] {
    if path.hasPrefix("fixtures/") { return [] }
    if bytes.count > largestBytes {
      return [Finding(path: path, line: 1, message: "\(bytes.count) bytes: too large to track")]
    }
    if bytes.contains(0) {
      return [Finding(path: path, line: 1, message: "binary files belong under fixtures/")]
    }
    return []
  }

  /// The rules for a system library's module: one shim, nothing compiled.
  static func compiledC(path: String) -> [Finding] {
    guard path.hasPrefix("Sources/"), path.hasSuffix(".c") || path.hasSuffix(".cpp") else {
      return []
    }
    // The built-in price book is embedded by the C compiler; it has no code.
    if path == "Sources/CPrices/CPrices.c" { return [] }
    return [Finding(path: path, line: 1, message: "no C code: shim.h with static inline functions")]
  }

  /// Names of the structures of a Swift file.
  static func declaredTypes(_ text: String) -> [String] {
    text.matches(of: /struct (\w+)/).map { String($0.1) }
  }

  /// Suites and Python files of tests, in backquotes or bare, that do not exist.
  static func unknownTests(path: String, text: String, known: Set<String>) -> [Finding] {
    var findings: [Finding] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let suites = line.matches(of: /`([A-Z]\w+(?:Tests|Rules|Names|Scheduling|OverLoopback))`/)
        .map { String($0.1) }
      let scripts = line.matches(of: /\btest_\w+\.py/).map { String($0.0) }
      for name in suites + scripts
      where !known.contains(name) && !known.contains("\(name).swift") {
        findings.append(Finding(path: path, line: index + 1, message: "no test is named \(name)"))
      }
    }
    return findings
  }
}
