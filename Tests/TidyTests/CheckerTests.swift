// The checkers tested on bad snippets: a rule that cannot fail guards nothing.

import Testing

private func source(_ text: String, at path: String = "Sources/Ledger/Some.swift") -> MaskedSource {
  MaskedSource(path: path, text: text)
}

@Suite struct MaskingTests {
  @Test func `comments vanish and lines stay`() {
    let masked = source("let a = 1 // TODO\n/* x /* y */ z */ let b = 2\n")
    #expect(masked.code[0].filter { $0 != " " } == "leta=1")
    #expect(masked.code[1].filter { $0 != " " } == "letb=2")
    #expect(masked.code.count == masked.lines.count)
  }

  @Test func `strings vanish in all their shapes`() {
    let masked = source(
      #"""
      let a = "try! \" {"
      let b = """
        print( "quoted" {
        """
      let c = #"a \ " b"#
      let d = 4
      """#)
    #expect(!masked.code.joined().contains("try!"))
    #expect(!masked.code.joined().contains("{"))
    #expect(!masked.code.joined().contains("print"))
    #expect(masked.code.last == "let d = 4")
  }

  @Test func `code inside an interpolation stays`() {
    let masked = source(#"let a = "x \(f(try! g("}"))) y" + z"#)
    #expect(masked.code[0].contains("try! g("))
    #expect(!masked.code[0].contains("}"))
    #expect(masked.code[0].hasSuffix("+ z"))
  }

  @Test func `a sentence as a name is one name`() {
    let masked = source("@Test func `it's a \"try! {\" test`() {}")
    #expect(masked.code[0].hasSuffix("() {}"))
    #expect(!masked.code[0].contains("try!"))
  }
}

@Suite struct LengthTests {
  @Test func `a file over the limit is found`() {
    let long = source(String(repeating: "let a = 1\n", count: Limits.fileLines + 1))
    #expect(Lengths.fileLength(long).count == 1)
    let full = source(String(repeating: "let a = 1\n", count: Limits.fileLines))
    #expect(Lengths.fileLength(full).isEmpty)
  }

  @Test func `a line over the limit is found`() {
    let line = String(repeating: "x", count: Limits.columns)
    #expect(Lengths.lineLengths(source(line)).isEmpty)
    #expect(Lengths.lineLengths(source("\n" + line + "x")).map(\.line) == [2])
  }

  @Test(arguments: [
    "func f() {", "init?(x: Int) throws {", "deinit {", "public subscript(i: Int) -> Int {",
    "func f(\n  a: Int, b: (Int) -> Void = { _ in }\n) async throws -> [Int: String]\nwhere A: B {",
  ])
  func `a function over the limit is found`(signature: String) {
    let head = signature.split(separator: "\n").count
    let body = String(repeating: "  a(\"}\")\n", count: Limits.functionLines - head - 1)
    #expect(Lengths.functionLengths(source("\(signature)\n\(body)}\n")).isEmpty)
    #expect(Lengths.functionLengths(source("\(signature)\n\(body)  b()\n}\n")).count == 1)
  }

  @Test func `a requirement without a body ends at its line`() {
    let text = "protocol P {\n  func a()\n  func b() -> Int\n  var c: Int { get }\n}\n"
    #expect(Lengths.functions(in: source(text)).isEmpty)
  }

  @Test func `functions inside types are measured one by one`() {
    let text = "struct S {\n  func a() {\n    x.map { $0 }\n  }\n  func b() { c() }\n}\n"
    let found = Lengths.functions(in: source(text))
    #expect(found.map(\.firstLine) == [2, 5])
    #expect(found.map(\.lastLine) == [4, 5])
  }
}

@Suite struct ImportTests {
  @Test(arguments: [
    ("Sources/Base/Bytes/A.swift", "import Ledger"),
    ("Sources/Base/JSON/A.swift", "import CLinux"),
    ("Sources/Base/A.swift", "public import Foundation"),
    ("Sources/Ledger/A.swift", "import Projections"),
    ("Sources/Ledger/A.swift", "internal import Foundation"),
    ("Sources/Projections/Books.swift", "import CSQLite"),
    ("Sources/HTTP/A.swift", "import Ledger"),
    ("Sources/Gateway/A.swift", "import CCurl"),
    ("Sources/Gateway/A.swift", "@preconcurrency import struct Foundation.Data"),
    ("Sources/Sandbox/A.swift", "import Gateway"),
    ("Sources/Daybook/A.swift", "import CSQLite"),
    ("Sources/Unheard/A.swift", ""),
  ])
  func `an import against the rules is found`(path: String, text: String) {
    #expect(Imports.check(source(text, at: path)).count == 1)
  }

  @Test(arguments: [
    ("Sources/Base/System/A.swift", "import CLinux"),
    ("Sources/Projections/SQLite/A.swift", "internal import CSQLite"),
    ("Sources/HTTP/A.swift", "import CCurl\npublic import Base"),
    ("Sources/Daybook/A.swift", "import Foundation"),
    ("Sources/Base/A.swift", "// import Foundation\nimport Glibc"),
    ("Tests/BaseTests/A.swift", "import Foundation"),
  ])
  func `an import within the rules passes`(path: String, text: String) {
    #expect(Imports.check(source(text, at: path)).isEmpty)
  }

  @Test func `a second wrapper of one library in a module is found`() {
    let ledger = source("import CCrypto", at: "Sources/Ledger/Cryptography.swift")
    let gateway = source("import CCrypto", at: "Sources/Gateway/Hashing.swift")
    let second = source("import CCrypto", at: "Sources/Ledger/Signing.swift")
    #expect(Imports.checkWrappers([ledger, gateway]).isEmpty)
    #expect(Imports.checkWrappers([ledger, gateway, second]).map(\.path) == [second.path])
  }
}

@Suite struct BanTests {
  @Test(arguments: [
    ("Sources/HTTP/A.swift", "let d = Data(bytes)"),
    ("Sources/Daybook/A.swift", "String(format: x)"),
    ("Sources/Daybook/A.swift", "let f = ISO8601DateFormatter()"),
    ("Sources/Daybook/A.swift", "JSONDecoder().decode(x)"),
    ("Sources/Gateway/A.swift", "Task { await x() }"),
    ("Sources/Gateway/A.swift", "Task(priority: .high) { await x() }"),
    ("Sources/Gateway/A.swift", "Task.detached {}"),
    ("Sources/Ledger/A.swift", "DispatchQueue.main.async {}"),
    ("Sources/Ledger/A.swift", "let lock = NSLock()"),
    ("Sources/Ledger/A.swift", "try! f()"),
    ("Sources/Ledger/A.swift", "fatalError()"),
    ("Sources/Ledger/A.swift", "let fd = open(path, O_RDONLY)"),
    ("Sources/Ledger/A.swift", "unsafe Glibc.open(path, O_RDONLY)"),
    ("Sources/Ledger/A.swift", "if fdatasync(fd) != 0 {"),
    ("Sources/Ledger/A.swift", "print(a)"),
    ("Sources/Ledger/A.swift", "// TODO: this"),
    ("Sources/Ledger/A.swift", "let a = 1  // a placeholder"),
    ("Sources/Ledger/A.swift", "// good enough for now"),
    ("Sources/Ledger/A.swift", "// see issue 12"),
    ("Tests/LedgerTests/A.swift", "usleep(1000)"),
    ("Tests/LedgerTests/A.swift", "try await Task.sleep(for: .seconds(1))"),
    ("Tests/LedgerTests/A.swift", "import XCTest"),
    ("Benchmarks/A.swift", "public import Foundation"),
  ])
  func `a banned word is found`(path: String, text: String) {
    #expect(Bans.check(source(text, at: path)).count == 1, "\(text)")
  }

  @Test(arguments: [
    ("Sources/Base/System/A.swift", "let fd = open(path, O_RDONLY)"),
    ("Sources/Ledger/A.swift", "let f = try files.open(path)"),
    ("Sources/Ledger/A.swift", "public func open(_ path: String) {}"),
    ("Sources/Ledger/A.swift", "reopen(path); printable(x)"),
    ("Sources/Ledger/A.swift", "// not Data( and not try! either"),
    ("Sources/Gateway/A.swift", "Task.immediate(executorPreference: reactor) { await x() }"),
    ("Sources/Daybook/A.swift", "print(a)"),
    ("Tests/LedgerTests/A.swift", "try! f()"),
    ("Sources/Ledger/A.swift", "fatalError(\"the writer has no file\")"),
  ])
  func `an allowed word passes`(path: String, text: String) {
    #expect(Bans.check(source(text, at: path)) == [])
  }

  @Test func `a finding names the place and the replacement`() {
    let findings = Bans.check(source("let a = 1\ntry! f()\n"))
    #expect(findings.report == "Sources/Ledger/Some.swift:2: `try!`: use try, or do and catch")
  }
}

@Suite struct DocumentTests {
  @Test func `a file without first words is found`() {
    #expect(Documents.firstWords(path: "a", text: "import Base\n// late").count == 1)
    #expect(Documents.firstWords(path: "a", text: "").count == 1)
    #expect(Documents.firstWords(path: "a", text: "//\nimport Base").count == 1)
    #expect(Documents.firstWords(path: "a", text: "#pragma once\n/* The shim. */").isEmpty)
    #expect(Documents.firstWords(path: "a", text: "// The ledger's file.\n").isEmpty)
  }

  @Test func `a dead link is found from the folder of its page`() {
    let page = "See [a](b.md#part), [c](../d.md), [e](https://f.example/g.md), [h](#i)."
    let known: Set = ["docs/b.md"]
    let findings = Documents.deadLinks(path: "docs/x.md", text: page, exists: known.contains)
    #expect(findings.map(\.message) == ["the link ../d.md leads nowhere"])
  }

  @Test func `a test that no longer exists is found`() {
    let text = "`GoneTests`, `HereTests`\nTests/SDK/test_gone.py, `FileTests`"
    let known: Set = ["HereTests", "FileTests.swift"]
    let found = Documents.unknownTests(path: "a.md", text: text, known: known)
    #expect(found.map(\.line) == [1, 2])
  }

  @Test func `a path of one machine is found`() {
    let text = "fine: /usr/bin and a/work/b\nbad: `/ho" + "me/somebody/x`"
    #expect(Documents.machinePaths(path: "a", text: text).map(\.line) == [2])
  }

  @Test func `large and binary files are found unless they are fixtures`() {
    let large = [UInt8](repeating: 65, count: Documents.largestBytes + 1)
    #expect(Documents.weight(path: "a", bytes: large).count == 1)
    #expect(Documents.weight(path: "a", bytes: [65, 0]).count == 1)
    #expect(Documents.weight(path: "fixtures/a", bytes: large).isEmpty)
    #expect(Documents.weight(path: "a", bytes: [65]).isEmpty)
  }

  @Test func `compiled C is found`() {
    #expect(Documents.compiledC(path: "Sources/CLZ4/a.c").count == 1)
    #expect(Documents.compiledC(path: "Sources/CLZ4/shim.h").isEmpty)
  }
}
