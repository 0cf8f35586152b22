// The arguments of a re-pricing, made into what is asked of the log.
//
//   {"text": a price file, "file": its name}  or  {"book": a book of the ledger}
//   "from", "to": service days, inclusive; "user", "key", "model", "group": only these; "all": rows
//   without a difference, too
public import Base
public import Ledger
public import Projections

/// What a re-pricing is to look at, resolved against the books of one moment.
public struct RepricingQuestion: Sendable {
  static let arguments = [
    "text", "file", "book", "from", "to", "user", "key", "model", "group", "all",
  ]
  let filter: RepricingFilter
  /// The price file; nil when a book of the ledger is meant.
  let file: PriceImport?
  /// The book of the ledger that holds the prices; nil when it is not imported yet.
  let known: PriceBookID?
  private let book: PriceBook
  private let books: Books
  private let version: String
  private let showsAll: Bool

  /// - Throws: `.usage` for mistakes in the arguments or the file, `.unknown` for names.
  public init(
    _ arguments: JSONObject, _ books: Books, now: Timestamp, more: [String] = []
  ) throws(AdministrationError) {
    let given = try AdministrationArguments(arguments, known: Self.arguments + more)
    self.books = books
    filter = try Self.filter(given, books)
    showsAll = try given.text("all") == "true"
    if let text = try given.text("text") {
      let name = try given.text("file") ?? "prices.json"
      let read: PriceImport
      do throws(ConfigurationError) {
        read = try PriceImport(file: name, bytes: [UInt8](text.utf8))
      } catch { throw .usage("\(error)") }
      file = read
      book = read.book
      version = read.version
      known = books.prices.all.last { $0.isPublished && $0.hash == read.hash }?.id
    } else {
      guard let called = try given.text("book") else {
        throw .usage("book is missing: a price file in LiteLLM's format, or a book's name")
      }
      let questions = PriceQuestions(books, now: now)
      let found = try questions.entry(called: called)
      file = nil
      book = try questions.book(found.id)
      version = found.version
      known = found.id
    }
  }

  private static func filter(
    _ given: AdministrationArguments, _ books: Books
  ) throws(AdministrationError) -> RepricingFilter {
    var filter = RepricingFilter()
    filter.from = try given.day("from")
    filter.to = try given.day("to")
    if let from = filter.from, let to = filter.to, to < from {
      throw .usage("from (\(from)) is after to (\(to))")
    }
    if let name = try given.text("user") { filter.user = try books.user(called: name).id }
    if let name = try given.text("key") { filter.key = try books.key(called: name).id }
    if let name = try given.text("group") { filter.group = try books.group(called: name).id }
    if let name = try given.text("model") {
      guard let model = books.modelID(name) else {
        let shown = name.clipped(toBytes: 128)
        throw .unknown(
          "no charge was made with a price of \"\(shown)\"; name the model as `daybook prices "
            + "explain` shows it under \"priced as\"")
      }
      filter.model = model
    }
    return filter
  }

  /// Adds the log up to and with the last event of the books, which must be durable.
  func plan(
    _ files: LedgerFiles, progress: @escaping AdministrationService.Report
  ) throws(AdministrationError) -> RepricingAnswer {
    let plan: Repricing
    do throws(LiveLedgerError) {
      plan = try Repricing(
        files, books, through: books.lastSequence, with: book, filter,
        progress: { progress($0, $1) })
    } catch { throw AdministrationError(error) }
    return RepricingAnswer(
      plan: plan, names: EventNames(books), version: version, problems: file?.problems ?? [],
      first: filter.from, last: filter.to, showsAll: showsAll)
  }

  /// A dry run: what would change.
  public func dryRun(
    _ files: LedgerFiles, progress: @escaping AdministrationService.Report
  ) throws(AdministrationError) -> [UInt8] {
    try plan(files, progress: progress).json(applied: false, job: nil, book: known)
  }
}

extension AdministrationArguments {
  /// A day, YYYY-MM-DD.
  func day(_ name: String) throws(AdministrationError) -> DayNumber? {
    guard let text = try text(name) else { return nil }
    guard let day = DayNumber(text: text) else {
      throw .usage("\(name) must be a day, YYYY-MM-DD, not \"\(text.clipped(toBytes: 64))\"")
    }
    return day
  }
}
