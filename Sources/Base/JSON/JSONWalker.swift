// Walking through a tested text: values are skipped by their brackets and quotes alone. On bytes
// nobody tested every step still moves forward and stays inside.

/// The members of one object, one after the other.
public struct JSONMembers: ~Escapable {
  private var walker: JSONWalker

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, _ slice: JSONSlice?) {
    walker = JSONWalker(bytes, JSONWalker.inside(slice))
  }

  /// The next member, nil at the end.
  @_lifetime(self: copy self)
  public mutating func next() -> JSONMemberSlice? {
    guard let name = walker.value(), name.kind == .string, let value = walker.value() else {
      return nil
    }
    return JSONMemberSlice(name: name, value: value)
  }
}

/// The elements of one array, one after the other.
public struct JSONElements: ~Escapable {
  private var walker: JSONWalker

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, _ slice: JSONSlice?) {
    walker = JSONWalker(bytes, JSONWalker.inside(slice))
  }

  /// The next element, nil at the end.
  @_lifetime(self: copy self)
  public mutating func next() -> JSONSlice? { walker.value() }
}

struct JSONWalker: ~Escapable {
  private let bytes: Span<UInt8>
  private var position: Int
  private let end: Int

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    self.bytes = bytes
    end = min(max(range.upperBound, 0), bytes.count)
    position = min(max(range.lowerBound, 0), end)
  }

  /// The bytes between the brackets of a container.
  static func inside(_ slice: JSONSlice?) -> Range<Int> {
    guard let range = slice?.range, range.count >= 2 else { return 0..<0 }
    return range.lowerBound + 1..<range.upperBound - 1
  }

  /// The next value, white space, commas and colons before it skipped; nil at the end.
  @_lifetime(self: copy self)
  mutating func value() -> JSONSlice? {
    while position < end, isBetween(bytes[position]) { position &+= 1 }
    guard position < end else { return nil }
    let start = position
    let kind: JSONKind
    switch bytes[start] {
    case 0x22:
      kind = .string
      skipString()
    case 0x7B, 0x5B:
      kind = bytes[start] == 0x7B ? .object : .array
      skipContainer()
    default:
      kind = kindOfPlainValue(bytes[start])
      position &+= 1
      while position < end, !isEndOfPlainValue(bytes[position]) { position &+= 1 }
    }
    return JSONSlice(kind: kind, range: start..<position)
  }

  /// From an opening quote to behind the closing one.
  @_lifetime(self: copy self)
  private mutating func skipString() {
    position &+= 1
    while position < end {
      while position &+ 8 <= end {
        let word = bytes.load(position, as: UInt64.self)
        let quotes = word ^ 0x2222_2222_2222_2222
        let backslashes = word ^ 0x5C5C_5C5C_5C5C_5C5C
        let ones: UInt64 = 0x0101_0101_0101_0101
        let found =
          (((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes))
          & 0x8080_8080_8080_8080
        if found == 0 {
          position &+= 8
        } else {
          position &+= found.trailingZeroBitCount / 8
          break
        }
      }
      guard position < end else { break }
      let byte = bytes[position]
      position &+= byte == 0x5C ? 2 : 1
      if byte == 0x22 { return }
    }
    position = min(position, end)
  }

  /// From an opening bracket to behind the one that closes it.
  @_lifetime(self: copy self)
  private mutating func skipContainer() {
    var depth = 0
    while position < end {
      switch bytes[position] {
      case 0x22:
        skipString()
        continue
      case 0x7B, 0x5B: depth &+= 1
      case 0x7D, 0x5D: depth &-= 1
      default: break
      }
      position &+= 1
      if depth == 0 { return }
    }
  }
}

/// White space, comma, colon.
private func isBetween(_ byte: UInt8) -> Bool {
  byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 || byte == 0x2C || byte == 0x3A
}

private func isEndOfPlainValue(_ byte: UInt8) -> Bool {
  isBetween(byte) || byte == 0x7D || byte == 0x5D || byte == 0x22 || byte == 0x7B || byte == 0x5B
}

private func kindOfPlainValue(_ first: UInt8) -> JSONKind {
  switch first {
  case 0x74, 0x66: .bool
  case 0x6E: .null
  default: .number
  }
}
