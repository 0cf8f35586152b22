// The house rules, asked of every file of the working tree.

import Testing

/// A broken rule fails with every place that breaks it and what to do there.
private func expectNone(_ findings: [Finding]) {
  if !findings.isEmpty { Issue.record("\(findings.count) findings:\n\(findings.report)") }
}

@Suite struct HouseRules {
  @Test func `the repository has sources to look at`() {
    #expect(Repository.swiftSources.count > 10)
    #expect(Repository.paths.contains("Package.swift"))
  }

  @Test func `files, functions and lines keep their limits`() {
    expectNone(Repository.swiftSources.flatMap(Lengths.check))
  }

  @Test func `files exempt from the limits exist`() {
    #expect(Limits.exempt.subtracting(Repository.paths).isEmpty)
  }

  @Test func `modules import only what their place allows`() {
    expectNone(Repository.swiftSources.flatMap(Imports.check))
  }

  @Test func `a C library has one wrapper file in a module`() {
    expectNone(Imports.checkWrappers(Repository.swiftSources))
  }

  @Test func `banned words have their replacement`() {
    expectNone(Repository.swiftSources.flatMap { Bans.check($0) })
  }

  @Test func `every source file says what it is`() {
    let sources = Repository.paths.filter {
      $0.contains(/^(?:Sources|Tests|Benchmarks|Fuzz)\/.*\.(?:swift|h|c)$/)
    }
    expectNone(
      sources.flatMap { path in
        let text = Repository.text(of: path) ?? ""
        // The skeleton of an empty target.
        return text == "import Testing\n" ? [] : Documents.firstWords(path: path, text: text)
      })
  }

  @Test func `links between documents lead somewhere`() {
    let known = Set(Repository.paths)
    let exists = { (path: String) in
      known.contains(path) || known.contains { $0.hasPrefix(path + "/") }
    }
    expectNone(
      Repository.paths.filter { $0.hasSuffix(".md") }.flatMap {
        Documents.deadLinks(path: $0, text: Repository.text(of: $0) ?? "", exists: exists)
      })
  }

  @Test func `tests that documents name exist`() {
    let tests = Repository.paths.filter { $0.hasPrefix("Tests/") }
    let names = Set(
      tests.flatMap { path in
        [path.split(separator: "/").last.map(String.init) ?? ""]
          + Documents.declaredTypes(Repository.text(of: path) ?? "")
      })
    expectNone(
      Repository.paths.filter { $0.hasSuffix(".md") }.flatMap {
        Documents.unknownTests(path: $0, text: Repository.text(of: $0) ?? "", known: names)
      })
  }

  @Test func `no tracked file names a path of one machine`() {
    let readable = Repository.paths.filter {
      !$0.hasPrefix("fixtures/") && !$0.hasPrefix("Tests/TidyTests/")
    }
    expectNone(
      readable.flatMap { Documents.machinePaths(path: $0, text: Repository.text(of: $0) ?? "") })
  }

  @Test func `large and binary files stay out of the tree`() {
    expectNone(
      Repository.paths.flatMap {
        Documents.weight(path: $0, bytes: Repository.bytes(of: $0) ?? [])
      })
  }

  @Test func `C modules hold no compiled code`() {
    expectNone(Repository.paths.flatMap(Documents.compiledC))
  }
}
