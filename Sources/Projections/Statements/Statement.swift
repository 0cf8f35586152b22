// A user's month, by booking time: what the balance was, each event that changed it, what it is.
// Charges to subscriptions do not touch the balance: they are summed beside it.
//
//   opening + credits - charges - corrections = closing
public import Base
public import Ledger

/// One line: an event that changed the balance.
public struct StatementLine: Sendable {
  public enum Kind: String, Sendable {
    case credit, charge, correction
  }
  public let kind: Kind
  /// The event. Of a correction the one that states it, or the closing one of its job where that
  /// was stated before the month.
  public let sequence: SequenceNumber
  /// When it was booked.
  public let time: Timestamp
  /// What it added to the balance: negative for charges.
  public let amount: NanoUSD
  public let key: KeyID
  public let group: GroupID
  /// The model whose price was used.
  public let model: ModelID
  public let serviceDay: DayNumber
  /// Of charges.
  public let usage: TokenUsage
  public let requestID: ULID
  /// Why: the reason of a credit, the job of a correction.
  public let text: String
}

/// A sum of charges of one day or model.
public struct StatementSum: Equatable, Sendable {
  public internal(set) var requests: Int64 = 0
  public internal(set) var tokens: Int64 = 0
  /// Charged less what corrections gave back.
  public internal(set) var charged = NanoUSD.zero
}

/// A user's month.
public struct Statement: Sendable {
  public let user: UserID
  public let period: StatementPeriod
  public internal(set) var opening = NanoUSD.zero
  public internal(set) var credits = NanoUSD.zero
  public internal(set) var charges = NanoUSD.zero
  /// What corrections added to the charges: negative = given back.
  public internal(set) var corrections = NanoUSD.zero
  /// The last event that was looked at.
  public internal(set) var last = SequenceNumber.none
  public internal(set) var lines: [StatementLine] = []
  /// Charges to the balance by booking day and by model.
  public internal(set) var days: [DayNumber: StatementSum] = [:]
  public internal(set) var models: [ModelID: StatementSum] = [:]
  /// Charges to subscriptions by group, with corrections.
  public internal(set) var subscriptions: [GroupID: StatementSum] = [:]

  public var closing: NanoUSD {
    NanoUSD(opening.value &+ credits.value &- charges.value &- corrections.value)
  }

  init(_ user: UserID, _ period: StatementPeriod) {
    self.user = user
    self.period = period
  }
}

/// A month of a zone.
public struct StatementPeriod: Equatable, Sendable {
  public let first: DayNumber
  /// The first day after it.
  public let end: DayNumber
  /// Moments, the end excluded.
  public let moments: Range<Timestamp>

  /// - Parameter month: YYYY-MM.
  public init?(month: String, in zone: LocalZone) {
    guard month.utf8.count == 7, let first = DayNumber(text: month + "-01") else { return nil }
    let date = first.date
    let days = CivilDate.daysInMonth(year: date.year, month: date.month)
    self.first = first
    end = first.advanced(by: Int32(days))
    moments = zone.start(of: first)..<zone.start(of: end)
  }

  /// "2026-11".
  public var month: String { String(first.description.prefix(7)) }
}
