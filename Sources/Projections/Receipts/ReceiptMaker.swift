// Which records explain an event, and the receipt of them: the admission of a settlement, what
// defines the names that are shown, the prices the charge was made with.
public import Ledger

/// Who gets a receipt.
public enum ReceiptAudience: Sendable {
  /// Every name is proven.
  case administrator
  /// The key's own holder: models and prices are proven; users, groups and upstream accounts stay
  /// numbers, since their declarations say more than a caller may know.
  case caller
}

/// What receipts are made from, as of one moment: a copy of what the books know of definitions.
public struct ReceiptMaker: Sendable {
  private let catalog: Catalog
  private let accounts: Accounts
  private let prices: PriceShelf

  /// Copies what it needs: cheap, for under the lock.
  public init(_ books: borrowing Books) {
    catalog = books.catalog
    accounts = books.accounts
    prices = books.prices
  }

  /// Events that a receipt of an event holds besides it, ascending.
  public func explanation(
    of sequence: SequenceNumber, for audience: ReceiptAudience, in files: LedgerFiles
  ) throws(LedgerError) -> [SequenceNumber] {
    guard let event = try LedgerReader.event(at: sequence, in: files) else { return [] }
    var found: Set<SequenceNumber> = []
    note(event, for: audience, &found)
    if let settlement = Self.settlement(of: event) {
      let admission = settlement.party.admission
      if admission != .none {
        found.insert(admission)
        if let check = try LedgerReader.event(at: admission, in: files) {
          note(check, for: audience, &found)
        }
      }
      notePrices(of: settlement, &found)
    }
    found.remove(.none)
    found.remove(sequence)
    return found.sorted()
  }

  static func settlement(of event: Event) -> Settlement? {
    switch event.payload {
    case let settled as ForwardSettled: settled.settlement
    case let settled as LateSettled: settled.settlement
    default: nil
    }
  }

  private func note(
    _ event: Event, for audience: ReceiptAudience, _ found: inout Set<SequenceNumber>
  ) {
    for field in event.fields {
      switch field.meaning {
      case .model(let id): found.insert(catalog.definition(of: id) ?? .none)
      case .priceBook(let id): found.insert(prices.entry(id)?.sequence ?? .none)
      case .user(let id) where audience == .administrator:
        found.insert(catalog.user(id)?.sequence ?? .none)
      case .key(let id) where audience == .administrator:
        found.insert(catalog.key(id)?.sequence ?? .none)
      case .group(let id) where audience == .administrator:
        found.insert(catalog.group(id)?.sequence ?? .none)
      case .account(let id) where audience == .administrator:
        found.insert(accounts.declaration(of: id) ?? .none)
      case .userAgent(let id): found.insert(catalog.definition(of: id) ?? .none)
      default: break
      }
    }
  }

  private func notePrices(of settlement: Settlement, _ found: inout Set<SequenceNumber>) {
    var models = Set((SettledLines.parse(settlement.lines) ?? []).map(\.model))
    if let name = catalog.modelText(settlement.pricedModel) { models.insert(name) }
    for row in prices.prices(of: settlement.priceBook) where models.contains(row.model) {
      found.insert(row.sequence)
    }
  }

  /// The receipt of an event.
  /// - Parameters:
  ///   - others: what `explanation` gave.
  ///   - tree: at least as large as `head`.
  /// - Throws: `.tree` when the head does not cover all of them.
  public static func make(
    of sequence: SequenceNumber, with others: [SequenceNumber], head: SignedHead,
    tree: LogTree, in files: LedgerFiles
  ) throws(LedgerError) -> Receipt {
    let size = head.head.size
    let last = max(sequence, others.last ?? .none)
    guard last.value <= size else {
      throw .tree(
        "event \(last) is not covered by a signed head yet: the newest one covers \(size) events")
    }
    var reader = tree.reader
    var records: [ProvenRecord] = []
    for place in [sequence] + others.prefix(Receipt.greatestRecords - 1) {
      records.append(
        ProvenRecord(
          bytes: try LedgerReader.record(at: place, in: files), sequence: place,
          path: try reader.inclusion(of: place.value - 1, in: size)))
    }
    return Receipt(
      main: records[0], others: Array(records.dropFirst()), checkpoint: head.note)
  }
}
