// Internet addresses and ranges of them (CIDR, RFC 4632 and RFC 4291): rules over callers, trusted
// proxies. An IPv4 address and its IPv4-mapped IPv6 form are one and the same here.
import Glibc

/// An address: 16 bytes, IPv4 as ::ffff:a.b.c.d.
public struct InternetAddress: Hashable, Sendable, CustomStringConvertible {
  public let bytes: [UInt8]

  /// 4 or 16 bytes in network order; nil otherwise.
  public init?(bytes: [UInt8]) {
    switch bytes.count {
    case 4: self.bytes = Self.mappedPrefix + bytes
    case 16: self.bytes = bytes
    default: return nil
    }
  }
  /// Dotted IPv4 or IPv6 text without zone or port; nil otherwise.
  public init?(_ text: some StringProtocol) {
    let text = String(text)
    guard text.utf8.count <= 45 else { return nil }
    var v4 = [UInt8](repeating: 0, count: 4)
    if unsafe inet_pton(AF_INET, text, &v4) == 1 {
      self.init(bytes: v4)
      return
    }
    var v6 = [UInt8](repeating: 0, count: 16)
    guard unsafe inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
    self.init(bytes: v6)
  }

  private static let mappedPrefix: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]
  public var isIPv4: Bool { bytes.starts(with: Self.mappedPrefix) }

  public var description: String {
    let isV4 = isIPv4
    let raw = isV4 ? Array(bytes.suffix(4)) : bytes
    var text = [CChar](repeating: 0, count: 46)
    let done =
      unsafe inet_ntop(isV4 ? AF_INET : AF_INET6, raw, &text, socklen_t(text.count)) != nil
    guard done else { return "" }
    return String(
      decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// With all but the first bits cleared: /24 of IPv4, /48 of IPv6.
  public var prefix: InternetAddress {
    let kept = isIPv4 ? 15 : 6
    return InternetAddress(bytes: bytes.prefix(kept) + Array(repeating: 0, count: 16 - kept))
      ?? self
  }
}

/// All addresses that share their first `bits` bits with `base`.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  public let base: InternetAddress
  /// 0 ... 128, counted in the 16-byte form.
  public let bits: Int

  /// `10.0.0.0/8`, `2001:db8::/32`, or a single address. nil when it is none, when the length is
  /// out of range, or when bits beyond the length are set (most likely a slip of the pen).
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = parts.first, let base = InternetAddress(first) else {
      return nil
    }
    let isDotted = base.isIPv4 && !first.contains(":")
    var bits = 128
    if parts.count == 2 {
      guard parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
        let length = Int(parts[1]), length <= (isDotted ? 32 : 128)
      else { return nil }
      bits = isDotted ? 96 + length : length
    }
    for bit in bits..<128 where base.bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 { return nil }
    self.base = base
    self.bits = bits
  }

  public func contains(_ address: InternetAddress) -> Bool {
    let whole = bits / 8
    for i in 0..<whole where base.bytes[i] != address.bytes[i] { return false }
    let rest = bits % 8
    guard rest > 0 else { return true }
    let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
    return (base.bytes[whole] ^ address.bytes[whole]) & mask == 0
  }

  public var description: String {
    let isDotted = base.isIPv4 && bits >= 96
    let length = isDotted ? bits - 96 : bits
    return length == (isDotted ? 32 : 128) ? "\(base)" : "\(base)/\(length)"
  }

  /// Reads a comma-separated list; blanks around entries are ignored. "" is the empty list.
  /// - Returns: the ranges, or the first entry that is none.
  public static func list(_ text: String) -> Result<[AddressRange], InvalidEntry> {
    var ranges: [AddressRange] = []
    for entry in text.split(separator: ",", omittingEmptySubsequences: true) {
      let trimmed = entry.drop { $0 == " " }
      let word = String(trimmed.prefix { $0 != " " })
      guard word.count == trimmed.filter({ $0 != " " }).count, let range = AddressRange(word)
      else { return .failure(InvalidEntry(text: String(trimmed))) }
      ranges.append(range)
    }
    return .success(ranges)
  }
  /// An entry that is no address range.
  public struct InvalidEntry: Error, Equatable {
    public let text: String
    public init(text: String) { self.text = text }
  }
}

/// A rule over addresses, read once: its text is looked at when it is set, never when a request
/// comes.
public struct AddressRule: Equatable, Sendable {
  private let allowed: [AddressRange]
  private let denied: [AddressRange]
  /// Lists are checked when they are set; one that cannot be read allows nobody.
  private let isReadable: Bool
  /// No list at all: everybody, the local socket too.
  private let isEmpty: Bool

  /// Allows everybody.
  public init() { self.init(allow: "", deny: "") }

  /// - Parameters: comma-separated ranges each; "" = no list.
  public init(allow: String, deny: String) {
    isEmpty = allow.isEmpty && deny.isEmpty
    switch (AddressRange.list(allow), AddressRange.list(deny)) {
    case (.success(let allowed), .success(let denied)):
      self.allowed = allowed
      self.denied = denied
      isReadable = true
    default:
      allowed = []
      denied = []
      isReadable = false
    }
  }

  /// The deny list first, then the allow list; an empty list says nothing. A caller without an
  /// address passes only when there is no list.
  public func allows(_ address: InternetAddress?) -> Bool {
    if isEmpty { return true }
    guard isReadable, let address else { return false }
    if denied.contains(where: { $0.contains(address) }) { return false }
    return allowed.isEmpty || allowed.contains { $0.contains(address) }
  }
}
