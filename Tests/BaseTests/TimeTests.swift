// Civil dates, RFC 3339 text, clocks.
import Testing

@testable import Base

@Suite struct `Civil dates` {
  @Test func `the epoch and a leap day have the known numbers`() {
    #expect(CivilDate(year: 1970, month: 1, day: 1)?.dayNumber == DayNumber(0))
    #expect(CivilDate(year: 2000, month: 2, day: 29)?.dayNumber == DayNumber(11_016))
    #expect(CivilDate(year: 1969, month: 12, day: 31)?.dayNumber == DayNumber(-1))
  }

  @Test func `every day of 800 years follows the one before`() {
    var date = CivilDate(day: DayNumber(-146_097))
    for number in Int32(-146_096)...146_097 {
      let next = CivilDate(day: DayNumber(number))
      let isNextDay =
        (next.year, next.month, next.day) == (date.year, date.month, date.day + 1)
        || (next.day == 1
          && date.day == CivilDate.daysInMonth(year: date.year, month: date.month)
          && (next.year * 12 + next.month == date.year * 12 + date.month + 1))
      if !isNextDay || next.dayNumber.value != number { Issue.record("day \(number): \(next)") }
      date = next
    }
  }

  @Test func `a day that does not exist is refused`() {
    #expect(CivilDate(year: 2026, month: 2, day: 29) == nil)
    #expect(DayNumber(text: "2026-13-01") == nil)
    #expect(DayNumber(text: "2026-1-01") == nil)
    #expect(DayNumber(text: "2026-11-22")?.description == "2026-11-22")
  }
}

@Suite struct `RFC 3339` {
  @Test func `a timestamp is written with as many digits as asked for`() {
    let time = Timestamp(microseconds: 1_795_386_378_000_001)
    #expect(time.text() == "2026-11-22T22:26:18.000001Z")
    #expect(time.text(fraction: .milliseconds) == "2026-11-22T22:26:18.000Z")
    #expect(time.text(fraction: .none, offsetSeconds: 3600) == "2026-11-22T23:26:18+01:00")
    #expect(
      time.text(fraction: .none, offsetSeconds: -12_600) == "2026-11-22T18:56:18-03:30")
  }

  @Test func `a time before 1970 is rounded down`() {
    #expect(Timestamp(microseconds: -1).text() == "1969-12-31T23:59:59.999999Z")
  }

  @Test func `the ends of the range do not trap`() {
    #expect(Timestamp(microseconds: .min).text().hasPrefix("-"))
    #expect(Timestamp(microseconds: .max).text().hasPrefix("+"))
  }

  @Test(arguments: [
    ("1970-01-01T00:00:00Z", Int64(0)), ("1970-01-01t00:00:00.5z", 500_000),
    ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31 23:59:59.9999999-00:00", -1),
    ("1970-01-01T00:00:60Z", 60_000_000),
  ])
  func `a text is read`(text: String, microseconds: Int64) {
    #expect(Timestamp(text: text)?.microseconds == microseconds)
  }

  @Test(arguments: [
    "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z", "1970-01-01T24:00:00Z",
    "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00+01:00x", "1970-02-30T00:00:00Z",
    "1970-01-01T00:00:00ZZ", "19a0-01-01T00:00:00Z", "1970-01-01T00:00:61Z",
  ])
  func `a text that is none is refused`(text: String) {
    #expect(Timestamp(text: text) == nil)
  }

  @Test func `random times go there and back`() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<500 {
      let time = Timestamp(
        microseconds: Int64.random(in: 0..<250_000_000_000_000_000, using: &random))
      let offset = Int32.random(in: -1000...1000, using: &random) * 60
      #expect(Timestamp(text: time.text(offsetSeconds: offset)) == time, "seed 5")
    }
  }
}

@Suite struct `Clocks` {
  @Test func `a manual clock stands still until it is moved`() {
    let clock = ManualWallClock(Timestamp(seconds: 10))
    #expect(clock.now() == Timestamp(seconds: 10))
    clock.advance(bySeconds: 5)
    #expect(clock.now().seconds == 15)
  }

  @Test func `sums beyond the range saturate`() {
    #expect(Timestamp(seconds: .max).advanced(bySeconds: 1).microseconds == .max)
    #expect(Timestamp(microseconds: .min).microseconds(since: Timestamp(seconds: 1)) == .min)
  }
}
