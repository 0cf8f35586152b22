// The commands that ask history, typed as a person would: re-price, look back, state, export.
import Base
import Foundation
import TestSupport
import Testing

@Suite struct HistoryCommandTests {
  private let directory = TemporaryDirectory()
  private var prices: String { directory.path + "/fixed.json" }

  private func run(
    _ words: String...
  ) async throws -> (end: ProcessEnd, output: String, errors: String) {
    try await ServerProcess.run(["--data", "\(directory.path)/data"] + words)
  }

  private func json(_ words: [String]) async throws -> JSONValue {
    let made = try await ServerProcess.run(["--data", "\(directory.path)/data", "--json"] + words)
    try #require(made.end == .exited(0), "\(words): \(made.errors)")
    return try JSONParser(maxDepth: 64).parse(made.output)
  }

  private func prepare() async throws {
    let made = try await run("generate", "--requests", "400", "--seed", "3")
    try #require(made.end == .exited(0), "\(made.errors)")
    let text = """
      {"claude-sonnet-5-5": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06}}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: prices))
  }

  @Test func `prices are corrected, stated, looked back at and taken back`() async throws {
    try await prepare()
    let before = try await json(["user", "list"])
    let dry = try await json(["reprice", "--book", prices])
    let row = try #require(dry["rows"]?.array?.first { $0["target"]?.string == "balance" })
    let user = try #require(row["user"]?.string)
    let base = try #require(dry["base_sequence"]?.integer)
    let unreasoned = try await run("reprice", "--book", prices, "--apply")
    #expect(unreasoned.end == .exited(2) && unreasoned.errors.contains("--reason"))
    let applied = try await json(["reprice", "--book", prices, "--apply", "--reason", "too dear"])
    #expect(applied["job"]?.integer == 1)
    #expect(applied["difference_usd"] == dry["difference_usd"])
    let again = try await json(["reprice", "--book", prices, "--apply", "--reason", "twice"])
    #expect(again["applied"] == .bool(false) && again["changed_cells"]?.integer == 0)

    let balance = try await json(["balance", user])
    let month = try #require(row["day"]?.string).prefix(7)
    let now = try await json(["statement", "--user", user])
    #expect(now["closing_usd"] == balance["balance_usd"])
    let page = try await run("statement", "--user", user, "--month", "\(month)", "--html")
    #expect(page.output.hasPrefix("<!doctype html>") && page.output.contains("<svg"))
    #expect(!page.output.contains("<script"))
    let then = try await json(["as-of", "--sequence", "\(base)", "balance", user])
    #expect(then["balance_usd"] != balance["balance_usd"])

    let reverted = try await json(["reprice", "--revert", "1"])
    #expect(reverted["reverts"]?.integer == 1)
    #expect(try await json(["user", "list"]) == before)
    #expect(try await json(["balance", user])["balance_usd"] == then["balance_usd"])
    let rebuilt = try await json(["rebuild"])
    #expect(rebuilt["equal"] == .bool(true))
  }

  @Test(arguments: ["jsonl", "csv"])
  func `an export that was cut in the middle of a line goes on and is whole`(
    format: String
  ) async throws {
    try await prepare()
    let whole = directory.path + "/whole"
    let parted = directory.path + "/parted"
    let words = ["export", "--format", format, "--type", "forward_settled", "--output"]
    for path in [whole, parted] {
      let made = try await ServerProcess.run(
        ["--data", "\(directory.path)/data"] + words + [path])
      try #require(made.end == .exited(0), "\(made.errors)")
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
    try bytes.prefix(bytes.count * 2 / 3).write(to: URL(fileURLWithPath: parted))
    let refused = try await ServerProcess.run(
      ["--data", "\(directory.path)/data"] + words + [parted])
    #expect(refused.end == .exited(1) && refused.errors.contains("--resume"))
    let resumed = try await ServerProcess.run(
      ["--data", "\(directory.path)/data"] + words + [parted, "--resume"])
    #expect(resumed.end == .exited(0), "\(resumed.errors)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: parted)) == bytes)
    // Cut inside of its first line, it begins again.
    try bytes.prefix(7).write(to: URL(fileURLWithPath: parted))
    let begun = try await ServerProcess.run(
      ["--data", "\(directory.path)/data"] + words + [parted, "--resume"])
    #expect(begun.end == .exited(0), "\(begun.errors)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: parted)) == bytes)
  }

  @Test(arguments: [
    ("jsonl", #"{"sequence":-5}"# + "\n"), ("jsonl", "no event\n"),
    ("csv", "a,b\r\n18446744073709551615,b\r\n"), ("csv", "x"),
  ])
  func `a file that is no export is not gone on with`(format: String, content: String) async throws
  {
    try await prepare()
    let path = directory.path + "/other"
    try Data(content.utf8).write(to: URL(fileURLWithPath: path))
    let result = try await run("export", "--format", format, "--output", path, "--resume")
    #expect(result.end == .exited(1) && result.errors.hasPrefix("daybook: "), "\(result.errors)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(content.utf8))
  }

  @Test(arguments: [
    (["reprice"], "--book"), (["reprice", "--book", "nosuch.json"], "no price book"),
    (["reprice", "--book", "/nonexistent/p.json"], "p.json"), (["statement"], "--user"),
    (["statement", "--user", "generated-1", "--month", "2099-01"], "not begun"),
    (["as-of", "balance", "generated-1"], "name a moment"),
    (["reprice", "--revert", "1", "--list"], "name one"),
    (["statement", "--user", "generated-1", "--csv", "--html"], "not several"),
    (["export", "--format", "xml"], "jsonl or csv"), (["export", "--resume"], "--output"),
    (["export", "--since", "yesterday"], "RFC 3339"),
    (["generate", "--chats", "/nonexistent.csv"], "nonexistent.csv"),
  ])
  func `a mistake is one line that says what to do`(
    words: [String], _ hint: String
  ) async throws {
    try await prepare()
    let result = try await ServerProcess.run(["--data", "\(directory.path)/data"] + words)
    #expect(result.end == .exited(1) || result.end == .exited(2), "\(words)")
    #expect(result.output.isEmpty && result.errors.contains(hint), "\(words): \(result.errors)")
    #expect(result.errors.filter { $0 == "\n" }.count == 1)
  }
}
