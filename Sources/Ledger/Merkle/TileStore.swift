// Whole tiles on disk, DATA/tiles/<L>/<N>, in the spelling of C2SP tlog-tiles. They are derived
// from the log: never synced, never believed without a hash above them, made again when missing.
internal import Base

struct TileStore: Sendable {
  private let directory: LedgerDirectory

  init(_ directory: LedgerDirectory) { self.directory = directory }

  /// Bytes of a whole tile.
  static let tileBytes = TileCoordinates.greatestWidth * TreeHash.byteCount

  private func path(_ tile: TileCoordinates) -> String {
    directory.path + "/tiles/\(tile.level ?? 0)/\(TileCoordinates.name(of: tile.index))"
  }

  /// The hashes of a whole tile as the disk has them; nil when it is missing or of another length.
  func read(_ tile: TileCoordinates) throws(FileError) -> [TreeHash]? {
    let bytes: [UInt8]
    do throws(FileError) {
      let file = try directory.files.open(path(tile), .read)
      guard try file.size() == Self.tileBytes else { return nil }
      var content = [UInt8](repeating: 0, count: Self.tileBytes)
      guard try file.readFully(into: &content, content.indices, at: 0) == Self.tileBytes else {
        return nil
      }
      bytes = content
    } catch {
      if error.isMissing { return nil }
      throw error
    }
    var hashes: [TreeHash] = []
    hashes.reserveCapacity(TileCoordinates.greatestWidth)
    for start in stride(from: 0, to: bytes.count, by: TreeHash.byteCount) {
      let end = start + TreeHash.byteCount
      if let hash = TreeHash(bytes.span.extracting(start..<end)) { hashes.append(hash) }
    }
    return hashes
  }

  func write(_ tile: TileCoordinates, _ hashes: [TreeHash]) throws(FileError) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.tileBytes)
    for hash in hashes { hash.append(to: &bytes) }
    let path = path(tile)
    let file: any File
    do throws(FileError) { file = try directory.files.open(path, .replace) } catch {
      guard error.isMissing else { throw error }
      try makeFolders(of: path)
      file = try directory.files.open(path, .replace)
    }
    try file.writeFully(bytes.span, at: 0)
  }

  private func makeFolders(of path: String) throws(FileError) {
    var folder = directory.path
    let below = path.dropFirst(directory.path.utf8.count + 1).split(separator: "/").dropLast()
    for name in below {
      folder += "/" + name
      try directory.files.makeDirectory(folder)
    }
  }
}
