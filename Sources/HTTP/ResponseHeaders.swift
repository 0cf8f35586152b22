// The header fields of an answer, kept in the form in which they are sent, so that a constant set
// is made once and copied with one append.

/// Header fields to send. `date`, `content-length`, `transfer-encoding` and `connection` are the
/// HTTP layer's own and are never taken from here, but for `connection: keep-alive`.
public struct ResponseHeaders: Sendable {
  private(set) var bytes: [UInt8] = []
  private(set) var showsKeepAlive = false

  public init() {}
  /// Just a content-type.
  public init(contentType: String) { add("content-type", contentType) }

  /// Adds a field. False, and nothing added, when the name is not a token, when the value holds a
  /// control character (which could start another field), or when the HTTP layer sets this field.
  @discardableResult
  public mutating func add(_ name: String, _ value: String) -> Bool {
    let start = bytes.count
    for c in name.utf8 {
      if !isToken(c) {
        bytes.removeSubrange(start...)
        return false
      }
      bytes.append(lowercased(c))
    }
    if isOwn(bytes[start...]) || bytes.count == start {
      if bytes[start...].elementsEqual("connection".utf8) && value == "keep-alive" {
        showsKeepAlive = true
      }
      bytes.removeSubrange(start...)
      return false
    }
    bytes.append(58)
    bytes.append(32)
    for c in value.utf8 {
      if (c < 32 && c != 9) || c == 127 {
        bytes.removeSubrange(start...)
        return false
      }
      bytes.append(c)
    }
    bytes.append(13)
    bytes.append(10)
    return true
  }
  private func isOwn(_ name: ArraySlice<UInt8>) -> Bool {
    switch name.count {
    case 4: name.elementsEqual("date".utf8)
    case 10: name.elementsEqual("connection".utf8)
    case 14: name.elementsEqual("content-length".utf8)
    case 17: name.elementsEqual("transfer-encoding".utf8)
    default: false
    }
  }
}
