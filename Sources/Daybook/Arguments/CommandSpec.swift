// What a command takes, as data: the parser, the help texts and docs/commands.md all come from it.

/// An option. Every option may stand anywhere behind the command's name.
struct OptionSpec {
  let name: String
  /// What its value is called in help; nil = a flag without value.
  let value: String?
  let help: String

  static func value(_ name: String, _ value: String, _ help: String) -> OptionSpec {
    OptionSpec(name: name, value: value, help: help)
  }
  static func flag(_ name: String, _ help: String) -> OptionSpec {
    OptionSpec(name: name, value: nil, help: help)
  }
}

/// A command: its words, positional parameters, options.
struct CommandSpec {
  /// `key issue`.
  let name: String
  /// Names of positional parameters, e.g. `NAME`.
  var parameters: [String] = []
  /// How many of them, the last ones, may be left out.
  var optionalParameters = 0
  var options: [OptionSpec] = []
  /// One line, for the list of commands.
  let summary: String
  /// More, for the command's own help; "" = nothing.
  var notes = ""
  /// Whether `--json` changes what it prints.
  var printsData = true

  var words: [String] { name.split(separator: " ").map(String.init) }
}

/// The options that every command takes.
enum GlobalOptions {
  static let data = OptionSpec.value(
    "data", "DIR", "the ledger's directory (default $DAYBOOK_DATA, else ./daybook-data)")
  static let json = OptionSpec.flag("json", "print one JSON value and nothing else")
  static let help = OptionSpec.flag("help", "print this help")
  static let all = [data, json, help]
}
