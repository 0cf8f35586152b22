// Server-sent events (WHATWG HTML, section 9.2): taking events out of a stream of bytes that comes
// in any pieces, and writing them.
//
//   event  = *( field line / comment line ) empty line
//   field  = name [ ":" [ " " ] value ]      lines end in CR LF, LF, or CR
//
// The scanner keeps the bytes it was given until their event is complete; what it hands out are
// slices of these bytes, so that an event is passed on as it came, without a copy.
import Base

/// One complete event.
public struct ServerSentEvent: Sendable {
  /// The value of the last `event` field; empty when there was none.
  public let name: ArraySlice<UInt8>
  /// The `data` fields' values joined by LF; empty when there was none.
  public let data: ArraySlice<UInt8>
  /// All of it as it came, the empty line included: what a relay passes on.
  public let raw: ArraySlice<UInt8>
}

/// The stream's events are larger than anyone sends.
public struct EventTooLarge: Error, Sendable {
  public let limit: Int
}

/// Takes events out of a stream: append what came, then `next` until it has none.
public struct EventScanner: Sendable {
  private var buffer: [UInt8] = []
  /// Where the event under way begins, and how far its bytes have been looked at.
  private var start = 0, scanned = 0
  private var lineStart = 0
  private var isFirst = true
  private let limit: Int

  private var name: Range<Int>?
  /// The last `data` field's value.
  private var data: Range<Int>?
  private var dataLines = 0
  /// The joined data of an event with several data lines.
  private var joined: [UInt8] = []

  /// Lines, and events, above `limit` bytes are an error (gateway.md section 8).
  public init(limit: Int = 8 << 20) { self.limit = limit }

  /// Bytes of an event that is not complete: at the stream's end, what was cut off.
  public var remainder: ArraySlice<UInt8> { buffer[start...] }

  /// Gives the scanner the next bytes of the stream. Where all before them has been taken, as
  /// upstreams usually send, they are kept as they are, without a copy.
  public mutating func append(_ bytes: [UInt8]) {
    if start == buffer.count {
      shift(by: start)
      buffer = bytes
      return
    }
    if start > 0 {
      buffer.removeSubrange(0..<start)
      shift(by: start)
    }
    buffer.append(contentsOf: bytes)
  }
  public mutating func append(_ bytes: some Collection<UInt8>) { append(Array(bytes)) }

  private mutating func shift(by count: Int) {
    start = 0
    scanned -= count
    lineStart -= count
    name = name.map { ($0.lowerBound - count)..<($0.upperBound - count) }
    data = data.map { ($0.lowerBound - count)..<($0.upperBound - count) }
  }

  /// The next complete event, nil when more bytes are needed. A stream whose lines end in a bare CR
  /// gives each event with the byte behind it. Blocks of comments alone (keep-alives)
  /// come as events without name and data, so that a relay can pass them on.
  public mutating func next() throws(EventTooLarge) -> ServerSentEvent? {
    if isFirst { if !skipByteOrderMark() { return nil } }
    while true {
      scanned = Self.nextLineEnd(buffer.span, from: scanned)
      if scanned == buffer.count { break }
      // A CR may be the first half of CR LF: wait for the byte behind it.
      var lineEnd = scanned + 1
      if buffer[scanned] == 13 {
        if lineEnd == buffer.count { break }
        if buffer[lineEnd] == 10 { lineEnd += 1 }
      }
      let line = lineStart..<scanned
      scanned = lineEnd
      lineStart = lineEnd
      if line.isEmpty {
        if line.lowerBound == start {  // an empty line between events
          start = lineEnd
          continue
        }
        return try finish(end: lineEnd)
      }
      take(line)
    }
    if buffer.count - start > limit { throw EventTooLarge(limit: limit) }
    return nil
  }

  /// False while it is not known yet whether the stream begins with one.
  private mutating func skipByteOrderMark() -> Bool {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let seen = buffer.prefix(3)
    if seen.elementsEqual(mark) {
      start = 3
      scanned = 3
      lineStart = 3
    } else if mark.starts(with: seen) {
      return false
    }
    isFirst = false
    return true
  }

  /// The index of the next LF or CR, else the end. Eight bytes a step: a lane that becomes zero
  /// shows as a set top bit, and the lowest such bit is right.
  private static func nextLineEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var at = start
    while at &+ 8 <= bytes.count {
      let word = bytes.load(at, as: UInt64.self)
      let feeds = word ^ (ones &* 10)
      let returns = word ^ (ones &* 13)
      let found =
        (((feeds &- ones) & ~feeds) | ((returns &- ones) & ~returns)) & (ones &* 0x80)
      if found != 0 { return at &+ found.trailingZeroBitCount / 8 }
      at &+= 8
    }
    while at < bytes.count, bytes[at] != 10, bytes[at] != 13 { at &+= 1 }
    return at
  }

  private enum Field {
    case data, event, other
  }
  /// A line's field, and where its value begins.
  private static func field(
    _ bytes: Span<UInt8>, _ line: Range<Int>
  ) -> (field: Field, value: Int) {
    var colon = line.lowerBound
    while colon < line.upperBound && bytes[colon] != 58 { colon += 1 }
    let name = bytes.extracting(line.lowerBound..<colon)
    let field: Field =
      name.isEqual(to: "data") ? .data : name.isEqual(to: "event") ? .event : .other
    var value = colon
    if value < line.upperBound {
      value += 1
      if value < line.upperBound && bytes[value] == 32 { value += 1 }
    }
    return (field, value)
  }

  private mutating func take(_ line: Range<Int>) {
    let (field, value) = Self.field(buffer.span, line)
    let text = value..<line.upperBound
    switch field {
    case .data:
      if dataLines == 1, let data { joined = Array(buffer[data]) }
      if dataLines > 0 {
        joined.append(10)
        joined.append(contentsOf: buffer[text])
      }
      dataLines += 1
      data = text
    case .event: name = text
    case .other: break
    }
  }
  private mutating func finish(end: Int) throws(EventTooLarge) -> ServerSentEvent {
    if end - start > limit { throw EventTooLarge(limit: limit) }
    let nothing = buffer[start..<start]
    let event = ServerSentEvent(
      name: name.map { buffer[$0] } ?? nothing,
      data: dataLines > 1 ? joined[...] : data.map { buffer[$0] } ?? nothing,
      raw: buffer[start..<end])
    start = end
    name = nil
    data = nil
    dataLines = 0
    joined = []
    return event
  }
}

/// Appends an event to `output`: an `event` line unless `name` is empty, a `data` line for each
/// line of `data`, and the empty line.
public func appendEvent(
  name: String, data: some Sequence<UInt8>, to output: inout [UInt8]
) {
  if !name.isEmpty {
    AnswerHead.append("event: ", to: &output)
    output.append(contentsOf: name.utf8)
    output.append(10)
  }
  AnswerHead.append("data: ", to: &output)
  var afterReturn = false
  for c in data {
    if c == 10 && afterReturn {
      afterReturn = false
      continue
    }
    afterReturn = c == 13
    if c == 10 || c == 13 {
      AnswerHead.append("\ndata: ", to: &output)
    } else {
      output.append(c)
    }
  }
  output.append(10)
  output.append(10)
}
