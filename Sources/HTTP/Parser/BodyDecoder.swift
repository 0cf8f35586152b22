// Takes a message body out of the stream of bytes: by length, or chunked (RFC 9112 section 7.1).
//
//   chunk   = 1*HEXDIG [ ";" extensions ] CRLF data CRLF
//   last    = 1*"0" [ ";" extensions ] CRLF *( trailer-field CRLF ) CRLF
//
// Strict as the head is: no bare LF, no sign, no space around the size. Extensions and trailers are
// checked and dropped. Incremental; the result does not depend on how the bytes were cut up.

struct BodyDecoder {
  enum Step: Equatable {
    /// More bytes are needed; so many of those given were used.
    case incomplete(Int)
    /// The body is complete; so many of the bytes given belonged to it.
    case complete(Int)
  }
  /// The body would be larger than the limit.
  enum Failure: Error, Equatable {
    case refused(Refused)
    case tooLarge
  }
  private enum State: Equatable {
    case data, chunkSize, chunkData, chunkEnd, trailer, complete, untilClose
  }
  private var state: State
  /// Bytes left of the body, or of the current chunk.
  private var left = 0
  private var trailerBytes = 0, trailerFields = 0

  static let chunkLineLimit = 256
  static let trailerLimit = 8 * 1024

  init(_ framing: BodyFraming) {
    switch framing {
    case .none: state = .complete
    case .length(let n):
      state = n == 0 ? .complete : .data
      left = n
    case .chunked: state = .chunkSize
    }
  }
  /// A body that ends when the connection does: only answers have it.
  static func untilClose() -> BodyDecoder {
    var decoder = BodyDecoder(.none)
    decoder.state = .untilClose
    return decoder
  }
  var isComplete: Bool { state == .complete }
  var endsByClose: Bool { state == .untilClose }
  /// How many bytes are still to come when that is known.
  var announced: Int? { state == .data ? left : state == .complete ? 0 : nil }

  /// Appends what `bytes` hold of the body to `body`, which must not grow above `limit` bytes.
  mutating func decode(
    _ bytes: borrowing Span<UInt8>, into body: inout [UInt8], limit: Int
  ) throws(Failure) -> Step {
    var i = 0
    while true {
      switch state {
      case .complete: return .complete(i)
      case .untilClose:
        left = bytes.count - i
        try copy(bytes, &i, &body, limit)
        return .incomplete(i)
      case .data:
        try copy(bytes, &i, &body, limit)
        if left > 0 { return .incomplete(i) }
        state = .complete
      case .chunkData:
        try copy(bytes, &i, &body, limit)
        if left > 0 { return .incomplete(i) }
        state = .chunkEnd
      case .chunkEnd:
        if i < bytes.count && bytes[i] != 13 || i + 1 < bytes.count && bytes[i + 1] != 10 {
          throw .refused(Refused(400, "chunk data is not followed by CRLF"))
        }
        if bytes.count - i < 2 { return .incomplete(i) }
        i += 2
        state = .chunkSize
      case .chunkSize:
        guard let end = try line(bytes, i, Self.chunkLineLimit) else { return .incomplete(i) }
        left = try chunkSize(bytes, i, end)
        i = end + 2
        if left > limit - body.count { throw .tooLarge }
        state = left == 0 ? .trailer : .chunkData
      case .trailer:
        guard let end = try line(bytes, i, Self.trailerLimit - trailerBytes) else {
          return .incomplete(i)
        }
        try trailer(bytes, i, end)
        i = end + 2
      }
    }
  }

  private mutating func copy(
    _ bytes: borrowing Span<UInt8>, _ i: inout Int, _ body: inout [UInt8], _ limit: Int
  ) throws(Failure) {
    let count = min(left, bytes.count - i)
    if count > limit - body.count { throw .tooLarge }
    if count > 0 {
      unsafe bytes.extracting(i..<(i + count)).withUnsafeBufferPointer {
        unsafe body.append(contentsOf: $0)
      }
    }
    i += count
    left -= count
  }

  /// The end of the line that starts at `start`, before its CRLF; nil while it is not complete.
  private func line(
    _ bytes: borrowing Span<UInt8>, _ start: Int, _ limit: Int
  ) throws(Failure) -> Int? {
    var i = start
    let bound = min(bytes.count, start + limit)
    while i < bound {
      if bytes[i] == 10 {
        if i == start || bytes[i - 1] != 13 {
          throw .refused(Refused(400, "a chunk line ends in LF without CR"))
        }
        return i - 1
      }
      i += 1
    }
    if i - start >= limit { throw .refused(Refused(400, "a chunk line is too long")) }
    return nil
  }

  private func chunkSize(
    _ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int
  ) throws(Failure) -> Int {
    var i = start, value = 0
    while i < end, let digit = hexDigit(bytes[i]) {
      if value >> 58 != 0 { throw .refused(Refused(413, "a chunk is too large")) }
      value = value << 4 | digit
      i += 1
    }
    if i == start || (i < end && bytes[i] != 59) {
      throw .refused(Refused(400, "malformed chunk size"))
    }
    while i < end {
      if (bytes[i] < 32 && bytes[i] != 9) || bytes[i] == 127 {
        throw .refused(Refused(400, "control character in a chunk extension"))
      }
      i += 1
    }
    return value
  }

  private mutating func trailer(
    _ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int
  ) throws(Failure) {
    if start == end {
      state = .complete
      return
    }
    trailerBytes += end + 2 - start
    trailerFields += 1
    if trailerFields > 100 { throw .refused(Refused(431, "too many trailer fields")) }
    do throws(Refused) { _ = try parseField(bytes, start, end) } catch { throw .refused(error) }
  }
}

func hexDigit(_ c: UInt8) -> Int? {
  switch c {
  case 48...57: Int(c) - 48
  case 97...102: Int(c) - 87
  case 65...70: Int(c) - 55
  default: nil
  }
}
