// What a re-pricing looks at: whole service days, and only some users, keys, models or groups.
public import Base
public import Ledger

/// Which cells are re-priced; nil = all.
public struct RepricingFilter: Equatable, Sendable {
  /// Service days, inclusive.
  public var from: DayNumber?
  public var to: DayNumber?
  public var user: UserID?
  public var key: KeyID?
  /// The model whose price was used.
  public var model: ModelID?
  public var group: GroupID?
  public init() {}

  func takes(_ cell: CellKey) -> Bool {
    if let from, cell.day < from { return false }
    if let to, cell.day > to { return false }
    if let user, cell.user != user { return false }
    if let key, cell.key != key { return false }
    if let model, cell.model != model { return false }
    if let group, cell.group != group { return false }
    return true
  }
}
