// The tokens of RFC 8259 over a span of bytes. Strict: every byte of a token is tested, UTF-8
// included. A lone surrogate escape is let through, as the grammar allows it.
//
// Strings are most of a request, so they are read eight bytes a step: a byte that needs a look
// (quote, backslash, control character, not ASCII) shows as a set top bit of its lane.

struct JSONLexer: ~Escapable {
  let bytes: Span<UInt8>
  var position = 0
  /// `//` up to the end of the line counts as white space.
  let allowsComments: Bool

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, allowsComments: Bool = false) {
    self.bytes = bytes
    self.allowsComments = allowsComments
  }

  /// The byte at the position, nil at the end.
  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  func fault(_ reason: JSONError.Reason) -> JSONFault {
    JSONFault(offset: position, reason: position < bytes.count ? reason : .unexpectedEnd)
  }

  @_lifetime(self: copy self)
  @inline(__always)
  mutating func skipSpace() {
    if position < bytes.count, bytes[position] > 0x20, bytes[position] != 0x2F { return }
    skipSpaceAndComments()
  }

  @_lifetime(self: copy self)
  private mutating func skipSpaceAndComments() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09:
        position &+= 1
      case 0x2F where allowsComments && position + 1 < bytes.count && bytes[position + 1] == 0x2F:
        while position < bytes.count, bytes[position] != 0x0A { position &+= 1 }
      default:
        return
      }
    }
  }

  /// Reads one given byte.
  @_lifetime(self: copy self)
  @inline(__always)
  mutating func read(_ byte: UInt8, _ name: String) throws(JSONFault) {
    guard next == byte else { throw fault(.expected(name)) }
    position &+= 1
  }

  /// Reads a string from its opening quote; returns the range between the quotes.
  @_lifetime(self: copy self)
  mutating func string() throws(JSONFault) -> Range<Int> {
    try read(0x22, "a string")
    let start = position
    while true {
      skipPlainText()
      guard position < bytes.count else { throw fault(.unexpectedEnd) }
      let byte = bytes[position]
      if byte == 0x22 {
        position &+= 1
        return start..<position - 1
      } else if byte == 0x5C {
        try escape()
      } else if byte < 0x20 {
        throw fault(.controlCharacter)
      } else {
        skipThreeByteText()
        guard let byte = next, byte >= 0x80 else { continue }
        let width = utf8Width(bytes, position)
        guard width > 0 else { throw JSONFault(offset: position, reason: .invalidUTF8) }
        position &+= width
      }
    }
  }

  /// Moves on to the next quote, backslash, control character, byte >= 0x80 or the end.
  @_lifetime(self: copy self)
  private mutating func skipPlainText() {
    var at = position
    while at &+ 8 <= bytes.count {
      let word = bytes.load(at, as: UInt64.self)
      let quotes = (word ^ lanes(0x22)) &- lanes(0x01)
      let backslashes = (word ^ lanes(0x5C)) &- lanes(0x01)
      let special = (quotes | backslashes | (word &- lanes(0x20)) | word) & lanes(0x80)
      if special != 0 {
        position = at &+ special.trailingZeroBitCount / 8
        return
      }
      at &+= 8
    }
    while at < bytes.count {
      let byte = bytes[at]
      if byte == 0x22 || byte == 0x5C || byte < 0x20 || byte >= 0x80 { break }
      at &+= 1
    }
    position = at
  }

  /// Moves on over sequences of three bytes, the bulk of Chinese and Japanese text. The lead bytes
  /// E0 and ED have rules of their own and are left to `utf8Width`.
  @_lifetime(self: copy self)
  private mutating func skipThreeByteText() {
    var at = position
    while at &+ 4 <= bytes.count {
      let word = bytes.load(at, as: UInt32.self)
      let lead = word & 0xFF
      guard word & 0xC0_C0F0 == 0x80_80E0, lead != 0xE0, lead != 0xED else { break }
      at &+= 3
    }
    position = at
  }

  /// Reads an escape from its backslash.
  @_lifetime(self: copy self)
  private mutating func escape() throws(JSONFault) {
    position &+= 1
    guard let kind = next else { throw fault(.unexpectedEnd) }
    switch kind {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74:
      position &+= 1
    case 0x75:
      position &+= 1
      for _ in 0..<4 {
        guard let digit = next, Hex.value(digit) != nil else { throw fault(.badEscape) }
        position &+= 1
      }
    default:
      throw fault(.badEscape)
    }
  }

  /// Reads a number; returns its range.
  @_lifetime(self: copy self)
  mutating func number() throws(JSONFault) -> Range<Int> {
    let start = position
    if next == 0x2D { position &+= 1 }
    if next == 0x30 { position &+= 1 } else { try digits() }
    if next == 0x2E {
      position &+= 1
      try digits()
    }
    if next == 0x65 || next == 0x45 {
      position &+= 1
      if next == 0x2B || next == 0x2D { position &+= 1 }
      try digits()
    }
    if let byte = next, (0x30...0x39).contains(byte) { throw fault(.badNumber) }
    return start..<position
  }

  @_lifetime(self: copy self)
  private mutating func digits() throws(JSONFault) {
    let start = position
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position &+= 1 }
    guard position > start else { throw fault(.badNumber) }
  }

  /// Reads `true`, `false` or `null`.
  @_lifetime(self: copy self)
  mutating func literal(_ text: StaticString) throws(JSONFault) {
    let width = text.utf8CodeUnitCount
    guard bytes.count - position >= width else {
      throw JSONFault(offset: bytes.count, reason: .unexpectedEnd)
    }
    guard bytes.extracting(position..<position + width).isEqual(to: text) else {
      throw fault(.expected("a value"))
    }
    position &+= width
  }
}

private func lanes(_ byte: UInt64) -> UInt64 { byte &* 0x0101_0101_0101_0101 }

/// Bytes of the UTF-8 sequence at `index` (RFC 3629 section 4), 0 if it is none.
func utf8Width(_ bytes: Span<UInt8>, _ index: Int) -> Int {
  let first = bytes[index]
  func follows(_ distance: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
    index &+ distance < bytes.count && bytes[index &+ distance] >= low
      && bytes[index &+ distance] <= high
  }
  switch first {
  case 0x00...0x7F: return 1
  case 0xC2...0xDF: return follows(1) ? 2 : 0
  case 0xE0: return follows(1, 0xA0) && follows(2) ? 3 : 0
  case 0xED: return follows(1, 0x80, 0x9F) && follows(2) ? 3 : 0
  case 0xE1...0xEF: return follows(1) && follows(2) ? 3 : 0
  case 0xF0: return follows(1, 0x90) && follows(2) && follows(3) ? 4 : 0
  case 0xF1...0xF3: return follows(1) && follows(2) && follows(3) ? 4 : 0
  case 0xF4: return follows(1, 0x80, 0x8F) && follows(2) && follows(3) ? 4 : 0
  default: return 0
  }
}
