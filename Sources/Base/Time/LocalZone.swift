// The local calendar: which day a moment belongs to, and when a day begins.
//
// A day begins at the first moment whose local date is that day or a later one. So days follow
// each other without gap or overlap whatever the clocks do: days of 23 and 25 hours, days without
// a midnight (clocks go on at 00:00), days that do not exist (a zone crosses the date line: they
// have length 0), and clocks put back across midnight (the day that has begun goes on).

/// Why a time zone cannot be used.
public enum LocalZoneError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Not the form of an IANA name.
  case malformed(String)
  /// No such zone is installed on this machine.
  case unknown(String)

  public var description: String {
    switch self {
    case .malformed(let name):
      "\"\(name)\" is not a time zone name; use an IANA name such as UTC or Europe/Berlin"
    case .unknown(let name):
      "time zone \"\(name)\" is not found in \(ZoneOffsets.directory); "
        + "check the name, or install the package tzdata"
    }
  }
}

/// A time zone as a value: its offsets from 1970 to 2100 are read once, when it is made. Before
/// and after these years the nearest offset holds.
public struct LocalZone: Hashable, Sendable {
  /// The IANA name.
  public let name: String
  /// Ascending, at least one; the first holds for all times before the second.
  private let periods: [ZonePeriod]

  /// Coordinated universal time. Needs no installed zones.
  public static let utc = LocalZone(name: "UTC", periods: [ZonePeriod(start: 0, offset: 0)])

  /// The installed zone of this IANA name. Reads a file and the C library's zone (see
  /// ZoneOffsets): meant for the start of a program, and costs some milliseconds.
  public init(named name: String) throws(LocalZoneError) {
    guard LocalZone.isWellFormed(name) else { throw .malformed(name) }
    if name == "UTC" {
      self = .utc
      return
    }
    guard ZoneOffsets.isInstalled(name) else { throw .unknown(name) }
    self.init(
      name: name, periods: ZoneOffsets.periods(ofZone: name, from: 0, to: LocalZone.lastSecond))
  }

  private init(name: String, periods: [ZonePeriod]) {
    self.name = name
    self.periods = periods
  }

  /// 2100-01-01T00:00:00Z
  private static let lastSecond: Int64 = 4_102_444_800

  /// Seconds to add to UTC for the local time.
  public func offsetSeconds(at time: Timestamp) -> Int32 {
    periods[periodIndex(time.seconds)].offset
  }

  /// The day this moment belongs to. Days beyond the range of `DayNumber` count as its ends.
  public func day(of time: Timestamp) -> DayNumber {
    let local = time.seconds + Int64(offsetSeconds(at: time))
    let day = DayNumber(Int32(clamping: local.flooringDivision(by: 86_400)))
    guard day.value < .max, start(of: day.advanced(by: 1)) <= time else { return day }
    return day.advanced(by: 1)
  }

  /// The first moment of a day.
  public func start(of day: DayNumber) -> Timestamp {
    let local = Int64(day.value) * 86_400
    // Offsets are within a day of UTC: no earlier period can reach the day.
    var index = periodIndex(local - 2 * 86_400)
    while true {
      let earliest = local - Int64(periods[index].offset)
      let start = index == 0 ? earliest : max(earliest, periods[index].start)
      if index + 1 == periods.count || start < periods[index + 1].start {
        return Timestamp(seconds: start)
      }
      index += 1
    }
  }

  /// The moments of a day; empty for a day that this zone skipped.
  public func moments(of day: DayNumber) -> Range<Timestamp> {
    start(
      of: day)..<(day.value == .max
      ? Timestamp(microseconds: .max) : start(of: day.advanced(by: 1)))
  }

  /// RFC 3339 text with this zone's offset.
  public func text(_ time: Timestamp, fraction: SecondFraction = .none) -> String {
    time.text(fraction: fraction, offsetSeconds: offsetSeconds(at: time))
  }

  /// The last period that starts at or before `seconds`, else the first.
  private func periodIndex(_ seconds: Int64) -> Int {
    var low = 0
    var high = periods.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if periods[middle].start <= seconds { low = middle } else { high = middle }
    }
    return low
  }

  /// Letters, digits, `_`, `+`, `-` and `/` between non-empty parts, at most 64 bytes: nothing that
  /// could leave the directory of zones.
  private static func isWellFormed(_ name: String) -> Bool {
    guard (1...64).contains(name.utf8.count) else { return false }
    let parts = name.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
    return parts.allSatisfy { part in
      !part.isEmpty
        && part.allSatisfy { byte in
          switch byte {
          case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x5F: true
          default: false
          }
        }
    }
  }
}

/// The day of the moments that come along, mostly of the same day: two comparisons each.
public struct LocalDayCache: Sendable {
  public let zone: LocalZone
  private var day = DayNumber(0)
  private var moments: Range<Timestamp>

  public init(_ zone: LocalZone) {
    self.zone = zone
    moments = zone.moments(of: DayNumber(0))
  }

  /// The same as `zone.day(of:)`.
  public mutating func day(of time: Timestamp) -> DayNumber {
    if moments.contains(time) { return day }
    day = zone.day(of: time)
    moments = zone.moments(of: day)
    return day
  }
}
