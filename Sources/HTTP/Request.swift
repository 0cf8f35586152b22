// A request as a handler sees it: the head, complete and checked. The body is read through the
// Client.

/// The methods of RFC 9110 section 9 and PATCH; anything else was refused with 501.
public enum Method: String, Sendable {
  case get = "GET", head = "HEAD", post = "POST", put = "PUT", delete = "DELETE"
  case connect = "CONNECT", options = "OPTIONS", trace = "TRACE", patch = "PATCH"

  /// Methods are compared with regard to case (RFC 9110 section 9.1).
  init?(_ b: borrowing Span<UInt8>, _ start: Int, _ end: Int) {
    if end - start > 7 { return nil }
    var name: [UInt8] = []
    for i in start..<end { name.append(b[i]) }
    switch name {
    case Self.getBytes: self = .get
    case Self.postBytes: self = .post
    default: self.init(rawValue: String(decoding: name, as: UTF8.self))
    }
  }
  private static let getBytes = Array("GET".utf8), postBytes = Array("POST".utf8)
}

/// One request's head.
public struct Request: Sendable {
  public let method: Method
  /// The path as it was sent, without the query: nothing is decoded, joined or cut.
  public let path: String
  /// What follows the first "?", as it was sent; nil without one.
  public let query: String?
  public let headers: HeaderFields
  /// The announced length of the body in bytes: 0 without a body, nil when it is chunked.
  public let contentLength: Int?
  /// Where the connection comes from: the next hop, not what a header claims.
  public let peer: PeerAddress
  /// 1 for HTTP/1.1, 0 for HTTP/1.0.
  public let httpMinor: Int

  init(_ parser: HeadParser, bytes: [UInt8], peer: PeerAddress) {
    method = parser.method
    let target = bytes[parser.target]
    let mark = target.firstIndex(of: 63)
    path = String(decoding: target[..<(mark ?? target.endIndex)], as: UTF8.self)
    query = mark.map { String(decoding: target[($0 + 1)...], as: UTF8.self) }
    headers = HeaderFields(bytes: bytes, ranges: parser.ranges)
    contentLength = parser.isChunked ? nil : parser.contentLength ?? 0
    self.peer = peer
    httpMinor = parser.minor
  }

  /// The decoded value of the first parameter `name` of the query ("+" is a space); nil when there
  /// is none, or when it holds a malformed escape.
  public func queryValue(_ name: String) -> String? {
    guard let query else { return nil }
    for item in query.utf8.split(separator: 38) {
      let end = item.firstIndex(of: 61) ?? item.endIndex
      guard decodePercent(item[..<end]) == name else { continue }
      return decodePercent(end == item.endIndex ? item[end...] : item[end...].dropFirst())
    }
    return nil
  }

  /// All parameters of the query, decoded, in order; a name or value with a malformed escape is
  /// nil.
  public var queryItems: [(name: String?, value: String?)] {
    (query ?? "").utf8.split(separator: 38).map { item in
      let end = item.firstIndex(of: 61) ?? item.endIndex
      let value = end == item.endIndex ? item[end...] : item[end...].dropFirst()
      return (decodePercent(item[..<end]), decodePercent(value))
    }
  }
}

private func decodePercent(_ text: Substring.UTF8View) -> String? {
  var bytes: [UInt8] = []
  var i = text.startIndex
  while i != text.endIndex {
    var c = text[i]
    i = text.index(after: i)
    if c == 43 { c = 32 }
    if c == 37 {
      guard i != text.endIndex, let high = hexDigit(text[i]) else { return nil }
      i = text.index(after: i)
      guard i != text.endIndex, let low = hexDigit(text[i]) else { return nil }
      i = text.index(after: i)
      c = UInt8(high << 4 | low)
    }
    bytes.append(c)
  }
  return String(decoding: bytes, as: UTF8.self)
}
