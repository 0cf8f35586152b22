// Who may import what: the direction of dependencies, and one wrapper per C library.

/// What one module may import, and where in it.
struct ImportRule {
  let modules: Set<String>
  /// Imports that only files below one of these paths may make.
  var onlyIn: [String: [String]] = [:]
}

enum Imports {
  static let everywhere: Set<String> = ["Swift", "Glibc", "Synchronization", "_Concurrency"]

  /// By folder below Sources. Daybook -> Gateway -> Projections -> Ledger -> Base, and
  /// Gateway, Sandbox -> HTTP -> Base.
  static let rules: [String: ImportRule] = [
    "Base": ImportRule(
      modules: ["CLinux"],
      onlyIn: ["CLinux": ["Sources/Base/System/", "Sources/Base/Bytes/CRC32C"]]),
    "Ledger": ImportRule(modules: ["Base", "CLZ4", "CCrypto"]),
    "Projections": ImportRule(
      modules: ["Base", "Ledger", "CSQLite", "CPrices"],
      onlyIn: [
        "CSQLite": ["Sources/Projections/SQLite/"], "CPrices": ["Sources/Projections/Pricing/"],
      ]),
    "HTTP": ImportRule(modules: ["Base", "CCurl", "CLinux"]),
    "Gateway": ImportRule(modules: ["Base", "Ledger", "Projections", "HTTP", "CCrypto"]),
    "Sandbox": ImportRule(modules: ["Base", "HTTP"]),
    "Daybook": ImportRule(
      modules: [
        "Base", "Ledger", "Projections", "HTTP", "Gateway", "Sandbox",
        "Foundation", "FoundationEssentials",
      ]),
  ]

  /// Libraries with exactly one wrapper file in each module that may import them at all.
  static let oneWrapper: Set<String> = ["CCrypto"]

  static func check(_ source: MaskedSource) -> [Finding] {
    guard source.path.hasPrefix("Sources/") else { return [] }
    guard let rule = rules[source.module] else {
      return [
        Finding(path: source.path, line: 1, message: "no import rule for \(source.module): add one")
      ]
    }
    return imports(of: source).compactMap { name, line in
      if everywhere.contains(name) { return nil }
      if !rule.modules.contains(name) {
        return Finding(
          path: source.path, line: line,
          message: "\(source.module) may not import \(name); dependencies go one way")
      }
      if let places = rule.onlyIn[name], !places.contains(where: source.path.hasPrefix) {
        return Finding(
          path: source.path, line: line,
          message: "only \(places.joined(separator: ", ")) may import \(name): use its wrapper")
      }
      return nil
    }
  }

  /// Second and later importers of a library that is to have one wrapper a module.
  static func checkWrappers(_ sources: [MaskedSource]) -> [Finding] {
    var first: [String: String] = [:]
    var findings: [Finding] = []
    for source in sources where source.path.hasPrefix("Sources/") {
      for (name, line) in imports(of: source) where oneWrapper.contains(name) {
        let place = "\(source.module) \(name)"
        if let wrapper = first[place], wrapper != source.path {
          findings.append(
            Finding(path: source.path, line: line, message: "\(name) is wrapped in \(wrapper)"))
        }
        first[place] = first[place] ?? source.path
      }
    }
    return findings
  }

  /// Imported modules (the part before a dot) with their lines from 1.
  static func imports(of source: MaskedSource) -> [(name: String, line: Int)] {
    pattern.matches(in: source.code.joined(separator: "\n")).map {
      ($0.texts[1].description, $0.line)
    }
  }

  private static let pattern = Pattern(
    #"^[ \t]*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|internal|package|private|fileprivate)\s+)?"#
      + #"import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)"#)
}
