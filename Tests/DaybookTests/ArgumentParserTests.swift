// The words of a command line: where options may stand, what values may look like, what is refused.
import Testing

@testable import daybook

@Suite struct ArgumentParserTests {
  private let parser = ArgumentParser(specs: CommandTable.all.map { $0.spec })

  private func command(_ line: String) throws -> ParsedCommand {
    guard case .command(let parsed) = try parser.parse(words(line)) else {
      throw UsageError("not a command: \(line)")
    }
    return parsed
  }
  private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }
  private func refusal(_ line: String) -> String? {
    do {
      _ = try parser.parse(words(line))
      return nil
    } catch { return error.description }
  }

  @Test(arguments: [
    "user add ann --concurrency 3 --json --data /d",
    "--data /d user add --concurrency=3 ann --json",
    "--json user --data=/d add ann --concurrency 3",
    "user add --json --data /d --concurrency 3 ann",
  ])
  func `options stand before, between and behind arguments`(line: String) throws {
    let parsed = try command(line)
    #expect(parsed.spec.name == "user add" && parsed.arguments == ["ann"])
    #expect(parsed.values["concurrency"] == "3" && parsed.wantsJSON)
    #expect(parsed.dataDirectory == "/d")
  }

  @Test func `a value may begin with a minus`() throws {
    let parsed = try command("credit add --user ann --usd -5 --reason back")
    #expect(parsed.values["usd"] == "-5" && parsed.values["reason"] == "back")
  }

  @Test func `a value that begins with two minuses needs the equals sign`() throws {
    #expect(refusal("key issue --name --user ann")?.contains("--name needs a value") == true)
    #expect(try command("key issue --name=--x").values["name"] == "--x")
  }

  @Test func `behind two minuses everything is an argument`() throws {
    #expect(try command("user add -- --ann").arguments == ["--ann"])
  }

  @Test(arguments: [
    ("usr list", "did you mean \"user\"?"), ("user lst", "did you mean \"list\"?"),
    ("user", "needs one of: add, list, set"), ("", "no command given"),
    ("user add", "needs NAME"), ("user add a b", "unexpected argument \"b\""),
    ("user add a --concurency 3", "did you mean \"--concurrency\"?"),
    ("user add a -x", "unknown option -x"), ("serve --listen", "--listen needs a value"),
    ("user list --json=yes", "--json takes no value"), ("--dta /d user list", "did you mean"),
    ("user add a --concurrency 1 --concurrency 2", "given twice"),
  ])
  func `wrong words are refused with what to do`(line: String, text: String) {
    #expect(refusal(line)?.contains(text) == true, "\(refusal(line) ?? "taken")")
  }

  @Test(arguments: [
    ("help", []), ("--help", []), ("help key", ["key"]), ("key --help", ["key"]),
    ("key issue --help", ["key", "issue"]), ("--help key issue", ["key", "issue"]),
    ("user add -h", ["user", "add"]),
  ])
  func `help is asked for in several ways`(line: String, about: [String]) throws {
    guard case .help(let words) = try parser.parse(words(line)) else {
      Issue.record("not help: \(line)")
      return
    }
    #expect(words == about)
  }

  @Test func `every command has help that names its options`() throws {
    let help = HelpText(specs: CommandTable.all.map { $0.spec })
    for command in CommandTable.all {
      let text = try help.text(command.spec.words)
      for option in command.spec.options { #expect(text.contains("--\(option.name)")) }
      #expect(try help.text([]).contains(command.spec.name))
    }
  }

  @Test func `no two commands have one name, and none begins another`() {
    let names = CommandTable.all.map { $0.spec.words }
    for (index, name) in names.enumerated() {
      for (other, longer) in names.enumerated() where other != index {
        #expect(!longer.starts(with: name), "\(name) and \(longer)")
      }
    }
  }
}
