// Help: `daybook help`, `daybook help key`, `daybook key issue --help`.

struct HelpText {
  let specs: [CommandSpec]

  /// Help on the one command with these words, on all that begin with them, or on everything.
  func text(_ words: [String]) throws(UsageError) -> String {
    if words.isEmpty { return overview }
    if let spec = specs.first(where: { $0.words == words }) { return describe(spec) }
    let family = specs.filter { $0.words.starts(with: words) }
    guard !family.isEmpty else {
      throw UsageError("no command \"\(words.joined(separator: " "))\"; try `daybook help`")
    }
    return family.map(describe).joined(separator: "\n")
  }

  private var overview: String {
    var text = """
      Daybook: an event-sourced usage ledger and gateway for LLM traffic.

      usage: daybook [--data DIR] COMMAND [ARGUMENT ...] [OPTION ...]

      """
    text += "\ncommands:\n" + columns(specs.map { (synopsis($0), $0.summary) })
    text += "\noptions of every command:\n" + columns(GlobalOptions.all.map(row))
    text += """

      `daybook COMMAND --help` says more. Users, keys, groups and accounts are named by id or name.
      Exit codes: 0 done, 1 failed, 2 wrong usage, 3 damage found in the ledger.

      """
    return text
  }

  private func describe(_ spec: CommandSpec) -> String {
    var text = "usage: daybook \(synopsis(spec)) [OPTION ...]\n\n\(spec.summary)\n"
    if !spec.notes.isEmpty { text += "\n\(spec.notes)\n" }
    let globals = GlobalOptions.all.filter { $0.name != "json" || spec.printsData }
    text += "\noptions:\n" + columns((spec.options + globals).map(row))
    return text
  }

  /// The command's name and parameters.
  func synopsis(_ spec: CommandSpec) -> String {
    let firstOptional = spec.parameters.count - spec.optionalParameters
    let parameters = spec.parameters.enumerated().map { $0 < firstOptional ? $1 : "[\($1)]" }
    return ([spec.name] + parameters).joined(separator: " ")
  }

  private func row(_ option: OptionSpec) -> (String, String) {
    ("--\(option.name)" + (option.value.map { " \($0)" } ?? ""), option.help)
  }

  private func columns(_ rows: [(String, String)]) -> String {
    let width = min(34, rows.map(\.0.count).max() ?? 0)
    return rows.map { left, right in
      let gap = String(repeating: " ", count: max(2, width + 2 - left.count))
      return "  \(left)\(gap)\(right)\n"
    }.joined()
  }
}
