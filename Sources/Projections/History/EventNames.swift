// The names that events mention by number, as of some moment: enough for events anywhere in the
// log, since numbers are never reused.
import Base
public import Ledger

/// What the numbers in events stand for; nil for none and for what is not known.
public protocol EventNaming {
  func user(_ id: UserID) -> String?
  /// A key's name, or its public id when it has none.
  func key(_ id: KeyID) -> String?
  func group(_ id: GroupID) -> String?
  func account(_ id: AccountID) -> String?
  func model(_ id: ModelID) -> String?
  func userAgent(_ id: UserAgentID) -> String?
  /// A price book's version.
  func priceBook(_ id: PriceBookID) -> String?
}

extension EventNaming {
  /// A subscription's public id.
  public func subscription(_ id: SubscriptionID) -> String? {
    id.isNone ? nil : EventNames.publicID("sub", id.value)
  }
}

/// Names by number. A snapshot: it does not change with the books it came from.
public struct EventNames: EventNaming, Sendable {
  private let catalog: Catalog
  private let accounts: Table<AccountDeclaration>
  private let priceBooks: Table<PriceBookEntry>

  public init(_ books: Books) {
    catalog = books.catalog
    accounts = books.accounts.declarations
    priceBooks = books.prices.entries
  }

  /// A user's, group's, account's or model's name, a price book's version; nil for none and for
  /// what is not known.
  public func user(_ id: UserID) -> String? { catalog.user(id)?.name }
  public func group(_ id: GroupID) -> String? { catalog.group(id)?.name }
  public func model(_ id: ModelID) -> String? { catalog.modelText(id) }
  public func userAgent(_ id: UserAgentID) -> String? { catalog.userAgentText(id) }
  public func account(_ id: AccountID) -> String? {
    accounts.holds(Int(id.value)) ? accounts[Int(id.value)].event.name : nil
  }
  public func priceBook(_ id: PriceBookID) -> String? {
    guard priceBooks.holds(Int(id.value)) else { return nil }
    let version = priceBooks[Int(id.value)].version
    return version.isEmpty ? nil : version
  }
  /// A key's name, or its public id when it has none.
  public func key(_ id: KeyID) -> String? {
    if id.isNone { return nil }
    let name = catalog.key(id)?.name ?? ""
    return name.isEmpty ? Self.publicID("key", id.value) : name
  }

  /// Opaque text: base32 of partition (0) and number.
  static func publicID(_ kind: String, _ number: UInt32) -> String {
    kind + "_" + CrockfordBase32.encode(UInt128(number), digits: 10, letterCase: .lower)
  }
}
