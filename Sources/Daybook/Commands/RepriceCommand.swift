// `daybook reprice`: what history would have cost with other prices; --apply makes it so, --revert
// takes a job back, --list shows the jobs.
import Base
import Gateway
import Projections

enum RepriceCommand {
  typealias Column = Rendering.Column

  static let command = Command(
    CommandSpec(
      name: "reprice",
      options: [
        .value("book", "FILE", "the prices: a file in LiteLLM's format, or a book of the ledger"),
        .value("from", "YYYY-MM-DD", "first service day (default: the first in the log)"),
        .value("to", "YYYY-MM-DD", "last service day, inclusive (default: the last in the log)"),
        .value("user", "USER", "only this user"), .value("key", "KEY", "only this key"),
        .value("model", "MODEL", "only charges made with this model's price"),
        .value("group", "GROUP", "only this group"),
        .flag("all", "show charges that stay the same, too"),
        .flag("csv", "print the table as CSV"),
        .flag("apply", "book the differences, all of them or none"),
        .value("reason", "TEXT", "why, recorded with the job; --apply needs it"),
        .value("revert", "JOB", "take a job back, exactly"),
        .flag("list", "show the jobs there were"),
      ],
      summary: "what history would have cost with other prices; a dry run unless --apply",
      notes:
        "Whole service days are rated anew. The difference of a charge is its new rating minus "
        + "all that was booked on it, so a second run finds nothing. A model that the book does "
        + "not price stays as booked and is named.")
  ) { invocation in
    let values = invocation.parsed.values
    let flags = invocation.parsed.flags
    let tasks = [
      flags.contains("list"), values["revert"] != nil, values["book"] != nil,
    ].filter { $0 }
    guard tasks.count <= 1 else {
      throw UsageError("--book, --revert and --list are three things: name one")
    }
    guard !(flags.contains("csv") && invocation.wantsJSON) else {
      throw UsageError("--csv or --json, not both")
    }
    if flags.contains("list") { return try list(invocation) }
    if let job = values["revert"] { return try revert(job, invocation) }
    guard let book = values["book"] else {
      throw UsageError("reprice needs --book FILE (or --revert JOB, or --list)")
    }
    let isApplied = invocation.parsed.flags.contains("apply")
    if isApplied, values["reason"] == nil {
      throw UsageError("--apply needs --reason TEXT: it is recorded with the job")
    }
    var given = ["from", "to", "user", "key", "model", "group"].compactMap { name in
      values[name].map { (name: name, value: $0) }
    }
    given += try PriceCommands.bookArguments(book)
    if invocation.parsed.flags.contains("all") { given.append(("all", "true")) }
    if isApplied, let reason = values["reason"] { given.append(("reason", reason)) }
    let object = PriceCommands.object(given)
    let answer =
      isApplied
      ? try change("reprice/apply", object, invocation) : try dryRun(object, invocation)
    if invocation.wantsJSON { return try Console.write(answer.json + [10]) }
    try Console.write(
      invocation.parsed.flags.contains("csv") ? csv(answer.value) : Array(text(answer.value).utf8))
  }

  // MARK: - Asking

  private static func dryRun(
    _ object: JSONObject, _ invocation: Invocation
  ) throws -> BackendAnswer {
    let backend = Backend(invocation)
    let progress = SharedProgress("re-pricing")
    defer { progress.finish() }
    return try BackendAnswer(
      try backend.ask("reprice", object, progress: progress.show) {
        try backend.read { reading in
          let question = try RepricingQuestion(
            object, reading.books, now: SystemWallClock().now())
          return AdministrationAnswer(
            body: try question.dryRun(reading.files) { progress.show($0, of: $1) })
        }
      }.body)
  }

  private static func change(
    _ path: String, _ object: JSONObject, _ invocation: Invocation
  ) throws -> BackendAnswer {
    let backend = Backend(invocation)
    let progress = SharedProgress("re-pricing")
    defer { progress.finish() }
    let told: ((UInt64, UInt64) -> Void)? =
      path == "reprice/apply" ? { progress.show($0, of: $1) } : nil
    let answer = try backend.ask(path, object, progress: told) {
      try backend.change { service in
        service.answer(path, Backend.text(object), actor: Backend.actor) { done, total in
          progress.show(done, of: total)
        }
      }
    }
    return try BackendAnswer(answer.body)
  }

