// Received header fields: the bytes as they came, and where each name and value lies in them.

/// The header fields of a request or of an upstream's answer. Names are compared without regard to
/// case (RFC 9110 section 5.1).
public struct HeaderFields: Sendable {
  struct Range: Sendable {
    var name: Int32, nameEnd: Int32, value: Int32, valueEnd: Int32
  }
  let bytes: [UInt8]
  let ranges: [Range]

  init(bytes: [UInt8], ranges: [Range]) {
    self.bytes = bytes
    self.ranges = ranges
  }
  /// How many field lines there are.
  public var count: Int { ranges.count }

  /// The value of the first field called `name` (lower case), nil when there is none. Bytes that
  /// are not UTF-8 come as U+FFFD.
  public subscript(name: String) -> String? {
    for range in ranges where isNamed(range, name) { return text(range.value, range.valueEnd) }
    return nil
  }
  /// The value's bytes of the first field called `name` (lower case).
  public func bytes(_ name: String) -> ArraySlice<UInt8>? {
    for range in ranges where isNamed(range, name) {
      return bytes[Int(range.value)..<Int(range.valueEnd)]
    }
    return nil
  }
  /// The values of all fields called `name` (lower case), in order.
  public func all(_ name: String) -> [String] {
    var values: [String] = []
    for range in ranges where isNamed(range, name) {
      values.append(text(range.value, range.valueEnd))
    }
    return values
  }
  /// The name of field `i`, in lower case.
  public func name(at i: Int) -> String {
    let range = ranges[i]
    var name: [UInt8] = []
    for k in Int(range.name)..<Int(range.nameEnd) { name.append(lowercased(bytes[k])) }
    return String(decoding: name, as: UTF8.self)
  }
  /// The value of field `i`.
  public func value(at i: Int) -> String { text(ranges[i].value, ranges[i].valueEnd) }

  private func text(_ start: Int32, _ end: Int32) -> String {
    String(decoding: bytes[Int(start)..<Int(end)], as: UTF8.self)
  }
  private func isNamed(_ range: Range, _ name: String) -> Bool {
    let length = Int(range.nameEnd - range.name)
    if length != name.utf8.count { return false }
    var i = Int(range.name)
    for c in name.utf8 {
      if lowercased(bytes[i]) != c { return false }
      i += 1
    }
    return true
  }
}

/// ASCII lower case.
func lowercased(_ c: UInt8) -> UInt8 { c >= 65 && c <= 90 ? c | 32 : c }

/// A character of a token (RFC 9110 section 5.6.2).
func isToken(_ c: UInt8) -> Bool {
  switch c {
  case 97...122, 65...90, 48...57: true
  case 33, 35...39, 42, 43, 45, 46, 94, 95, 96, 124, 126: true
  default: false
  }
}

/// True when `bytes[start..<end]` is `text` (lower case) but for case.
func matches(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int, _ text: StaticString) -> Bool
{
  if end - start != text.utf8CodeUnitCount { return false }
  return text.withUTF8Buffer { text in
    for k in 0..<(end - start) where unsafe lowercased(bytes[start + k]) != text[k] {
      return false
    }
    return true
  }
}
