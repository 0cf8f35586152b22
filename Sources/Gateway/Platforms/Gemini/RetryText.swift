// How long to wait, as Google's errors say it: "47.4s" in RetryInfo, "Please retry in 1m 12.5s." in
// words.
import Base

enum RetryText {
  /// Whole seconds, rounded up, of the words in a message in lower case; nil without them.
  static func seconds(in message: String) -> Int64? {
    guard let start = message.end(of: "please retry in ") else { return nil }
    return duration(message[start...])
  }

  /// Whole seconds, rounded up, of a text that begins with a duration: "12h", "1m 12.5s", "800ms",
  /// "47.4s". nil for anything else.
  static func duration(_ text: Substring) -> Int64? {
    var rest = text.utf8
    var milliseconds: Int64 = 0
    var isFound = false
    while let part = part(&rest) {
      let sum = milliseconds.addingReportingOverflow(part)
      guard !sum.overflow else { return nil }
      milliseconds = sum.partialValue
      isFound = true
      while rest.first == 0x20 { rest.removeFirst() }
    }
    guard isFound else { return nil }
    return milliseconds / 1000 + (milliseconds % 1000 > 0 ? 1 : 0)
  }

  /// Milliseconds of one number with its unit, rounded up; nil, and nothing taken, for others.
  private static func part(_ rest: inout Substring.UTF8View) -> Int64? {
    let number = rest.prefix { (0x30...0x39).contains($0) || $0 == 0x2E }
    let after = rest[number.endIndex...]
    let unit = after.prefix { (0x61...0x7A).contains($0) }
    let factor: Int64
    switch String(Substring(unit)) {
    case "ms": factor = 1
    case "s": factor = 1000
    case "m": factor = 60_000
    case "h": factor = 3_600_000
    default: return nil
    }
    // Thousandths are enough: what is finer counts as one more.
    let text = String(Substring(number.prefix(24)))
    guard let scaled = try? DecimalText.parse(text, scale: 3),
      let value = Int64(exactly: scaled.value)
    else { return nil }
    let product = value.multipliedReportingOverflow(by: factor)
    guard !product.overflow else { return nil }
    rest = rest[unit.endIndex...]
    let rounded = product.partialValue / 1000
    return scaled.isExact && product.partialValue % 1000 == 0 ? rounded : rounded + 1
  }
}

extension String {
  /// Where the text behind `words` begins; nil when they do not occur.
  fileprivate func end(of words: String) -> String.Index? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(words) { return index(start, offsetBy: words.count) }
      start = index(after: start)
    }
    return nil
  }
}

/// The days of Google's quotas: they begin at midnight in California.
struct PacificTime: Sendable {
  private let zone: LocalZone?

  /// Reads the zone: meant for the start of the program (see LocalZone).
  init() { zone = try? LocalZone(named: "America/Los_Angeles") }

  /// Where the zone is not installed: eight hours behind UTC, in summer too.
  static let standard = PacificTime(zone: nil)

  private init(zone: LocalZone?) { self.zone = zone }

  /// 1...90,000
  func secondsToMidnight(from now: Timestamp) -> Int64 {
    if let zone {
      let midnight = zone.start(of: zone.day(of: now).advanced(by: 1))
      return min(max(1, (midnight.microseconds(since: now) + 999_999) / 1_000_000), 90_000)
    }
    let second = (now.seconds % 86_400 + 86_400 - 8 * 3600) % 86_400
    return 86_400 - (second + 86_400) % 86_400
  }
}
