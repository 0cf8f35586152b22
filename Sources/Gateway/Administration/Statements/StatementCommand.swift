// A user's statement of a month: {"user": U, "month": "YYYY-MM", "format": json | csv | html}. CSV
// and HTML come as {"text": ...}.
public import Base
public import Ledger
public import Projections

/// The question, resolved against the books of one moment.
public struct StatementQuestion: Sendable {
  enum Format: String, CaseIterable {
    case json, csv, html
  }
  private let user: UserEntry
  private let period: StatementPeriod
  private let format: Format
  private let books: Books

  public init(
    _ arguments: JSONObject, _ books: Books, now: Timestamp
  ) throws(AdministrationError) {
    let given = try AdministrationArguments(arguments, known: ["user", "month", "format"])
    user = try books.user(called: try given.required("user"))
    let month = try given.text("month") ?? String("\(books.zone.day(of: now))".prefix(7))
    guard let period = StatementPeriod(month: month, in: books.zone) else {
      throw .usage("month must be YYYY-MM, not \"\(month.clipped(toBytes: 64))\"")
    }
    guard period.moments.lowerBound <= now else {
      throw .usage("\(month) has not begun yet")
    }
    self.period = period
    let word = try given.text("format") ?? "json"
    guard let format = Format(rawValue: word) else {
      throw .usage("format must be json, csv or html, not \"\(word.clipped(toBytes: 64))\"")
    }
    self.format = format
    self.books = books
  }

  /// - Parameter snapshots: of the ledger.
  public func answer(
    _ files: LedgerFiles, _ snapshots: Snapshots, progress: @escaping AdministrationService.Report
  ) throws(AdministrationError) -> [UInt8] {
    let statement: Statement
    do throws(LiveLedgerError) {
      statement = try Statement.make(
        of: user.id, period, zone: books.zone, files, snapshots, through: books.lastSequence
      ) { progress($0, $1) }
    } catch { throw AdministrationError(error) }
    let text = StatementText(
      statement: statement, userName: user.name, zone: books.zone, names: EventNames(books))
    switch format {
    case .json: return text.json
    case .csv: return Self.wrapped(text.csv)
    case .html: return Self.wrapped(text.html)
    }
  }

  private static func wrapped(_ text: [UInt8]) -> [UInt8] {
    JSONWriter.text { $0.object { $0.member("text", String(decoding: text, as: UTF8.self)) } }
  }
}

extension AdministrationService {
  func statement(
    _ arguments: JSONObject, _ report: @escaping Report
  ) throws(AdministrationError) -> [UInt8] {
    // Every line of the month is held: some 2 KB each. One at a time.
    try statementTurn.take("another statement is being made; try again when it is done")
    defer { statementTurn.giveBack() }
    let question = try StatementQuestion(arguments, copyOfBooks(), now: clock.now())
    return try question.answer(live.files, live.snapshots, progress: report)
  }
}
