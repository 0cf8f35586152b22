// Days and civil dates of the proleptic Gregorian calendar, after Howard Hinnant's
// "chrono-Compatible Low-Level Date Algorithms" (days_from_civil, civil_from_days).

/// A date of the proleptic Gregorian calendar.
public struct CivilDate: Hashable, Sendable {
  public let year: Int
  /// 1...12
  public let month: Int
  /// 1...31
  public let day: Int

  /// The date, nil if no such day exists. Years -5,000,000 ... 5,000,000, so that its day number
  /// fits 32 bits.
  public init?(year: Int, month: Int, day: Int) {
    guard (-5_000_000...5_000_000).contains(year), (1...12).contains(month),
      (1...CivilDate.daysInMonth(year: year, month: month)).contains(day)
    else { return nil }
    self.year = year
    self.month = month
    self.day = day
  }

  /// The date of a day number.
  public init(day number: DayNumber) {
    let shifted = Int(number.value) + 719_468  // days since 0000-03-01
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// The day number of this date.
  public var dayNumber: DayNumber {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return DayNumber(Int32(era * 146_097 + dayOfEra - 719_468))
  }

  /// 28...31; the month must be 1...12.
  public static func daysInMonth(year: Int, month: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

extension CivilDate: CustomStringConvertible {
  /// YYYY-MM-DD; years outside 0000...9999 with a sign and as many digits as they need.
  public var description: String {
    var text: [UInt8] = []
    append(to: &text)
    return String(repairing: text.span)
  }

  /// Appends YYYY-MM-DD.
  func append(to text: inout [UInt8]) {
    if (0...9999).contains(year) {
      appendDigits(year, width: 4, to: &text)
    } else {
      text.append(utf8: year < 0 ? "-" : "+")
      text.append(utf8: String(year.magnitude))
    }
    text.append(0x2D)
    appendDigits(month, width: 2, to: &text)
    text.append(0x2D)
    appendDigits(day, width: 2, to: &text)
  }
}

/// Appends the last `width` decimal digits of a value >= 0, zeros in front.
func appendDigits(_ value: Int, width: Int, to text: inout [UInt8]) {
  var divisor = 1
  for _ in 1..<width { divisor *= 10 }
  while divisor > 0 {
    text.append(0x30 + UInt8(value / divisor % 10))
    divisor /= 10
  }
}

/// The value of at most 9 decimal digits; nil if the range leaves the text or holds another byte.
func decimalDigits(_ text: Span<UInt8>, _ range: Range<Int>) -> Int? {
  guard range.upperBound <= text.count, (1...9).contains(range.count) else { return nil }
  var value = 0
  for index in range {
    guard (0x30...0x39).contains(text[index]) else { return nil }
    value = value * 10 + Int(text[index] - 0x30)
  }
  return value
}
