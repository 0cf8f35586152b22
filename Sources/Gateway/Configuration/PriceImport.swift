// Prices into the ledger: the file of the configuration, or the built-in book, as price_set events
// closed by price_book_published. Nothing is recorded while the last imported file is the same
// (SHA-256). A book without its closing event is inert: an import that was interrupted leaves
// nothing in force, and is begun anew under the next number.
public import Base
public import Ledger
public import Projections

/// A price file, read and checked, ready to be recorded.
public struct PriceImport: Sendable {
  /// What people call the book: the file's name, or "built-in".
  public let version: String
  /// Models that were left out because of mistakes, one line each.
  public let problems: [String]
  /// Names in the file without prices per token, left out.
  public let unpriced: [String]
  /// The models that were read.
  public let book: PriceBook
  let hash: [UInt8]
  private let events: [PriceSet]

  /// The book that is compiled in.
  public static func builtIn() -> PriceImport {
    PriceImport(PriceBook.builtIn.models, [], [], PriceBook.builtInBytes, version: "built-in")
  }

  /// A file in LiteLLM's format.
  /// - Parameter file: its path, for errors.
  /// - Throws: when it is not JSON, or holds no usable price at all.
  public init(file: String, bytes: [UInt8]) throws(ConfigurationError) {
    let read: PriceFile
    do {
      read = try PriceFile(bytes)
    } catch {
      throw ConfigurationError(
        file: file, line: error.line, reason: "column \(error.column): \(error.reason)")
    }
    guard !read.models.isEmpty else {
      let why = read.problems.first.map { "; \($0)" } ?? ""
      throw ConfigurationError(file: file, reason: "holds no model with prices per token\(why)")
    }
    let name = file.split(separator: "/").last.map(String.init) ?? file
    self.init(
      read.models, read.problems.map { "\(file): \($0); the model is left out" }, read.unpriced,
      bytes,
      version: name)
  }

  private init(
    _ models: [PriceModel], _ problems: [String], _ unpriced: [String], _ bytes: [UInt8],
    version: String
  ) {
    self.version = version
    self.problems = problems
    self.unpriced = unpriced
    book = PriceBook(models: models)
    hash = sha256(bytes)
    events = models.map { model in
      var event = PriceSet()
      event.model = model.name
      event.prices = model.pricesText
      event.aliases = model.aliasesText
      event.unknown = model.unknown
      return event
    }
  }

  /// Whether this is what the configuration imported last. A book that a person imported since
  /// then stays in force: it is newer than what the configuration said.
  func isRecorded(in books: borrowing Books) -> Bool {
    let declared = books.prices.all.last { $0.isPublished && $0.actor == Configuration.actor }
    return declared?.hash == hash
  }

  /// When a book comes into force, and who wants it.
  public struct Publication: Sendable {
    /// Service time from which it prices requests; nil = now, `Int64.max` microseconds = never: a
    /// book for re-pricing.
    public var effectiveFrom: Timestamp?
    public var version: String?
    public var authorship: Authorship
    public init(authorship: Authorship) { self.authorship = authorship }
  }

  /// Records the book, in force from now on, unless it is recorded already. Waits for the writer
  /// between parts: not to be called on a reactor.
  /// - Returns: whether something was recorded.
  public func record(
    in live: LiveLedger, clock: some WallClock
  ) throws(AdministrationError) -> Bool {
    if live.withBooks({ books in isRecorded(in: books) }) { return false }
    let authorship = Authorship(actor: Configuration.actor, reason: "imported from \(version)")
    _ = try publish(in: live, clock: clock, Publication(authorship: authorship))
    return true
  }

  /// Records the book. Waits for the writer between parts: not to be called on a reactor.
  /// - Parameter report: told how many models are recorded.
  /// - Returns: its number.
  /// - Throws: when the time it is to come into force has passed, or nothing can be recorded. What
  ///   was recorded by then is no book and has no effect.
  public func publish(
    in live: LiveLedger, clock: some WallClock, _ publication: Publication,
    report: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(AdministrationError) -> PriceBookID {
    var book: PriceBookID?
    for start in stride(from: 0, to: events.count, by: Self.part) {
      let end = min(start + Self.part, events.count)
      let (number, last) = try live.withBooks { books throws(AdministrationError) in
        // The number is taken by the first event, under one lock: of two imports at a time each
        // has its own.
        let number = book ?? books.prices.nextBook
        for index in start..<end {
          var event = events[index]
          event.book = number
          event.index = UInt32(index)
          try Self.append(event, to: &books, clock.now())
          do throws(BooksError) {
            _ = try books.internModel(event.model, now: clock.now())
          } catch {
            throw AdministrationError(error)
          }
        }
        return (number, books.lastSequence)
      }
      book = number
      try Self.wait(for: last, live)
      report(end, events.count)
    }
    guard let book else { preconditionFailure("an import holds a model at least") }
    let last = try live.withBooks { books throws(AdministrationError) in
      let now = max(clock.now(), books.lastTime)
      if let from = publication.effectiveFrom, from < now {
        throw .conflict("the book was to come into force at \(from.text()), which has passed")
      }
      var closing = PriceBookPublished()
      closing.book = book
      closing.count = UInt32(events.count)
      closing.hash = hash
      closing.version = publication.version ?? version
      if let from = publication.effectiveFrom { closing.effectiveFrom = from }
      closing.authorship = publication.authorship
      try Self.append(closing, to: &books, clock.now())
      return books.lastSequence
    }
    try Self.wait(for: last, live)
    return book
  }

  /// Events appended at once: some hundred KB, so that traffic finds room beside them.
  private static let part = 100

  private static func append(
    _ payload: some RecordPayload, to books: inout Books, _ now: Timestamp
  ) throws(AdministrationError) {
    do throws(BooksError) {
      try books.append(payload, now: now)
    } catch {
      throw AdministrationError(error)
    }
  }
  private static func wait(
    for sequence: SequenceNumber, _ live: LiveLedger
  ) throws(AdministrationError) {
    do throws(LedgerError) {
      try live.waitUntilDurable(sequence)
    } catch {
      throw AdministrationError(error)
    }
  }
}
