// `daybook as-of`: a balance, subscription, key or usage as it stood after some event.
import Base
import Gateway
import Projections

enum AsOfCommand {
  static let command = Command(
    CommandSpec(
      name: "as-of", parameters: ["WHAT", "NAME"],
      options: [
        .value("sequence", "N", "as it stood after this event"),
        .value("time", "TIME", "as it stood then: after the last event at or before RFC 3339, now"),
      ],
      summary: "balance USER, subscription USER, usage KEY or key KEY, as it stood then",
      notes: "The answer is that of `balance`, `subscription list`, `usage` or `key list`. At most "
        + "2.5 million events are read: snapshots of the state are kept on the way.")
  ) { invocation in
    let object = PriceCommands.object(invocation.arguments(["what", "name"]))
    let question = try AsOfQuestion(object)
    let backend = Backend(invocation)
    let progress = SharedProgress("looking back")
    defer { progress.finish() }
    let answer = try backend.ask("as-of", object, progress: progress.show) {
      let reading = try LedgerReading(directory: backend.directory, needsState: false, folds: false)
      let body = try question.answer(
        reading.files, Snapshots(reading.files), now: SystemWallClock().now()
      ) { progress.show($0, of: $1) }
      return AdministrationAnswer(body: body)
    }
    let told = try BackendAnswer(answer.body)
    try Console.write(invocation.wantsJSON ? told.json + [10] : Array(text(told.value).utf8))
  }

  /// Subscriptions are a list: a table, with the moment below.
  private static func text(_ answer: JSONValue) -> String {
    guard let list = answer["subscriptions"] else { return Rendering.lines(answer) }
    let moment = answer["as_of"].map { Rendering.lines($0) } ?? ""
    return Rendering.table(
      list, VerbCommands.subscriptionColumns, empty: "no subscription at that moment")
      + "\nas of\n" + moment
  }
}
