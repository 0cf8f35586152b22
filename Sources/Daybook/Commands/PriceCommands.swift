// `daybook prices`: the books of prices in the ledger, what they say, and how a charge came about.
import Base
import Foundation
import Gateway
import Projections

enum PriceCommands {
  typealias Column = Rendering.Column

  static let all: [Command] = [list, show, importFile, difference, explain]

  /// Greatest price file that is read, in bytes.
  static let fileLimit = 48 << 20

  private static let list = Command(
    CommandSpec(name: "prices list", summary: "list the price books there are")
  ) { invocation in
    let answer = try ask("prices/list", [], invocation) { questions, _ in questions.list }
    let columns = [
      Column("BOOK", "book"), Column("VERSION", "version"), Column("MODELS", "models"),
      Column("PUBLISHED", "published"), Column("FROM", "effective_from"),
      Column("IN FORCE", "in_force"), Column("SEQUENCE", "sequence"),
    ]
    try Console.write(
      invocation.wantsJSON
        ? answer.json + [10]
        : Array(Rendering.table(answer.value, columns, empty: "no price book yet").utf8))
  }

  private static let show = Command(
    CommandSpec(
      name: "prices show", parameters: ["MODEL"],
      options: [.value("book", "BOOK", "number or version (default: the one in force)")],
      summary: "a model's prices, and the rule that finds them")
  ) { invocation in
    let given = invocation.arguments(["model"])
    let answer = try ask("prices/show", given, invocation) { questions, object in
      try questions.show(object)
    }
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(PriceText.model(answer.value).utf8))
  }

  private static let importFile = Command(
    CommandSpec(
      name: "prices import", parameters: ["FILE"],
      options: [
        .value(
          "effective-from", "TIME", "when it comes into force: RFC 3339, now (default) or never"),
        .value("version", "TEXT", "what to call the book (default: the file's name)"),
        .value("reason", "TEXT", "why, recorded with the event"),
      ],
      summary: "record a price file in LiteLLM's format as a book",
      notes: "A book that is never in force serves `daybook reprice`. The same file again records "
        + "nothing.")
  ) { invocation in
    let path = invocation.parsed.arguments[0]
    let given =
      invocation.arguments() + [("file", fileName(path)), ("text", try fileText(path))]
    let backend = Backend(invocation)
    let object = Self.object(given)
    let answer = try BackendAnswer(
      try backend.ask("prices/import", object) {
        try backend.change {
          $0.answer("prices/import", Backend.text(object), actor: Backend.actor)
        }
      }.body)
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
  }

  private static let difference = Command(
    CommandSpec(
      name: "prices diff", parameters: ["FROM", "TO"], optionalParameters: 1,
      summary: "compare two books, or a book and a file",
      notes: "FROM and TO are a book's number or version, or a price file; TO defaults to the book "
        + "in force.")
  ) { invocation in
    let sides = invocation.parsed.arguments
    var given: [(name: String, value: String)] = []
    for (name, side) in zip(["from", "to"], sides) {
      // A name that is no file is a book's.
      if side.contains("/") || FileManager.default.fileExists(atPath: side) {
        given.append((name, fileName(side)))
        given.append(("\(name)_text", try fileText(side)))
      } else {
        given.append((name, side))
      }
    }
    let answer = try ask("prices/diff", given, invocation) { questions, object in
      try questions.difference(object)
    }
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(PriceText.difference(answer.value).utf8))
  }

  private static let explain = Command(
    CommandSpec(
      name: "prices explain", parameters: ["SEQUENCE"],
      summary: "how the charge of a forward_settled event came about, line by line")
  ) { invocation in
    let given = invocation.arguments(["sequence"])
    let backend = Backend(invocation)
    let object = Self.object(given)
    let answer = try BackendAnswer(
      try backend.ask("prices/explain", object) {
        try backend.read { reading in
          try reading.withBooks { books in
            let questions = PriceQuestions(books, now: SystemWallClock().now())
            return AdministrationAnswer(body: try questions.explain(object, reading.files))
          }
        }
      }.body)
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(PriceText.explanation(answer.value).utf8))
  }

  // MARK: -

  private static func ask(
    _ path: String, _ given: [(name: String, value: String)], _ invocation: Invocation,
    offline: (PriceQuestions, JSONObject) throws -> [UInt8]
  ) throws -> BackendAnswer {
    let backend = Backend(invocation)
    let object = Self.object(given)
    return try BackendAnswer(
      try backend.ask(path, object) {
        try backend.read { reading in
          try reading.withBooks { books in
            let questions = PriceQuestions(books, now: SystemWallClock().now())
            return AdministrationAnswer(body: try offline(questions, object))
          }
        }
      }.body)
  }

  static func object(_ given: [(name: String, value: String)]) -> JSONObject {
    JSONObject(given.map { JSONObject.Member(name: $0.name, value: .string($0.value)) })
  }

  /// A price file's text and name, or a book's name where there is no such file.
  static func bookArguments(_ book: String) throws -> [(name: String, value: String)] {
    let isFile = (try? RealFileSystem().status(of: book)) != nil || book.contains("/")
    if !isFile { return [("book", book)] }
    return [("file", fileName(book)), ("text", try fileText(book))]
  }

  private static func fileName(_ path: String) -> String {
    URL(fileURLWithPath: path).lastPathComponent
  }

  /// A price file's text.
  private static func fileText(_ path: String) throws -> String {
    let files = RealFileSystem()
    let bytes: [UInt8]
    do {
      guard let status = try files.status(of: path) else {
        throw CommandFailure("\(path) does not exist")
      }
      guard status.size <= fileLimit else {
        throw CommandFailure(
          "\(path) has \(status.size) bytes; a price file has at most \(fileLimit >> 20) MB")
      }
      bytes = try files.readFile(path)
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure("\(path) cannot be read: \(error)")
    }
    guard !bytes.isEmpty else { throw CommandFailure("\(path) is empty") }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CommandFailure("\(path) is not UTF-8 text")
    }
    return text
  }
}
