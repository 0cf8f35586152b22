// From the texts of a row to its values: every text is checked, and every error says what is taken.
import Base
import Ledger

/// Reads the values of one file's rows.
struct InvoiceValues {
  /// Longest id that counts, as the ledger keeps them.
  static let idLength = 256
  static let costLimit: Int64 = 1_000_000_000 * NanoUSD.perUSD

  private var days: LocalDayCache

  init(zone: LocalZone) { days = LocalDayCache(zone) }

  /// Takes one value over. An empty text says nothing.
  mutating func take(
    _ text: String, as field: InvoiceField, into row: inout InvoiceRow
  ) throws(InvoiceError) {
    let text = Self.trimmed(text)
    guard !text.isEmpty else { return }
    let line = row.line
    switch field {
    case .messageID: row.messageID = try Self.id(text, "message_id", line)
    case .requestID: row.requestID = try Self.id(text, "request_id", line)
    case .time: row.day = try day(text, line)
    case .model: row.model = String(text.prefix(256))
    case .input: row.counts.input = try Self.count(text, "input_tokens", line)
    case .output: row.counts.output = try Self.count(text, "output_tokens", line)
    case .cacheRead: row.counts.cacheRead = try Self.count(text, "cache_read_tokens", line)
    case .cacheWrite: row.counts.cacheWrite = try Self.count(text, "cache_write_tokens", line)
    case .cacheWrite5m:
      let count = try Self.count(text, "cache_write_5m_tokens", line)
      row.counts.cacheWrite = (row.counts.cacheWrite ?? 0) + count
    case .cacheWrite1h:
      let count = try Self.count(text, "cache_write_1h_tokens", line)
      row.counts.cacheWrite1h = count
      row.counts.cacheWrite = (row.counts.cacheWrite ?? 0) + count
    case .webSearches: row.counts.webSearches = try Self.count(text, "web_searches", line)
    case .cost: row.cost = try Self.cost(text, line)
    case .currency:
      guard text.uppercased() == "USD" else {
        throw InvoiceError(line, "amounts must be USD, not \"\(Self.shown(text))\"")
      }
    case .status: row.status = Int(text).flatMap { (100...599).contains($0) ? $0 : nil } ?? 0
    }
  }

  private static func id(
    _ text: String, _ name: String, _ line: Int
  ) throws(InvoiceError) -> String {
    guard text.utf8.count <= idLength, !text.utf8.contains(where: { $0 < 32 || $0 == 127 }) else {
      throw InvoiceError(
        line, "\(name) has at most \(idLength) bytes, without control characters")
    }
    return text
  }

  static func count(_ text: String, _ name: String, _ line: Int) throws(InvoiceError) -> Int64 {
    guard let number = try? DecimalText.parse(text, scale: 0), number.isExact,
      let count = Int64(exactly: number.value), (0...InvoiceCounts.limit).contains(count)
    else {
      throw InvoiceError(
        line,
        "\(name) must be a whole number from 0 to \(InvoiceCounts.limit), "
          + "not \"\(shown(text))\"")
    }
    return count
  }

  /// Digits beyond the nano-dollar are rounded.
  static func cost(_ text: String, _ line: Int) throws(InvoiceError) -> NanoUSD {
    var digits = Substring(text)
    let isNegative = digits.hasPrefix("-$")
    if isNegative { digits = digits.dropFirst() }
    if digits.hasPrefix("$") { digits = digits.dropFirst() }
    guard let number = try? DecimalText.parse(String(digits), scale: 9),
      let value = Int64(exactly: number.value), abs(value) <= costLimit
    else {
      throw InvoiceError(
        line,
        "the cost must be an amount of USD such as 0.0125, at most 1000000000, "
          + "not \"\(shown(text))\"")
    }
    return NanoUSD(isNegative ? -value : value)
  }

  /// The day of a date, of a time with its zone, or of a time of the file's zone; numbers are
  /// seconds or milliseconds since 1970.
  private mutating func day(_ text: String, _ line: Int) throws(InvoiceError) -> DayNumber {
    if let time = Timestamp(text: text) { return days.day(of: time) }
    if let day = DayNumber(text: String(text.prefix(10))), Self.isRestOfLocalTime(text) {
      return day
    }
    if let number = Int64(text), number > 0, number < 100_000_000_000_000 {
      let isSeconds = number < 100_000_000_000
      let time = Timestamp(microseconds: number * (isSeconds ? 1_000_000 : 1000))
      return days.day(of: time)
    }
    throw InvoiceError(
      line,
      "the day must be a date such as 2026-11-30, or a time such as 2026-11-30T18:00:00Z, "
        + "not \"\(Self.shown(text))\"")
  }

  /// Whether nothing, or a time of day without a zone, stands behind the date.
  private static func isRestOfLocalTime(_ text: String) -> Bool {
    let rest = text.utf8.dropFirst(10)
    guard let first = rest.first else { return true }
    guard first == 0x54 || first == 0x20, rest.count >= 6 else { return false }
    // With a Z it must be a whole time: one that is none was refused before.
    return Timestamp(text: text + (rest.count == 6 ? ":00Z" : "Z")) != nil
  }

  static func trimmed(_ text: String) -> String {
    guard let first = text.utf8.first, let last = text.utf8.last else { return "" }
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    guard isSpace(first) || isSpace(last) else { return text }
    var bytes = Substring(text).utf8
    while let first = bytes.first, isSpace(first) { bytes = bytes.dropFirst() }
    while let last = bytes.last, isSpace(last) { bytes = bytes.dropLast() }
    return String(Substring(bytes))
  }

  /// A foreign text as errors show it.
  static func shown(_ text: String) -> String {
    String(text.prefix(64).unicodeScalars.map { $0.value < 32 ? " " : Character($0) })
  }
}
