// Commands that ask more than the books: usage, status, reload, cat, credit list.
import Base
import Gateway
import Projections

enum QuestionCommands {
  static let all: [Command] = [usage, status, reload, cat, creditList]

  private static let usage = Command(
    CommandSpec(
      name: "usage", parameters: ["KEY"],
      summary: "what GET /v1/usage says of a key (id, name, or the key itself)")
  ) { invocation in
    let object = JSONObject(
      invocation.arguments(["key"]).map {
        JSONObject.Member(name: $0.name, value: .string($0.value))
      })
    let backend = Backend(invocation)
    let answer = try BackendAnswer(
      try backend.ask("usage", object) {
        try backend.read { reading in
          try reading.withBooks { books in
            let report = try UsageReport(
              ofKey: invocation.parsed.arguments[0], books, at: SystemWallClock().now())
            return AdministrationAnswer(body: report.json)
          }
        }
      }.body)
    try print(answer, invocation)
  }

  private static let status = Command(
    CommandSpec(name: "status", summary: "health of the ledger and its projections")
  ) { invocation in
    let backend = Backend(invocation)
    let answer = try BackendAnswer(
      try backend.ask("status", JSONObject()) {
        try backend.read { AdministrationAnswer(body: StatusReport(reading: $0).json) }
      }.body)
    try print(answer, invocation)
  }

  private static let reload = Command(
    CommandSpec(name: "reload", summary: "make the running server read its configuration again")
  ) { invocation in
    let backend = Backend(invocation)
    let answer = try backend.ask("reload", JSONObject()) {
      throw CommandFailure(
        "no server runs on \(backend.directory); the next `daybook serve --config FILE` reads it")
    }
    try print(BackendAnswer(answer.body), invocation)
  }

  private static let cat = Command(
    CommandSpec(
      name: "cat",
      options: [
        .value("from", "N", "first sequence number"), .value("to", "N", "last sequence number"),
        .value("type", "T", "only events of this type, e.g. forward_settled"),
        .value("user", "USER", "only events of this user"),
        .value("key", "KEY", "only events of this key"),
      ],
      summary: "print events, one JSON object a line")
  ) { invocation in
    try EventPages(invocation).eachPage { try Console.write($0) }
  }

  private static let creditList = Command(
    CommandSpec(
      name: "credit list",
      options: [.value("user", "USER", "only credits of this user")],
      summary: "list credits and debits")
  ) { invocation in
    var lines: [UInt8] = []
    try EventPages(invocation, [("type", "credit_added")]).eachPage { lines += $0 }
    let values = try lines.split(separator: 10).map { line in
      try BackendAnswer(Array(line)).value
    }
    let list = JSONValue.array(values)
    let columns = [
      Rendering.Column("SEQUENCE", "sequence"), .init("TIME", "time"), .init("USER", "user"),
      .init("AMOUNT", "amount_usd"), .init("EXTERNAL ID", "external_id"),
      .init("REASON", "reason"), .init("BY", "actor"),
    ]
    try Console.write(
      invocation.wantsJSON
        ? list.text + "\n" : Rendering.table(list, columns, empty: "no credits yet"))
  }

  private static func print(_ answer: BackendAnswer, _ invocation: Invocation) throws {
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
  }
}

/// The pages of an EventQuery, from the server or from the ledger.
struct EventPages {
  private let backend: Backend
  private let arguments: [(name: String, value: String)]

  init(_ invocation: Invocation, arguments: [(name: String, value: String)]) {
    backend = Backend(invocation)
    self.arguments = arguments
  }

  init(_ invocation: Invocation, _ more: [(name: String, value: String)] = []) {
    backend = Backend(invocation)
    arguments = invocation.arguments() + more
  }

  func eachPage(_ body: ([UInt8]) throws -> Void) throws {
    var next: UInt64?
    var reading: LedgerReading?
    repeat {
      var asked = arguments
      if let next {
        asked.removeAll { $0.name == "from" }
        asked.append(("from", "\(next)"))
      }
      let object = JSONObject(
        asked.map { JSONObject.Member(name: $0.name, value: .string($0.value)) })
      let page = try backend.ask("events", object) {
        let open = try reading ?? LedgerReading(directory: backend.directory, needsState: false)
        reading = open
        return try Self.page(object, of: open)
      }
      try body(page.body)
      next = page.nextSequence
    } while next != nil
    if let problem = reading?.problem { throw problem }
  }

  private static func page(
    _ object: JSONObject, of reading: LedgerReading
  ) throws -> AdministrationAnswer {
    let query = try EventQuery(object, reading.books)
    let page = try query.page(reading.files, EventNames(reading.books))
    var answer = AdministrationAnswer(body: page.lines)
    answer.nextSequence = page.next
    return answer
  }
}
