// The strict parser of a request's head (RFC 9112): method, target, version, header fields.
//
//   request-line CRLF *( field-line CRLF ) CRLF
//
// Incremental: it is given the bytes from the head's start, as many as there are, and called again
// when there are more; it looks at each byte once. What it answers depends on the bytes alone,
// never on how they were cut up. Everything that two parsers could read differently is refused:
// bare LF or CR, obs-fold, space before a colon, several or odd Content-Lengths, Content-Length
// beside Transfer-Encoding, unknown transfer codings, missing or repeated Host.

/// Why a request is refused by the HTTP layer, and with which status. The connection is closed.
struct Refused: Error, Equatable {
  let status: Int
  let reason: String
  init(_ status: Int, _ reason: String) {
    self.status = status
    self.reason = reason
  }
}

/// How a request's body is delimited (RFC 9112 section 6.3).
enum BodyFraming: Equatable {
  case none
  case length(Int)
  case chunked
}

/// The bounds of a head.
struct HeadLimits {
  var headBytes = 16 * 1024
  var targetBytes = 8 * 1024
  var fields = 100
}

struct HeadParser {
  enum Step: Equatable {
    case incomplete
    /// The head ends before this offset.
    case complete(Int)
  }
  let limits: HeadLimits
  private(set) var method = Method.get
  /// Where the target lies, and its path without the query.
  private(set) var target = 0..<0
  private(set) var minor = 1
  private(set) var ranges: [HeaderFields.Range] = []
  private(set) var contentLength: Int?
  private(set) var isChunked = false
  private(set) var expectsContinue = false
  private var hosts = 0
  private var saysClose = false, saysKeepAlive = false

  private var lineStart = 0
  private var scanned = 0
  private var hasRequestLine = false
  private var skippedEmptyLine = false

  init(limits: HeadLimits) { self.limits = limits }

  /// Whether the connection may carry another request (RFC 9112 section 9.3).
  var keepsAlive: Bool { saysClose ? false : minor == 1 || saysKeepAlive }
  /// True once a byte of a head has come.
  var hasBegun: Bool { scanned > 0 }
  var framing: BodyFraming {
    if isChunked { return .chunked }
    if let contentLength, contentLength > 0 { return .length(contentLength) }
    return .none
  }

  /// Looks at the head's bytes seen so far.
  mutating func parse(_ bytes: borrowing Span<UInt8>) throws(Refused) -> Step {
    while true {
      guard let end = try lineEnd(bytes) else { return .incomplete }
      let start = lineStart
      lineStart = scanned
      if !hasRequestLine {
        if start == end && !skippedEmptyLine {  // RFC 9112 section 2.2: one empty line is forgiven
          skippedEmptyLine = true
          continue
        }
        try requestLine(bytes, start, end)
        hasRequestLine = true
      } else if start == end {
        try checkHead()
        return .complete(scanned)
      } else {
        try fieldLine(bytes, start, end)
      }
    }
  }

  /// The end of the next line, before its CRLF; nil while it is not there yet.
  private mutating func lineEnd(_ bytes: borrowing Span<UInt8>) throws(Refused) -> Int? {
    let bound = min(bytes.count, limits.headBytes)
    while scanned < bound {
      let c = bytes[scanned]
      scanned += 1
      if c != 10 { continue }
      if scanned - 2 < lineStart || bytes[scanned - 2] != 13 {
        throw Refused(400, "a line ends in LF without CR")
      }
      return scanned - 2
    }
    if scanned < limits.headBytes { return nil }
    throw hasRequestLine
      ? Refused(431, "the request head is larger than \(limits.headBytes) bytes")
      : Refused(414, "the request line is too long")
  }

  private mutating func requestLine(
    _ b: borrowing Span<UInt8>, _ start: Int, _ end: Int
  ) throws(Refused) {
    var i = start
    while i < end && isToken(b[i]) { i += 1 }
    if i == start || i >= end || b[i] != 32 { throw Refused(400, "malformed request line") }
    let methodEnd = i
    i += 1
    let targetStart = i
    while i < end && b[i] > 32 && b[i] < 127 && b[i] != 35 { i += 1 }
    if i == targetStart || i >= end || b[i] != 32 {
      throw Refused(400, "malformed request target")
    }
    let targetEnd = i
    try version(b, i + 1, end)
    guard let method = Method(b, start, methodEnd) else {
      throw Refused(501, "the method is not known")
    }
    self.method = method
    if targetEnd - targetStart > limits.targetBytes {
      throw Refused(414, "the request target is longer than \(limits.targetBytes) bytes")
    }
    target = try originForm(b, targetStart, targetEnd)
  }

