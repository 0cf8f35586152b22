// Commands about prices: questions, answered from copies (PriceAnswers.swift), and the import of a
// price file as a book of its own.
import Base
import Ledger
import Projections

extension AdministrationService {
  func prices(
    _ path: String, _ arguments: JSONObject
  ) throws(AdministrationError) -> [UInt8] {
    let now = clock.now()
    let (questions, last) = live.withBooks { books in
      (PriceQuestions(books, now: now), books.lastSequence)
    }
    try wait(for: last)
    switch path {
    case "prices/show": return try questions.show(arguments)
    case "prices/diff": return try questions.difference(arguments)
    case "prices/explain": return try questions.explain(arguments, live.files)
    default:
      _ = try AdministrationArguments(arguments, known: [])
      return questions.list
    }
  }

  /// Imports a price file: {"file": its name, "text": its content, "version": what people call the
  /// book, "effective_from": time, "now" or "never", "reason"}. A file that is in force already, or
  /// will be, is not recorded again.
  func importPrices(
    _ arguments: JSONObject, actor: String, _ keyed: KeyedCommand?
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(
      arguments, known: ["file", "text", "version", "effective_from", "reason"])
    let now = clock.now()
    let text = try given.required("text")
    let file = try given.text("file") ?? "prices.json"
    let read: PriceImport
    do throws(ConfigurationError) {
      read = try PriceImport(file: file, bytes: [UInt8](text.utf8))
    } catch { throw .usage("\(error)") }
    var publication = PriceImport.Publication(
      authorship: Authorship(actor: actor, reason: try given.reason()))
    publication.version = try given.text("version")
    try given.checkLine("version", publication.version ?? read.version, longest: 128)
    publication.effectiveFrom = try Self.effectiveFrom(given, now: now)
    try live.withBooks { books throws(AdministrationError) in try keyed?.check(books, at: now) }
    let wanted = publication.effectiveFrom
    let known = live.withBooks { books in Self.recorded(read, from: wanted, in: books) }
    let book: PriceBookID
    if let known {
      book = known.id
    } else {
      book = try read.publish(in: live, clock: clock, publication)
    }
    let entry = live.withBooks { books in books.prices.entry(book) }
    let answer = JSONWriter.text {
      $0.object {
        $0.member("book", book.value)
        $0.member("version", entry?.version ?? "")
        $0.member("models", read.book.models.count)
        let from = entry?.effectiveFrom.microseconds == .max ? nil : entry?.effectiveFrom.text()
        $0.member("effective_from", optional: from)
        $0.member("sha256", Hex.encode(read.hash))
        $0.member("repeated", known != nil)
        $0.member("problems", texts: read.problems)
        $0.member("without_token_prices", read.unpriced.count)
      }
    }
    guard let keyed else { return answer }
    let context = AdministrationContext(actor: keyed.actor, now: clock.now())
    let last = try live.withBooks { books throws(AdministrationError) in
      _ = try keyed.record(answer, kept: nil, &books, context)
      return books.lastSequence
    }
    try wait(for: last)
    return answer
  }

  /// nil = now; `Int64.max` microseconds = never.
  private static func effectiveFrom(
    _ given: AdministrationArguments, now: Timestamp
  ) throws(AdministrationError) -> Timestamp? {
    let text = try given.text("effective_from")
    switch text {
    case nil, "now": return nil
    case "never": return Timestamp(microseconds: .max)
    case "none": throw .usage("effective_from is a time, now or never")
    default: break
    }
    guard case .some(.some(let time)) = try given.time("effective_from", now: now) else {
      return nil
    }
    guard time >= now else {
      throw .usage(
        "effective_from must not lie in the past (\(time.text())): what was charged stays charged; "
          + "`daybook reprice` corrects it")
    }
    return time
  }

  /// The published book of the same file that is in force now (when asked so), at that time, or
  /// never.
  private static func recorded(
    _ read: PriceImport, from wanted: Timestamp?, in books: borrowing Books
  ) -> PriceBookEntry? {
    guard let wanted else {
      let inForce = books.prices.all.last {
        $0.isPublished && $0.effectiveFrom.microseconds != .max
      }
      return inForce?.hash == read.hash ? inForce : nil
    }
    return books.prices.all.last {
      $0.isPublished && $0.hash == read.hash && $0.effectiveFrom == wanted
    }
  }
}
