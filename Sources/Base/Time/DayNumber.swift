// Days of a local calendar by number: what windows, daily cells and service days are counted in.

/// A day of a local calendar, as the count of days since 1970-01-01 in some stated zone.
public struct DayNumber: Hashable, Comparable, Sendable {
  public let value: Int32

  public init(_ value: Int32) { self.value = value }

  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }

  /// The day `days` later (earlier if negative). The result must fit 32 bits.
  public func advanced(by days: Int32) -> DayNumber { DayNumber(value + days) }

  /// The civil date of this day.
  public var date: CivilDate { CivilDate(day: self) }

  /// The day of a text YYYY-MM-DD; nil if it is not one or no such day exists.
  public init?(text: String) {
    let digits = Array(text.utf8)
    guard digits.count == 10, digits[4] == 0x2D, digits[7] == 0x2D,
      let year = decimalDigits(digits.span, 0..<4), let month = decimalDigits(digits.span, 5..<7),
      let day = decimalDigits(digits.span, 8..<10),
      let date = CivilDate(year: year, month: month, day: day)
    else { return nil }
    self = date.dayNumber
  }
}

extension DayNumber: CustomStringConvertible {
  /// YYYY-MM-DD.
  public var description: String { date.description }
}
