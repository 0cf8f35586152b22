// What a base URL may be (spec: gateway.md, section 5): no user info, query or fragment, so that
// nothing secret hides in it and paths can be appended.
import Base

enum UpstreamURL {
  /// Why `url` is not acceptable; nil when it is. Never repeats user info.
  static func problem(_ url: String, schemes: [String], allowsQuery: Bool = false) -> String? {
    guard let colon = url.range(of: "://") else {
      return "must be a URL that begins with \(schemes[0])://"
    }
    let scheme = url[..<colon.lowerBound].lowercased()
    guard schemes.contains(scheme) else {
      return "must begin with \(schemes.map { "\($0)://" }.joined(separator: " or "))"
    }
    guard url.utf8.count <= 2048, url.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 92 }) else {
      return "has blanks, backslashes or characters outside ASCII, or is too long"
    }
    let rest = url[colon.upperBound...]
    let authority = rest.prefix { !"/?#".contains($0) }
    if authority.contains("@") { return "must not hold a user name or password" }
    if !allowsQuery, rest.contains("?") { return "must not have a query (?...)" }
    if rest.contains("#") { return "must not have a fragment (#...)" }
    return hostProblem(authority)
  }

  private static func hostProblem(_ authority: Substring) -> String? {
    var host = authority
    var port: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return "has an unclosed `[`" }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let after = authority[authority.index(after: end)...]
      guard after.isEmpty || after.hasPrefix(":") else { return "has text behind `]`" }
      port = after.isEmpty ? nil : after.dropFirst()
      guard let address = InternetAddress(host), !address.isIPv4 else {
        return "has no IPv6 address between `[` and `]`"
      }
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      port = authority[authority.index(after: colon)...]
    }
    if host.isEmpty { return "has no host name" }
    if let port {
      guard let number = UInt16(port), number > 0, port.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 })
      else { return "has the port \"\(port)\", which is no number from 1 to 65535" }
    }
    return nil
  }
}

extension String {
  /// The first place where `other` stands.
  fileprivate func range(of other: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(other) {
        return start..<index(start, offsetBy: other.count)
      }
      start = index(after: start)
    }
    return nil
  }
}
