// The tree of the log at one size, readable: hashes from the edge in memory, else from tiles on
// disk, each compared with the hash above it, else from the log itself. A tile that is missing or
// damaged is made again.
internal import Base

/// The tree of a log's first `edge.size` events.
public struct LogTree: TileSource, Sendable {
  public let edge: TreeEdge
  private let files: LedgerFiles
  private let store: TileStore

  init(_ files: LedgerFiles, edge: TreeEdge) {
    self.files = files
    self.edge = edge
    store = TileStore(files.directory)
  }

  /// The tree of a log whose edge was hashed from its records.
  public static func of(_ files: LedgerFiles, edge: TreeEdge) -> LogTree {
    LogTree(files, edge: edge)
  }

  /// Leaves.
  public var size: UInt64 { edge.size }
  /// Reads roots and proofs.
  public var reader: TreeReader<LogTree> { TreeReader(self, size: size) }

  /// Whether the tree has such a tile, that wide.
  public func has(_ tile: TileCoordinates) -> Bool {
    let level = UInt64((tile.level ?? 0) * TileCoordinates.height)
    let there = level < 64 ? size >> level : 0
    let (start, overflow) = tile.index.multipliedReportingOverflow(
      by: UInt64(TileCoordinates.greatestWidth))
    return !overflow && start < there && there - start >= UInt64(tile.width)
  }

  /// The first hashes of a tile of this tree.
  /// - Throws: `.tree` when the tree has no such tile; what reading the log throws.
  public func hashes(of tile: TileCoordinates) throws(LedgerError) -> [TreeHash] {
    guard let level = tile.level, has(tile) else { throw .tree("there is no \(tile.path)") }
    let whole = TileCoordinates(level: level, index: tile.index)
    guard has(whole) else { return Array(edge.rows[level].prefix(tile.width)) }
    return Array(try wholeTile(whole, level).prefix(tile.width))
  }

  /// A tile as it is served: hashes end to end, or records, each behind its length (u16, big
  /// endian). nil when the tree has no such tile.
  public func bytes(of tile: TileCoordinates) throws(LedgerError) -> [UInt8]? {
    guard has(tile) else { return nil }
    var bytes: [UInt8] = []
    guard tile.level == nil else {
      bytes.reserveCapacity(tile.width * TreeHash.byteCount)
      for hash in try hashes(of: tile) { hash.append(to: &bytes) }
      return bytes
    }
    let first = tile.index * UInt64(TileCoordinates.greatestWidth)
    var reader = LedgerReader(files, from: SequenceNumber(first + 1))
    var left = tile.width
    while left > 0 {
      guard var batch = try reader.next() else {
        throw .noSuchSequence(reader.position, last: files.durable)
      }
      while left > 0, let record = batch.next() {
        let length = record.bytes.count
        bytes += [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
        bytes.append(contentsOf: record.bytes)
        left -= 1
      }
    }
    return bytes
  }

  private func wholeTile(
    _ tile: TileCoordinates, _ level: Int
  ) throws(LedgerError) -> [TreeHash] {
    let place = Int(tile.index % UInt64(TileCoordinates.greatestWidth))
    let above = try hashes(
      of: TileCoordinates(
        level: level + 1, index: tile.index / UInt64(TileCoordinates.greatestWidth),
        width: place + 1))
    if let hashes = try io({ () throws(FileError) in try store.read(tile) }),
      TreeHash.root(of: hashes) == above[place]
    {
      return hashes
    }
    // Tiles below it may be damaged as well: then only the log itself is believed.
    var made = level < 2 ? nil : try? roots(below: tile, level, usingTiles: true)
    if made.map({ TreeHash.root(of: $0) }) != above[place] {
      made = level == 0 ? try leaves(of: tile) : try roots(below: tile, level, usingTiles: false)
    }
    guard let made, TreeHash.root(of: made) == above[place] else {
      throw .tree("the log's events \(Self.events(of: tile, level)) are not those that were hashed")
    }
    // Without a disk to keep it on it is made again the next time.
    try? store.write(tile, made)
    return made
  }

  private static func events(of tile: TileCoordinates, _ level: Int) -> String {
    let width = UInt64(1) << UInt64((level + 1) * TileCoordinates.height)
    return "\(tile.index * width + 1) to \((tile.index + 1) * width)"
  }

  /// The hashes of a tile above others: their roots.
  private func roots(
    below tile: TileCoordinates, _ level: Int, usingTiles: Bool
  ) throws(LedgerError) -> [TreeHash] {
    var roots: [TreeHash] = []
    for place in 0..<UInt64(TileCoordinates.greatestWidth) {
      let child = TileCoordinates(
        level: level - 1, index: tile.index * UInt64(TileCoordinates.greatestWidth) + place)
      if usingTiles, let hashes = try io({ () throws(FileError) in try store.read(child) }) {
        roots.append(.root(of: hashes))
      } else {
        let made =
          level == 1
          ? try leaves(of: child)
          : try self.roots(below: child, level - 1, usingTiles: usingTiles)
        roots.append(.root(of: made))
      }
    }
    return roots
  }

  private func leaves(of tile: TileCoordinates) throws(LedgerError) -> [TreeHash] {
    let width = UInt64(TileCoordinates.greatestWidth)
    return try Self.leaves(in: files, tile.index * width..<(tile.index + 1) * width)
  }

  /// The leaf hashes of some events, by index.
  static func leaves(
    in files: LedgerFiles, _ range: Range<UInt64>
  ) throws(LedgerError) -> [TreeHash] {
    var hashes: [TreeHash] = []
    hashes.reserveCapacity(Int(range.count))
    var reader = LedgerReader(files, from: SequenceNumber(range.lowerBound + 1))
    while hashes.count < range.count {
      guard var batch = try reader.next() else {
        throw .noSuchSequence(SequenceNumber(range.upperBound), last: files.durable)
      }
      while hashes.count < range.count, let record = batch.next() {
        hashes.append(.leaf(record.bytes))
      }
    }
    return hashes
  }

  // MARK: - Opening

  /// The tree's edge at a size, from tiles on disk and the newest events; nil when a tile that is
  /// needed is not there. To be compared with a signed root.
  static func edge(
    of files: LedgerFiles, at size: UInt64
  ) throws(LedgerError) -> TreeEdge? {
    let store = TileStore(files.directory)
    let width = UInt64(TileCoordinates.greatestWidth)
    var rows: [[TreeHash]] = []
    var there = size
    while there > 0 {
      let start = there / width * width
      if rows.isEmpty {
        rows.append(start < there ? try leaves(in: files, start..<there) : [])
      } else {
        var row: [TreeHash] = []
        for index in start..<there {
          let tile = TileCoordinates(level: rows.count - 1, index: index)
          guard let hashes = try io({ () throws(FileError) in try store.read(tile) }) else {
            return nil
          }
          row.append(.root(of: hashes))
        }
        rows.append(row)
      }
      there /= width
    }
    return TreeEdge(size: size, rows: rows)
  }
}
