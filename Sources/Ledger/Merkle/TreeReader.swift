// Roots and proofs of a tree, from its tiles, wherever they are: on disk, in memory, at another
// server. A perfect subtree of 2^k leaves that begins at a multiple of 2^k is a row of one tile's
// hashes; everything else is joined from such (RFC 6962, sections 2.1.1 and 2.1.2).
/// Where a tree's hashes come from.
public protocol TileSource {
  /// The first `width` hashes of a tile, 32 bytes each.
  func hashes(of tile: TileCoordinates) throws(LedgerError) -> [TreeHash]
}

/// Reads a tree of a certain size.
public struct TreeReader<Source: TileSource> {
  /// Leaves.
  public let size: UInt64
  private let source: Source
  /// The tiles read last, by coordinates: proofs of neighbours share most of theirs.
  private var known: [TileCoordinates: [TreeHash]] = [:]
  private static var greatestKnown: Int { 64 }

  public init(_ source: Source, size: UInt64) {
    self.source = source
    self.size = size
  }

  /// The root over the first `count` leaves, at most `size`.
  public mutating func root(of count: UInt64) throws(LedgerError) -> TreeHash {
    precondition(count <= size, "the tree has fewer leaves")
    return count == 0 ? .emptyRoot : try hash(0..<count)
  }

  /// What proves that a leaf is in the tree of the first `count` leaves: its siblings, upwards.
  public mutating func inclusion(
    of index: UInt64, in count: UInt64
  ) throws(LedgerError) -> [TreeHash] {
    precondition(index < count && count <= size, "the tree has no such leaf")
    var range = 0..<count
    var path: [TreeHash] = []
    // Not `range.count`: a log may claim more leaves than an Int holds.
    while range.upperBound - range.lowerBound > 1 {
      let middle = range.lowerBound + Self.split(range.upperBound - range.lowerBound)
      if index < middle {
        path.append(try hash(middle..<range.upperBound))
        range = range.lowerBound..<middle
      } else {
        path.append(try hash(range.lowerBound..<middle))
        range = middle..<range.upperBound
      }
    }
    return path.reversed()
  }

  /// What proves that the tree of the first `count` leaves begins with the one of `old`.
  public mutating func consistency(
    from old: UInt64, to count: UInt64
  ) throws(LedgerError) -> [TreeHash] {
    precondition(old <= count && count <= size, "the tree has fewer leaves")
    if old == 0 || old == count { return [] }
    var range = 0..<count
    var path: [TreeHash] = []
    var isWhole = true
    // Down to the subtree that ends with the old tree's last leaf.
    while range.upperBound != old {
      let middle = range.lowerBound + Self.split(range.upperBound - range.lowerBound)
      if old <= middle {
        path.append(try hash(middle..<range.upperBound))
        range = range.lowerBound..<middle
      } else {
        path.append(try hash(range.lowerBound..<middle))
        range = middle..<range.upperBound
        isWhole = false
      }
    }
    if !isWhole { path.append(try hash(range)) }
    return path.reversed()
  }

  /// The greatest power of two below a number > 1.
  static func split(_ count: UInt64) -> UInt64 {
    1 << UInt64(63 - (count - 1).leadingZeroBitCount)
  }

  /// The root over some leaves that make up a node of the tree.
  private mutating func hash(_ range: Range<UInt64>) throws(LedgerError) -> TreeHash {
    let count = range.upperBound - range.lowerBound
    if count & (count - 1) == 0 {
      return try perfect(range.lowerBound, level: count.trailingZeroBitCount)
    }
    let middle = range.lowerBound + Self.split(count)
    let left = try perfect(
      range.lowerBound, level: (middle - range.lowerBound).trailingZeroBitCount)
    return .node(left, try hash(middle..<range.upperBound))
  }

  /// The root of the perfect subtree of 2^level leaves from `start` on.
  private mutating func perfect(
    _ start: UInt64, level: Int
  ) throws(LedgerError) -> TreeHash {
    let tileLevel = level / TileCoordinates.height
    let inTile = level % TileCoordinates.height
    let place = start >> UInt64(tileLevel * TileCoordinates.height)
    let width = UInt64(TileCoordinates.greatestWidth)
    let first = Int(place % width)
    let there = size >> UInt64(tileLevel * TileCoordinates.height)
    let index = place / width
    let hashes = try tile(
      TileCoordinates(
        level: tileLevel, index: index, width: Int(min(width, there - index * width))))
    let end = first + (1 << inTile)
    guard end <= hashes.count else {
      throw .tree("tile \(tileLevel)/\(index) has \(hashes.count) hashes, \(end) are needed")
    }
    return .root(of: Array(hashes[first..<end]))
  }

  private mutating func tile(_ tile: TileCoordinates) throws(LedgerError) -> [TreeHash] {
    if let hashes = known[tile] { return hashes }
    let hashes = try source.hashes(of: tile)
    if known.count >= Self.greatestKnown { known.removeAll(keepingCapacity: true) }
    known[tile] = hashes
    return hashes
  }
}
