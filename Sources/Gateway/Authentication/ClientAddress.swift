// Where a request comes from: the peer, or what trusted proxies say about it.
import Base
import HTTP

extension Gateway {
  /// The peer's address; when that is a trusted proxy, the last address in X-Forwarded-For that is
  /// not one. A bad entry stops the walk. nil for the local socket.
  func clientAddress(of request: Request) -> InternetAddress? {
    let peer: InternetAddress? =
      switch request.peer {
      case .v4(let bytes, _), .v6(let bytes, _): InternetAddress(bytes: bytes)
      case .local: nil
      }
    guard var address = peer else { return nil }
    let trusted = snapshot.configuration.gateway.trustedProxies
    if trusted.isEmpty { return address }
    let entries = request.headers.all("x-forwarded-for").joined(separator: ",")
      .split(separator: ",", omittingEmptySubsequences: false)
    for entry in entries.reversed() {
      guard trusted.contains(where: { $0.contains(address) }) else { break }
      guard let next = InternetAddress(entry.trimmed) else { break }
      address = next
    }
    return address
  }
}
