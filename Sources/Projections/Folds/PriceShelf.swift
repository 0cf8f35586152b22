// Price books: collected from price_set events, inert until price_book_published. The book in force
// at a request's admission prices it.
public import Base
public import Ledger

/// A book's description.
public struct PriceBookEntry: StoredRow {
  public internal(set) var id = PriceBookID.none
  public internal(set) var version = ""
  /// Models in it, so far.
  public internal(set) var count: Int64 = 0
  public internal(set) var isPublished = false
  /// In force from this service time on; Int64.max = never.
  public internal(set) var effectiveFrom = Timestamp(microseconds: 0)
  /// The event that published it.
  public internal(set) var sequence = SequenceNumber.none
  /// SHA-256 of the price file.
  public internal(set) var hash: [UInt8] = []
  /// Who published it: a person, or the configuration.
  public internal(set) var actor = ""
  public init() {}
  public static var table: String { "price_books" }
  public static var keyColumn: String { "price_book" }
  public var isVacant: Bool { id.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &id)
    try coder.column("version", &version)
    try coder.column("models", &count)
    try coder.field("published", &isPublished)
    try coder.field("effective_from_us", &effectiveFrom)
    try coder.field("sequence", &sequence)
    try coder.column("sha256", &hash)
    try coder.column("actor", &actor)
  }
}

/// One model's prices in a book, as the event states them.
public struct PriceRow: StoredRow {
  public internal(set) var book = PriceBookID.none
  public internal(set) var model = ""
  /// JSON: normalised field -> pico-USD.
  public internal(set) var prices = ""
  public internal(set) var aliases = ""
  public internal(set) var unknown = ""
  /// The event itself.
  public internal(set) var sequence = SequenceNumber.none
  public init() {}
  public static var table: String { "prices" }
  public static var keyColumn: String { "number" }
  public var isVacant: Bool { book.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("price_book", &book)
    try coder.column("model", &model)
    try coder.column("prices", &prices)
    try coder.column("aliases", &aliases)
    try coder.column("unknown", &unknown)
    try coder.field("sequence", &sequence)
  }
}

public struct PriceShelf: Sendable {
  var entries = Table<PriceBookEntry>()
  var rows = Table<PriceRow>()
  /// Numbers of a book's rows: they are neighbours in no particular table order.
  private var rowsOfBook: [[Int32]] = [[]]
  private var schedule: [(from: Timestamp, sequence: SequenceNumber, book: PriceBookID)] = []
  init() {}

  public func entry(_ id: PriceBookID) -> PriceBookEntry? {
    entries.holds(Int(id.value)) ? entries[Int(id.value)] : nil
  }
  public var all: [PriceBookEntry] { entries.occupied.map(\.row) }
  public var nextBook: PriceBookID { PriceBookID(UInt32(entries.count)) }

  /// The book that prices requests admitted at a time: the one that came into force last, of two
  /// at the same time the later published.
  public func bookInForce(at time: Timestamp) -> PriceBookID? {
    schedule.last { $0.from <= time }?.book
  }

  /// Published books by the time they come into force, then by publication.
  private mutating func enter(_ entry: PriceBookEntry) {
    guard entry.isPublished, entry.effectiveFrom.microseconds != .max else { return }
    schedule.append((entry.effectiveFrom, entry.sequence, entry.id))
    schedule.sort { ($0.from, $0.sequence) < ($1.from, $1.sequence) }
  }

  /// A book's rows in its order.
  public func prices(of id: PriceBookID) -> [PriceRow] {
    guard entries.holds(Int(id.value)) else { return [] }
    return rowsOfBook[Int(id.value)].map { rows[Int($0)] }
  }

  private mutating func add(_ event: PriceSet, _ sequence: SequenceNumber) throws(FoldFault) {
    if event.book == nextBook, event.index == 0 {
      var entry = PriceBookEntry()
      entry.id = event.book
      entries.append(entry)
      rowsOfBook.append([])
    }
    guard let entry = entry(event.book), !entry.isPublished, entry.count == event.index else {
      throw FoldFault(sequence, .unknown("price \(event.index) of book \(event.book.value)"))
    }
    var row = PriceRow()
    row.book = event.book
    row.model = event.model
    row.prices = event.prices
    row.aliases = event.aliases
    row.unknown = event.unknown
    row.sequence = sequence
    let number = rows.append(row)
    rowsOfBook[Int(event.book.value)].append(Int32(truncatingIfNeeded: number))
    entries.update(Int(event.book.value)) { $0.count += 1 }
  }

  private mutating func publish(
    _ event: PriceBookPublished, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard let entry = entry(event.book), !entry.isPublished,
      entry.count == Int64(event.count)
    else { throw FoldFault(sequence, .unknown("price book \(event.book.value)")) }
    entries.update(Int(event.book.value)) {
      $0.version = event.version
      $0.isPublished = true
      $0.effectiveFrom = event.effectiveFrom
      $0.sequence = sequence
      $0.hash = event.hash
      $0.actor = event.authorship.actor
    }
    enter(entries[Int(event.book.value)])
  }

  mutating func reindex() throws(StoreError) {
    rowsOfBook = [[Int32]](repeating: [], count: entries.count)
    schedule = []
    for entry in all { enter(entry) }
    for (number, row) in rows.occupied {
      guard Int(row.book.value) < rowsOfBook.count else { throw .damaged("a price of no book") }
      rowsOfBook[Int(row.book.value)].append(Int32(truncatingIfNeeded: number))
    }
  }
}

extension PriceShelf: Projection {
  public static let version = 3

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    switch RecordType(rawValue: record.type) {
    case .priceSet: try add(PriceSet(record), sequence)
    case .priceBookPublished: try publish(PriceBookPublished(record), sequence)
    default: break
    }
  }
}