  private mutating func version(
    _ b: borrowing Span<UInt8>, _ i: Int, _ end: Int
  ) throws(Refused) {
    func isDigit(_ c: UInt8) -> Bool { c >= 48 && c <= 57 }
    let isName =
      end - i == 8 && b[i] == 72 && b[i + 1] == 84 && b[i + 2] == 84 && b[i + 3] == 80
      && b[i + 4] == 47 && isDigit(b[i + 5]) && b[i + 6] == 46 && isDigit(b[i + 7])
    if !isName { throw Refused(400, "malformed HTTP version") }
    if b[i + 5] != 49 || b[i + 7] > 49 {
      throw Refused(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    }
    minor = Int(b[i + 7] - 48)
  }

  /// The path and query of an origin-form, absolute-form or asterisk-form target (RFC 9112 section
  /// 3.2).
  private func originForm(
    _ b: borrowing Span<UInt8>, _ start: Int, _ end: Int
  ) throws(Refused) -> Range<Int> {
    if b[start] == 47 { return start..<end }
    if end - start == 1 && b[start] == 42 && method == .options { return start..<end }
    var i = start
    if end - start > 7 && matches(b, start, start + 7, "http://") {
      i = start + 7
    } else if end - start > 8 && matches(b, start, start + 8, "https://") {
      i = start + 8
    } else {
      throw Refused(400, "the request target is not a path")
    }
    let authority = i
    while i < end && b[i] != 47 && b[i] != 63 { i += 1 }
    if i == authority || i == end || b[i] != 47 {
      throw Refused(400, "the request target has no path")
    }
    return i..<end
  }

  private mutating func fieldLine(
    _ b: borrowing Span<UInt8>, _ start: Int, _ end: Int
  ) throws(Refused) {
    if ranges.count >= limits.fields {
      throw Refused(431, "there are more than \(limits.fields) header fields")
    }
    let field = try parseField(b, start, end)
    ranges.append(field)
    try interpret(b, field)
  }

  /// What the framing and the connection depend on.
  private mutating func interpret(
    _ b: borrowing Span<UInt8>, _ field: HeaderFields.Range
  ) throws(Refused) {
    let n0 = Int(field.name), n1 = Int(field.nameEnd)
    let v0 = Int(field.value), v1 = Int(field.valueEnd)
    switch n1 - n0 {
    case 4 where matches(b, n0, n1, "host"):
      hosts += 1
      for i in v0..<v1 where !isHostCharacter(b[i]) { throw Refused(400, "malformed Host") }
    case 6 where matches(b, n0, n1, "expect"):
      if !matches(b, v0, v1, "100-continue") {
        throw Refused(417, "the only expectation met here is 100-continue")
      }
      expectsContinue = true
    case 10 where matches(b, n0, n1, "connection"):
      connectionOptions(b, v0, v1)
    case 14 where matches(b, n0, n1, "content-length"):
      if contentLength != nil { throw Refused(400, "there are two Content-Length fields") }
      contentLength = try parseLength(b, v0, v1)
    case 17 where matches(b, n0, n1, "transfer-encoding"):
      if isChunked || !matches(b, v0, v1, "chunked") {
        throw Refused(501, "the only transfer coding understood here is chunked, once")
      }
      isChunked = true
    default: break
    }
  }

  private mutating func connectionOptions(_ b: borrowing Span<UInt8>, _ v0: Int, _ v1: Int) {
    var i = v0
    while i < v1 {
      var end = i
      while end < v1 && b[end] != 44 { end += 1 }
      var a = i, z = end
      while a < z && (b[a] == 32 || b[a] == 9) { a += 1 }
      while z > a && (b[z - 1] == 32 || b[z - 1] == 9) { z -= 1 }
      if matches(b, a, z, "close") { saysClose = true }
      if matches(b, a, z, "keep-alive") { saysKeepAlive = true }
      i = end + 1
    }
  }

  /// The rules that need the whole head.
  private mutating func checkHead() throws(Refused) {
    if hosts > 1 || (hosts == 0 && minor == 1) {
      throw Refused(400, hosts == 0 ? "there is no Host field" : "there are two Host fields")
    }
    if isChunked && contentLength != nil {
      throw Refused(400, "there are both Content-Length and Transfer-Encoding")
    }
    if isChunked && minor == 0 { throw Refused(400, "HTTP/1.0 has no transfer codings") }
    if minor == 0 { expectsContinue = false }  // RFC 9110 section 10.1.1
  }
}
