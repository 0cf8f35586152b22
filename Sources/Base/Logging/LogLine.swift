// One line of the log, as it is put together: time, level, area, message, then fields.
//
//   2026-11-22T20:03:00.123456Z info request settled request_id=01K... status=200
//   {"time":"2026-11-22T20:03:00.123456Z","level":"info","area":"request","message":"settled", ...}

/// Takes the fields of a line. Names and the message are ours; values may be anything.
public struct LogLine {
  private(set) var bytes: [UInt8] = []
  private let format: LogFormat

  /// Longest text from outside, in bytes as written, quotes not counted.
  public static let valueLimit = 256

  /// - Parameter message: known when this is compiled, without quotes, `=` and backslashes.
  init(
    _ format: LogFormat, time: Timestamp, _ level: LogLevel, _ area: LogArea,
    _ message: StaticString
  ) {
    self.format = format
    bytes.reserveCapacity(768)
    switch format {
    case .text:
      time.append(to: &bytes)
      bytes.append(utf8: " \(level.rawValue) \(area.name) ")
      append(message)
    case .json:
      bytes.append(utf8: #"{"time":""#)
      time.append(to: &bytes)
      bytes.append(utf8: #"","level":"\#(level.rawValue)","area":"\#(area.name)","message":""#)
      append(message)
      bytes.append(0x22)
    }
  }

  /// Text, escaped and cut to `limit` bytes.
  public mutating func field(
    _ name: StaticString, _ text: String, limit: Int = LogLine.valueLimit
  ) {
    begin(name)
    value(text.utf8.span, limit: limit)
  }
  /// Bytes that should be UTF-8, escaped and cut to `limit` bytes.
  public mutating func field(
    _ name: StaticString, utf8 text: Span<UInt8>, limit: Int = LogLine.valueLimit
  ) {
    begin(name)
    value(text, limit: limit)
  }
  public mutating func field(_ name: StaticString, _ number: some BinaryInteger) {
    begin(name)
    bytes.append(utf8: String(number))
  }
  public mutating func field(_ name: StaticString, _ flag: Bool) {
    begin(name)
    bytes.append(utf8: flag ? "true" : "false")
  }
  /// All digits of value / 10^scale.
  public mutating func field(_ name: StaticString, decimal value: Int64, scale: Int) {
    begin(name)
    DecimalText.append(Int128(value), scale: scale, to: &bytes)
  }

  /// The whole line with its end.
  consuming func finished() -> [UInt8] {
    if format == .json { bytes.append(0x7D) }
    bytes.append(0x0A)
    return bytes
  }

  private mutating func begin(_ name: StaticString) {
    switch format {
    case .text:
      bytes.append(0x20)
      append(name)
      bytes.append(0x3D)
    case .json:
      bytes.append(utf8: ",\"")
      append(name)
      bytes.append(utf8: "\":")
    }
  }

  private mutating func value(_ text: Span<UInt8>, limit: Int) {
    if format == .text && LogText.isPlainWord(text, limit: limit) {
      bytes.append(contentsOf: text)
    } else {
      LogText.appendQuoted(text, limit: limit, format: format, to: &bytes)
    }
  }

  private mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }
}