  private static func revert(_ job: String, _ invocation: Invocation) throws {
    var given = [(name: "job", value: job)]
    if let reason = invocation.parsed.values["reason"] { given.append(("reason", reason)) }
    let answer = try change("reprice/revert", PriceCommands.object(given), invocation)
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
  }

  private static func list(_ invocation: Invocation) throws {
    let backend = Backend(invocation)
    let answer = try BackendAnswer(
      try backend.ask("reprice/list", JSONObject()) {
        try backend.read { AdministrationAnswer(body: RepricingJobs.json($0.books)) }
      }.body)
    let columns = [
      Column("JOB", "job"), Column("PROGRESS", "progress"), Column("BOOK", "book"),
      Column("CORRECTIONS", "corrections"), Column("DIFFERENCE", "difference_usd"),
      Column("REVERTS", "reverts"), Column("BASE", "base_sequence"),
    ]
    try Console.write(
      invocation.wantsJSON
        ? answer.json + [10]
        : Array(Rendering.table(answer.value, columns, empty: "no re-pricing yet").utf8))
  }

  // MARK: - Showing

  private static let columns = [
    Column("DAY", "day"), Column("USER", "user"), Column("KEY", "key"), Column("GROUP", "group"),
    Column("MODEL", "model"), Column("PAID BY", "target"), Column("REQUESTS", "requests"),
    Column("BOOKED", "booked_usd"), Column("NEW", "new_usd"),
    Column("DIFFERENCE", "difference_usd"),
  ]

  private static func text(_ answer: JSONValue) -> String {
    func field(_ key: String) -> String { Rendering.cell(answer[key], key: key) }
    var text = ""
    let rows = answer["rows"] ?? .array([])
    if rows.array?.isEmpty == false {
      text += Rendering.table(rows, columns, empty: "") + "\n"
    }
    for model in answer["unmatched_models"]?.array ?? [] {
      let name = Rendering.cell(model["model"], key: "model")
      text += "not in the book, stays as booked: \(name), "
      text += "\(Rendering.cell(model["requests"], key: "")) requests, "
      text += "\(Rendering.cell(model["charged_usd"], key: "charged_usd"))\n"
    }
    for problem in answer["problems"]?.array ?? [] {
      text += "left out: \(Rendering.cell(problem, key: ""))\n"
    }
    if let kept = answer["kept_cells"]?.integer, kept > 0 {
      text +=
        "\(kept) rows stay as they stand: the book prices a part of each only, and an earlier "
      text += "job corrected it, or the new sum leaves the ledger's range\n"
    }
    text += "\(field("requests")) requests of \(field("from")) to \(field("to")), "
    text += "as of sequence \(field("base_sequence")): booked \(field("booked_usd")), "
    text += "with \(field("book")) \(field("new_usd")), difference \(field("difference_usd"))\n"
    if answer["applied"] == .bool(true) {
      text += "applied as job \(field("job")): `daybook reprice --revert \(field("job"))` takes it "
      text += "back\n"
    } else if rows.array?.isEmpty != false || answer["changed_cells"]?.integer == 0 {
      text += "nothing to change\n"
    } else {
      text += "a dry run: nothing was changed; --apply --reason TEXT books the difference\n"
    }
    return text
  }

  private static func csv(_ answer: JSONValue) -> [UInt8] {
    let keys = [
      "day", "user", "key", "group", "model", "target", "requests", "booked_list_usd",
      "new_list_usd", "booked_usd", "new_usd", "difference_usd",
    ]
    var csv = CSVWriter()
    csv.line(keys)
    for row in answer["rows"]?.array ?? [] {
      csv.line(keys.map { row[$0]?.string ?? row[$0]?.numberText ?? "" })
    }
    return csv.bytes
  }
}
