// Hashes of the log's Merkle tree (RFC 6962, section 2.1): SHA-256, leaves and nodes told apart by
// their first byte. A leaf is a record's canonical bytes; its index is its sequence number - 1.
internal import Base

/// 32 bytes of SHA-256.
public struct TreeHash: Hashable, Sendable {
  /// The bytes as they stand in memory.
  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  public static let byteCount = 32

  private init() {}

  /// nil unless there are 32 bytes.
  public init?(_ bytes: [UInt8]) { self.init(bytes.span) }

  /// nil unless there are 32 bytes.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    words = (
      bytes.load(0, as: UInt64.self), bytes.load(8, as: UInt64.self),
      bytes.load(16, as: UInt64.self), bytes.load(24, as: UInt64.self)
    )
  }

  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount)
    append(to: &bytes)
    return bytes
  }

  public func append(to bytes: inout [UInt8]) {
    bytes.append(littleEndian: words.0)
    bytes.append(littleEndian: words.1)
    bytes.append(littleEndian: words.2)
    bytes.append(littleEndian: words.3)
  }

  public static func == (a: Self, b: Self) -> Bool { a.words == b.words }
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

  /// SHA-256(0x00 || record).
  public static func leaf(_ record: Span<UInt8>) -> TreeHash {
    var hash = TreeHash()
    TreeHashing.leaf(record, into: &hash.words)
    return hash
  }

  /// SHA-256(0x01 || left || right).
  public static func node(_ left: TreeHash, _ right: TreeHash) -> TreeHash {
    var hash = TreeHash()
    TreeHashing.node(left.words, right.words, into: &hash.words)
    return hash
  }

  /// The root of a tree without leaves: SHA-256 of nothing.
  public static let emptyRoot: TreeHash = {
    guard let hash = TreeHash(sha256([])) else { preconditionFailure("SHA-256 has 32 bytes") }
    return hash
  }()

  /// The root of a tree over these: perfect subtrees of one size, of which only the last may be
  /// smaller.
  static func root(of subtrees: [TreeHash]) -> TreeHash {
    if subtrees.isEmpty { return .emptyRoot }
    var row = subtrees
    // Joining neighbours and letting an odd last one through splits as RFC 6962 does.
    while row.count > 1 {
      var next = 0
      var index = 0
      while index + 1 < row.count {
        row[next] = .node(row[index], row[index + 1])
        next += 1
        index += 2
      }
      if index < row.count {
        row[next] = row[index]
        next += 1
      }
      row.removeLast(row.count - next)
    }
    return row[0]
  }
}
