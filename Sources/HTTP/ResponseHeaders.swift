// The header fields of an answer, kept in the form in which they are sent, so that a constant set is
// made once and copied with one append.

/// Header fields to send. `date`, `content-length`, `transfer-encoding` and `connection` are the HTTP
/// layer's own and are never taken from here, but for `connection: keep-alive`.
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

/// The reason phrase of a status (RFC 9110 section 15; the IANA registry; 529 as Anthropic uses it).
public func reasonPhrase(_ status: Int) -> String {
  switch status {
  case 100: "Continue"
  case 101: "Switching Protocols"
  case 102: "Processing"
  case 103: "Early Hints"
  case 200: "OK"
  case 201: "Created"
  case 202: "Accepted"
  case 203: "Non-Authoritative Information"
  case 204: "No Content"
  case 205: "Reset Content"
  case 206: "Partial Content"
  case 300: "Multiple Choices"
  case 301: "Moved Permanently"
  case 302: "Found"
  case 303: "See Other"
  case 304: "Not Modified"
  case 307: "Temporary Redirect"
  case 308: "Permanent Redirect"
  case 400...499: clientErrorPhrase(status)
  case 500: "Internal Server Error"
  case 501: "Not Implemented"
  case 502: "Bad Gateway"
  case 503: "Service Unavailable"
  case 504: "Gateway Timeout"
  case 505: "HTTP Version Not Supported"
  case 507: "Insufficient Storage"
  case 508: "Loop Detected"
  case 511: "Network Authentication Required"
  case 529: "Overloaded"
  default: "Unknown"
  }
}

private func clientErrorPhrase(_ status: Int) -> String {
  switch status {
  case 400: "Bad Request"
  case 401: "Unauthorized"
  case 402: "Payment Required"
  case 403: "Forbidden"
  case 404: "Not Found"
  case 405: "Method Not Allowed"
  case 406: "Not Acceptable"
  case 407: "Proxy Authentication Required"
  case 408: "Request Timeout"
  case 409: "Conflict"
  case 410: "Gone"
  case 411: "Length Required"
  case 412: "Precondition Failed"
  case 413: "Content Too Large"
  case 414: "URI Too Long"
  case 415: "Unsupported Media Type"
  case 416: "Range Not Satisfiable"
  case 417: "Expectation Failed"
  case 421: "Misdirected Request"
  case 422: "Unprocessable Content"
  case 423: "Locked"
  case 424: "Failed Dependency"
  case 425: "Too Early"
  case 426: "Upgrade Required"
  case 428: "Precondition Required"
  case 429: "Too Many Requests"
  case 431: "Request Header Fields Too Large"
  case 451: "Unavailable For Legal Reasons"
  default: "Unknown"
  }
}
