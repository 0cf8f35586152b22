// From the words of a command line to a command and its arguments. Pure: takes words, gives values.
//
// - `--data DIR`, `--json`, `--help` (`-h`) may stand anywhere; a command's own options anywhere
//   behind its name, before or after its arguments.
// - `--name VALUE` and `--name=VALUE`. A value may begin with `-` (`--usd -5`), but one that begins
//   with `--` needs the form with `=`.
// - Behind a lone `--` everything is an argument.
import Gateway

/// Wrong usage: exit code 2.
struct UsageError: Error, Equatable, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A command with its arguments, names checked, values not yet looked at.
struct ParsedCommand {
  var spec: CommandSpec
  var arguments: [String] = []
  var values: [String: String] = [:]
  var flags: Set<String> = []
  var wantsJSON: Bool { flags.contains(GlobalOptions.json.name) }
  var dataDirectory: String? { values[GlobalOptions.data.name] }
}

/// What the words ask for.
enum ParsedLine {
  case command(ParsedCommand)
  /// Help on commands that begin with these words; none = all.
  case help([String])
  case version
}

struct ArgumentParser {
  let specs: [CommandSpec]

  func parse(_ words: [String]) throws(UsageError) -> ParsedLine {
    var rest = words[...]
    var leading: [String] = []
    var name: [String] = []
    var candidates = specs
    // The command's words come first, but for options that every command takes.
    while let word = rest.first, !isComplete(name, candidates) {
      if word.hasPrefix("-"), word != "-" {
        if name.isEmpty, word == "--version" { return .version }
        leading.append(contentsOf: try takeGlobal(&rest))
        continue
      }
      if name.isEmpty, word == "help" { return .help(rest.dropFirst().filter { $0 != "--help" }) }
      let next = candidates.filter { $0.words.count > name.count && $0.words[name.count] == word }
      guard !next.isEmpty else {
        if leading.contains("--help") { return .help(name) }
        throw unknown(word, after: name, candidates)
      }
      candidates = next
      name.append(word)
      rest.removeFirst()
    }
    guard isComplete(name, candidates), let spec = candidates.first else {
      if leading.contains("--help") { return .help(name) }
      if name.isEmpty { throw UsageError("no command given; try `daybook help`") }
      let choices = candidates.map { $0.words[name.count] }.joined(separator: ", ")
      throw UsageError("`daybook \(joined(name))` needs one of: \(choices)")
    }
    var command = ParsedCommand(spec: spec)
    try read(leading + rest, into: &command)
    if command.flags.contains(GlobalOptions.help.name) { return .help(spec.words) }
    try checkCount(command)
    return .command(command)
  }

  private func isComplete(_ name: [String], _ candidates: [CommandSpec]) -> Bool {
    candidates.count == 1 && candidates[0].words.count == name.count
  }

  /// Takes one option that every command has, with its value, as it stands.
  private func takeGlobal(_ rest: inout ArraySlice<String>) throws(UsageError) -> [String] {
    let word = rest.removeFirst()
    if word == "-h" || word == "--help" { return ["--help"] }
    if word == "--json" || word.hasPrefix("--data=") { return [word] }
    guard word == "--data" else {
      throw UsageError(
        "unknown option \(word) before the command"
          + NearestName.hint(word, among: GlobalOptions.all.map { "--\($0.name)" })
          + "; a command's own options stand behind its name")
    }
    guard let value = rest.popFirst(), !value.hasPrefix("--") else {
      throw UsageError("option --data needs a value: the ledger's directory")
    }
    return ["--data=" + value]
  }

  private func read(_ words: [String], into command: inout ParsedCommand) throws(UsageError) {
    let options = command.spec.options + GlobalOptions.all
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        command.arguments.append(contentsOf: rest)
        return
      }
      if word == "-h" {
        command.flags.insert(GlobalOptions.help.name)
        continue
      }
      guard word.hasPrefix("--") else {
        if word.hasPrefix("-"), word.count > 1, Double(word) == nil {
          throw unknownOption(word, options, command.spec)
        }
        command.arguments.append(word)
        continue
      }
      let parts = word.dropFirst(2).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let option = options.first(where: { $0.name == String(parts[0]) }) else {
        throw unknownOption(word, options, command.spec)
      }
      guard let meaning = option.value else {
        guard parts.count == 1 else {
          throw UsageError("option --\(option.name) takes no value")
        }
        command.flags.insert(option.name)
        continue
      }
      var value = parts.count == 2 ? String(parts[1]) : nil
      if value == nil, let next = rest.first, !next.hasPrefix("--") { value = rest.removeFirst() }
      guard let value else {
        throw UsageError("option --\(option.name) needs a value: \(meaning)")
      }
      guard command.values.updateValue(value, forKey: option.name) == nil else {
        throw UsageError("option --\(option.name) is given twice")
      }
    }
  }

  private func checkCount(_ command: ParsedCommand) throws(UsageError) {
    let parameters = command.spec.parameters
    let given = command.arguments.count
    if given < parameters.count - command.spec.optionalParameters {
      throw UsageError(
        "`daybook \(command.spec.name)` needs \(parameters[given]); "
          + "try `daybook \(command.spec.name) --help`")
    }
    if given > parameters.count {
      throw UsageError(
        "unexpected argument \"\(command.arguments[parameters.count])\" for "
          + "`daybook \(command.spec.name)`; try `daybook \(command.spec.name) --help`")
    }
  }

  private func unknown(
    _ word: String, after name: [String], _ candidates: [CommandSpec]
  ) -> UsageError {
    let known = candidates.compactMap { $0.words.count > name.count ? $0.words[name.count] : nil }
    let hint = NearestName.hint(word, among: Set(known).sorted())
    let help = name.isEmpty ? "daybook help" : "daybook help \(joined(name))"
    return UsageError("unknown command \"\(joined(name + [word]))\"\(hint); try `\(help)`")
  }

  private func unknownOption(
    _ word: String, _ options: [OptionSpec], _ spec: CommandSpec
  ) -> UsageError {
    let name = String(word.prefix { $0 != "=" })
    let hint = NearestName.hint(name, among: options.map { "--\($0.name)" })
    return UsageError(
      "unknown option \(name) for `daybook \(spec.name)`\(hint); "
        + "try `daybook \(spec.name) --help`")
  }

  private func joined(_ words: [String]) -> String { words.joined(separator: " ") }
}
