// Identifiers as people and scripts see them: opaque text, `usr_0000000000` and the like. Base32 of
// 48 bits, the partition (u16, 0 today) then the dense id (u32), most significant first, in
// Crockford's alphabet, lower case: ten characters.
public import Ledger

/// Text of an identifier, and back.
public struct PublicIdentifier: Hashable, Sendable, CustomStringConvertible {
  public enum Kind: String, CaseIterable, Sendable {
    case user = "usr"
    case key = "key"
    case group = "grp"
    case account = "acc"
    case subscription = "sub"
  }
  public let kind: Kind
  public let partition: UInt16
  public let id: UInt32

  public init(kind: Kind, partition: UInt16 = 0, id: UInt32) {
    self.kind = kind
    self.partition = partition
    self.id = id
  }
  public init(_ user: UserID) { self.init(kind: .user, id: user.value) }
  public init(_ key: KeyID) { self.init(kind: .key, id: key.value) }
  public init(_ group: GroupID) { self.init(kind: .group, id: group.value) }
  public init(_ account: AccountID) { self.init(kind: .account, id: account.value) }
  public init(_ subscription: SubscriptionID) {
    self.init(kind: .subscription, id: subscription.value)
  }

  private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
  private static let digits = 10

  public var description: String {
    var rest = UInt64(partition) << 32 | UInt64(id)
    var text = [UInt8](repeating: 0, count: Self.digits)
    for i in stride(from: Self.digits - 1, through: 0, by: -1) {
      text[i] = Self.alphabet[Int(rest & 31)]
      rest >>= 5
    }
    return "\(kind.rawValue)_" + String(decoding: text, as: UTF8.self)
  }

  /// nil for anything `description` does not give (letter case is ignored).
  public init?(_ text: String) {
    let parts = text.lowercased().split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])),
      parts[1].utf8.count == Self.digits
    else { return nil }
    var all: UInt64 = 0
    for byte in parts[1].utf8 {
      guard let digit = Self.alphabet.firstIndex(of: byte) else { return nil }
      all = all << 5 | UInt64(digit)
    }
    guard all < 1 << 48 else { return nil }
    self.init(
      kind: kind, partition: UInt16(all >> 32), id: UInt32(truncatingIfNeeded: all))
  }
}
