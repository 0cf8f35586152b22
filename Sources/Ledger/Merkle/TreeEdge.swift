// The right edge of the tree: all that is needed to append leaves and to know the root. For each
// level of tiles the hashes of its last, unfinished tile.

/// A tree of `size` leaves without its finished tiles.
public struct TreeEdge: Hashable, Sendable {
  /// Leaves.
  public private(set) var size: UInt64 = 0
  /// By level of tiles: fewer than 256 hashes each.
  private(set) var rows: [[TreeHash]] = []

  public init() {}

  /// The edge of a tree whose finished tiles are known.
  /// - Parameter rows: as many hashes on each level as a tree of that size has beyond its whole
  ///   tiles.
  init(size: UInt64, rows: [[TreeHash]]) {
    precondition(
      rows.indices.allSatisfy { rows[$0].count == Self.count(of: size, level: $0) },
      "the rows are not those of a tree of \(size) leaves")
    self.size = size
    self.rows = rows
  }

  /// Hashes of a level that stand in no whole tile yet.
  static func count(of size: UInt64, level: Int) -> Int {
    Int(size >> UInt64(level * TileCoordinates.height) % UInt64(TileCoordinates.greatestWidth))
  }

  /// Appends a leaf.
  /// - Parameter finished: given each tile that is whole now, with its hashes.
  public mutating func append<Failure: Error>(
    _ leaf: TreeHash, finished: (TileCoordinates, [TreeHash]) throws(Failure) -> Void
  ) throws(Failure) {
    var hash = leaf
    var level = 0
    size += 1
    while true {
      if rows.count == level { rows.append([]) }
      rows[level].append(hash)
      guard rows[level].count == TileCoordinates.greatestWidth else { return }
      let index = (size >> UInt64((level + 1) * TileCoordinates.height)) - 1
      try finished(TileCoordinates(level: level, index: index), rows[level])
      hash = .root(of: rows[level])
      rows[level].removeAll(keepingCapacity: true)
      level += 1
    }
  }

  /// The root over all leaves.
  public var root: TreeHash {
    var smaller: TreeHash?
    for row in rows {
      let all = smaller.map { row + [$0] } ?? row
      if !all.isEmpty { smaller = .root(of: all) }
    }
    return smaller ?? .emptyRoot
  }
}
