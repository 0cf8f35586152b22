// Timestamps as text, RFC 3339 section 5.6: 2026-11-22T22:26:18.000001Z, or with an offset.

/// How many digits of the second are written.
public enum SecondFraction: Sendable {
  /// 18
  case none
  /// 18.000
  case milliseconds
  /// 18.000001
  case microseconds
}

extension Timestamp {
  /// RFC 3339 text at an offset from UTC, rounded down to the digits asked for. Years outside
  /// 0000...9999, which RFC 3339 has no text for, get a sign.
  public func text(
    fraction: SecondFraction = .microseconds, offsetSeconds: Int32 = 0
  ) -> String {
    var text: [UInt8] = []
    append(to: &text, fraction: fraction, offsetSeconds: offsetSeconds)
    return String(repairing: text.span)
  }

  /// Appends what `text` returns. The text shows the offset in whole minutes, so the local time is
  /// that of the offset without its seconds: the instant stays exact.
  public func append(
    to text: inout [UInt8], fraction: SecondFraction = .microseconds, offsetSeconds: Int32 = 0
  ) {
    let minutes = Int64(offsetSeconds) / 60
    let local = seconds + minutes * 60
    let day = local.flooringDivision(by: 86_400)
    let second = Int(local - day * 86_400)
    DayNumber(Int32(clamping: day)).date.append(to: &text)
    text.append(0x54)
    appendDigits(second / 3600, width: 2, to: &text)
    text.append(0x3A)
    appendDigits(second / 60 % 60, width: 2, to: &text)
    text.append(0x3A)
    appendDigits(second % 60, width: 2, to: &text)
    let part = Int(microseconds &- microseconds.flooringDivision(by: 1_000_000) &* 1_000_000)
    switch fraction {
    case .none: break
    case .milliseconds:
      text.append(0x2E)
      appendDigits(part / 1000, width: 3, to: &text)
    case .microseconds:
      text.append(0x2E)
      appendDigits(part, width: 6, to: &text)
    }
    guard minutes != 0 else { return text.append(0x5A) }
    text.append(minutes < 0 ? 0x2D : 0x2B)
    appendDigits(Int(minutes.magnitude) / 60, width: 2, to: &text)
    text.append(0x3A)
    appendDigits(Int(minutes.magnitude) % 60, width: 2, to: &text)
  }

  /// The point in time of an RFC 3339 text; nil for anything else. Digits beyond the microsecond
  /// are cut; a leap second (60) is the first second of the next minute.
  public init?(text: String) { self.init(text: Array(text.utf8).span) }

  /// The point in time of an RFC 3339 text; nil for anything else.
  public init?(text: Span<UInt8>) {
    guard text.count >= 20, text[4] == 0x2D, text[7] == 0x2D, text[13] == 0x3A, text[16] == 0x3A,
      text[10] == 0x54 || text[10] == 0x74 || text[10] == 0x20,
      let year = decimalDigits(text, 0..<4), let month = decimalDigits(text, 5..<7),
      let day = decimalDigits(text, 8..<10), let hour = decimalDigits(text, 11..<13),
      let minute = decimalDigits(text, 14..<16), let second = decimalDigits(text, 17..<19),
      let date = CivilDate(year: year, month: month, day: day),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    var index = 19
    guard let fraction = fractionMicroseconds(text, &index),
      let offset = offsetMinutes(text, index)
    else { return nil }
    let seconds =
      Int64(date.dayNumber.value) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
      - Int64(offset) * 60
    self.init(microseconds: seconds * 1_000_000 + Int64(fraction))
  }
}

extension Timestamp: CustomStringConvertible {
  /// RFC 3339 in UTC with microseconds.
  public var description: String { text() }
}

/// Reads `.digits` at `index` if it stands there; nil if no digit follows the dot.
private func fractionMicroseconds(_ text: Span<UInt8>, _ index: inout Int) -> Int? {
  guard text[index] == 0x2E else { return 0 }
  index += 1
  var value = 0
  var unit = 100_000
  let start = index
  while index < text.count, (0x30...0x39).contains(text[index]) {
    value += Int(text[index] - 0x30) * unit
    unit /= 10
    index += 1
  }
  return index > start ? value : nil
}

/// Reads `Z` or `+hh:mm` up to the end of the text.
private func offsetMinutes(_ text: Span<UInt8>, _ start: Int) -> Int? {
  guard start < text.count else { return nil }
  let sign = text[start]
  if sign == 0x5A || sign == 0x7A { return start + 1 == text.count ? 0 : nil }
  guard sign == 0x2B || sign == 0x2D, text.count == start + 6, text[start + 3] == 0x3A,
    let hours = decimalDigits(text, start + 1..<start + 3), hours < 24,
    let minutes = decimalDigits(text, start + 4..<start + 6), minutes < 60
  else { return nil }
  return (hours * 60 + minutes) * (sign == 0x2D ? -1 : 1)
}
