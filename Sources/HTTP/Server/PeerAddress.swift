// The other end of a connection.

import Glibc

/// Where a connection comes from.
public enum PeerAddress: Hashable, Sendable, CustomStringConvertible {
  /// Four bytes, in network order.
  case v4([UInt8], port: UInt16)
  /// Sixteen bytes, in network order. Addresses of IPv4 that arrive mapped (::ffff:a.b.c.d) are
  /// `v4`.
  case v6([UInt8], port: UInt16)
  /// A Unix socket of this machine.
  case local

  /// The address without the port, as it is written: "192.0.2.1", "2001:db8::1", "local".
  public var description: String {
    switch self {
    case .v4(let bytes, _): Self.text(AF_INET, bytes)
    case .v6(let bytes, _): Self.text(AF_INET6, bytes)
    case .local: "local"
    }
  }
  private static func text(_ family: Int32, _ bytes: [UInt8]) -> String {
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    _ = unsafe bytes.withUnsafeBytes { bytes in
      unsafe inet_ntop(family, bytes.baseAddress, &buffer, socklen_t(INET6_ADDRSTRLEN))
    }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  init(_ storage: sockaddr_storage) {
    let family = Int32(storage.ss_family)
    // Family, then the port, then for IPv4 the address, for IPv6 four bytes of flow and the
    // address.
    let bytes = unsafe withUnsafeBytes(of: storage) { unsafe Array($0.prefix(24)) }
    let port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    if family == AF_INET {
      self = .v4(Array(bytes[4..<8]), port: port)
    } else if family == AF_INET6 {
      let address = Array(bytes[8..<24])
      let isMapped =
        address[0..<10].allSatisfy { $0 == 0 } && address[10] == 255 && address[11] == 255
      self = isMapped ? .v4(Array(address[12...]), port: port) : .v6(address, port: port)
    } else {
      self = .local
    }
  }
}
