// `daybook statement`: a user's month, for people, as JSON, CSV or a page to print.
import Base
import Gateway
import Projections

enum StatementCommand {
  static let command = Command(
    CommandSpec(
      name: "statement",
      options: [
        .value("user", "USER", "whose"),
        .value("month", "YYYY-MM", "by booking time, in the ledger's zone (default: this month)"),
        .flag("csv", "print each event with its sequence number and the balance after it"),
        .flag("html", "print a page: `daybook statement --user U --html > statement.html`"),
      ],
      summary: "a user's month: opening + credits - charges - corrections = closing")
  ) { invocation in
    let flags = invocation.parsed.flags
    let format = flags.contains("html") ? "html" : flags.contains("csv") ? "csv" : "json"
    guard
      [flags.contains("html"), flags.contains("csv"), invocation.wantsJSON].count(where: { $0 })
        <= 1
    else { throw UsageError("--csv, --html or --json, not several") }
    guard invocation.parsed.values["user"] != nil else {
      throw UsageError("statement needs --user USER")
    }
    let object = PriceCommands.object(invocation.arguments() + [("format", format)])
    let backend = Backend(invocation)
    let progress = SharedProgress("reading the month")
    defer { progress.finish() }
    let answer = try BackendAnswer(
      try backend.ask("statement", object, progress: progress.show) {
        try backend.read { reading in
          let question = try StatementQuestion(
            object, reading.books, now: SystemWallClock().now())
          let body = try question.answer(reading.files, Snapshots(reading.files)) {
            progress.show($0, of: $1)
          }
          return AdministrationAnswer(body: body)
        }
      }.body)
    progress.finish()
    if let text = answer.value["text"]?.string, format != "json" {
      return try Console.write(text)
    }
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(text(answer.value).utf8))
  }

  private static func text(_ answer: JSONValue) -> String {
    func field(_ key: String) -> String { Rendering.cell(answer[key], key: key) }
    var text = "\(field("user")), \(field("month")) (\(field("time_zone")))\n\n"
    var sums = TextTable(["", "USD"])
    for (title, key) in [
      ("opening", "opening_usd"), ("credits", "credits_usd"), ("charges", "charges_usd"),
      ("corrections", "corrections_usd"), ("closing", "closing_usd"),
    ] { sums.add([title, field(key)]) }
    text += sums.text
    for (key, title) in [("days", "day"), ("models", "model"), ("subscriptions", "group")] {
      guard let rows = answer[key], rows.array?.isEmpty == false else { continue }
      text += "\n"
      if key == "subscriptions" { text += "paid by subscription, not part of the balance\n" }
      text += Rendering.table(
        rows,
        [
          .init(title.uppercased(), title), .init("REQUESTS", "requests"),
          .init("TOKENS", "tokens"), .init("CHARGED", "charged_usd"),
        ], empty: "")
    }
    let count = answer["lines"]?.array?.count ?? 0
    text += "\n\(count) events; --csv lists each with its sequence number\n"
    return text
  }
}
