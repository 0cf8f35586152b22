// Days of local calendars, the odd ones above all.
import Testing

@testable import Base

@Suite struct `Local days` {
  private func time(_ text: String) -> Timestamp { Timestamp(text: text)! }
  private func day(_ text: String) -> DayNumber { DayNumber(text: text)! }

  @Test(arguments: [
    ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23),
    ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25),
    ("Europe/Berlin", "2026-11-22", "2026-11-21T23:00:00Z", 24),
    ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23),
    ("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25),
    ("Asia/Shanghai", "2026-11-22", "2026-11-21T16:00:00Z", 24),
    ("UTC", "2026-11-22", "2026-11-22T00:00:00Z", 24),
  ])
  func `a day has its hours`(zone: String, text: String, start: String, hours: Int64) throws {
    let moments = try LocalZone(named: zone).moments(of: day(text))
    #expect(moments.lowerBound == time(start))
    #expect(moments.upperBound.microseconds(since: moments.lowerBound) == hours * 3_600_000_000)
  }

  @Test func `the last microsecond of a day belongs to it and the next to the next`() throws {
    let zone = try LocalZone(named: "Europe/Berlin")
    #expect(zone.day(of: time("2026-10-25T22:59:59.999999Z")) == day("2026-10-25"))
    #expect(zone.day(of: time("2026-10-25T23:00:00Z")) == day("2026-10-26"))
  }

  @Test func `a day without a midnight begins when the clocks have gone on`() throws {
    let zone = try LocalZone(named: "Africa/Cairo")  // 2026-04-24: 00:00 becomes 01:00
    #expect(zone.start(of: day("2026-04-24")) == time("2026-04-23T22:00:00Z"))
    #expect(zone.text(time("2026-04-23T22:00:00Z")) == "2026-04-24T01:00:00+03:00")
  }

  @Test func `a day that does not exist is empty`() throws {
    let zone = try LocalZone(named: "Pacific/Apia")  // crossed the date line
    #expect(zone.moments(of: day("2011-12-30")).isEmpty)
    #expect(zone.day(of: time("2011-12-30T09:59:59Z")) == day("2011-12-29"))
    #expect(zone.day(of: time("2011-12-30T10:00:00Z")) == day("2011-12-31"))
  }

  @Test func `clocks put back across midnight do not bring the day before back`() throws {
    let zone = try LocalZone(named: "America/St_Johns")  // 2006-10-29 at 00:01 back to 23:01
    let start = zone.start(of: day("2006-10-29"))
    #expect(start == time("2006-10-29T02:30:00Z"))
    #expect(zone.text(time("2006-10-29T02:40:00Z")) == "2006-10-28T23:10:00-03:30")
    #expect(zone.day(of: time("2006-10-29T02:40:00Z")) == day("2006-10-29"))
  }

  @Test(arguments: [
    "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca",
  ])
  func `days follow each other without gap for 130 years`(name: String) throws {
    let zone = try LocalZone(named: name)
    var cache = LocalDayCache(zone)
    for number in Int32(0)..<47_500 {
      let moments = zone.moments(of: DayNumber(number))
      let hours = moments.upperBound.microseconds(since: moments.lowerBound) / 3_600_000_000
      let last = moments.upperBound.advanced(byMicroseconds: -1)
      let days = [
        zone.day(of: moments.lowerBound), cache.day(of: last), zone.day(of: last),
      ]
      if !(22...26).contains(hours) || days.contains(where: { $0.value != number }) {
        Issue.record("day \(number): \(hours) hours, \(days)")
      }
    }
  }

  @Test func `a cache tells the same day as the zone in any order`() throws {
    let zone = try LocalZone(named: "America/New_York")
    var cache = LocalDayCache(zone)
    var random = SeededGenerator(seed: 8)
    for _ in 0..<5000 {
      let time = Timestamp(
        seconds: Int64.random(in: -4_000_000_000...6_000_000_000, using: &random))
      #expect(cache.day(of: time) == zone.day(of: time), "seed 8: \(time)")
    }
  }

  @Test func `the ends of time do not trap`() throws {
    let zone = try LocalZone(named: "Asia/Tokyo")
    _ = zone.day(of: Timestamp(microseconds: .max))
    _ = zone.day(of: Timestamp(microseconds: .min))
    _ = zone.moments(of: DayNumber(.max))
    _ = zone.moments(of: DayNumber(.min))
  }

  @Test(arguments: ["Mars/Olympus", "Europe", "europe/berlin", "tzdata.zi"])
  func `a zone that is not installed is named`(name: String) {
    let error = #expect(throws: LocalZoneError.self) { try LocalZone(named: name) }
    #expect(error?.description.contains(name) == true)
  }

  @Test(arguments: [
    "", "/etc/passwd", "../UTC", "Europe/../UTC", "Europe/Berlin\u{0}x", "a b", "Europe//Berlin",
  ])
  func `a name that could leave the directory of zones is refused`(name: String) {
    #expect(throws: LocalZoneError.malformed(name)) { try LocalZone(named: name) }
  }
}
