// Hashes, tiles and proofs of the tree, against the vectors of certificate transparency and against
// the definitions of RFC 6962 taken literally.
import Base
import Testing

@testable import Ledger

/// A tree in memory: whole tiles as they were finished, and the edge.
private struct MemoryTree: TileSource {
  var edge = TreeEdge()
  var tiles: [TileCoordinates: [TreeHash]] = [:]

  mutating func append(_ leaf: TreeHash) {
    var finished: [(TileCoordinates, [TreeHash])] = []
    edge.append(leaf) { finished.append(($0, $1)) }
    for (tile, hashes) in finished { tiles[tile] = hashes }
  }

  func hashes(of tile: TileCoordinates) throws(LedgerError) -> [TreeHash] {
    let whole = TileCoordinates(level: tile.level, index: tile.index)
    if let hashes = tiles[whole] { return Array(hashes.prefix(tile.width)) }
    return Array(edge.rows[tile.level ?? 0].prefix(tile.width))
  }
}

/// RFC 6962, section 2.1, word by word.
private enum Definition {
  static func root(_ leaves: ArraySlice<TreeHash>) -> TreeHash {
    if leaves.isEmpty { return .emptyRoot }
    if leaves.count == 1 { return leaves[leaves.startIndex] }
    let k = split(leaves.count)
    return .node(
      root(leaves.prefix(k)), root(leaves.dropFirst(k)))
  }
  static func path(_ m: Int, _ leaves: ArraySlice<TreeHash>) -> [TreeHash] {
    if leaves.count == 1 { return [] }
    let k = split(leaves.count)
    return m < k
      ? path(m, leaves.prefix(k)) + [root(leaves.dropFirst(k))]
      : path(m - k, leaves.dropFirst(k)) + [root(leaves.prefix(k))]
  }
  static func proof(_ m: Int, _ leaves: ArraySlice<TreeHash>) -> [TreeHash] {
    subproof(m, leaves, true)
  }
  private static func subproof(
    _ m: Int, _ leaves: ArraySlice<TreeHash>, _ isComplete: Bool
  ) -> [TreeHash] {
    if m == leaves.count { return isComplete ? [] : [root(leaves)] }
    let k = split(leaves.count)
    return m <= k
      ? subproof(m, leaves.prefix(k), isComplete) + [root(leaves.dropFirst(k))]
      : subproof(m - k, leaves.dropFirst(k), false) + [root(leaves.prefix(k))]
  }
  private static func split(_ n: Int) -> Int {
    var k = 1
    while k * 2 < n { k *= 2 }
    return k
  }
}

@Suite struct TreeTests {
  private static func leaf(_ number: Int) -> TreeHash {
    .leaf(Array("leaf \(number)".utf8).span)
  }
  private static func tree(_ size: Int) -> (tree: MemoryTree, leaves: [TreeHash]) {
    var tree = MemoryTree()
    let leaves = (0..<size).map { leaf($0) }
    for leaf in leaves { tree.append(leaf) }
    return (tree, leaves)
  }

  @Test func `roots are those of certificate transparency's test vectors`() {
    let inputs: [[UInt8]] = [
      [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43],
      [0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57], Array(0x60...0x6F),
    ]
    let roots = [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    #expect(
      Hex.encode(TreeHash.emptyRoot.bytes)
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    var tree = MemoryTree()
    for (input, root) in zip(inputs, roots) {
      tree.append(.leaf(input.span))
      #expect(Hex.encode(tree.edge.root.bytes) == root)
    }
  }

  @Test func `a leaf's hash is SHA-256 of a zero and the record, whatever its length`() {
    for count in 0...300 {
      let record = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      #expect(TreeHash.leaf(record.span).bytes == sha256([0] + record), "\(count) bytes")
    }
    let (left, right) = (Self.leaf(1), Self.leaf(2))
    #expect(TreeHash.node(left, right).bytes == sha256([1] + left.bytes + right.bytes))
  }

  @Test func `roots and all proofs of small trees are those of the definition`() throws {
    let (tree, leaves) = Self.tree(40)
    var reader = TreeReader(tree, size: 40)
    for size in 1...40 {
      let part = leaves.prefix(size)
      let root = Definition.root(part)
      #expect(try reader.root(of: UInt64(size)) == root)
      for index in 0..<size {
        let path = try reader.inclusion(of: UInt64(index), in: UInt64(size))
        #expect(path == Definition.path(index, part))
        #expect(
          MerkleProof.isIncluded(
            leaves[index], at: UInt64(index), in: UInt64(size), root: root, path: path))
      }
      for old in 0...size {
        let path = try reader.consistency(from: UInt64(old), to: UInt64(size))
        if old > 0 { #expect(path == Definition.proof(old, part)) }
        #expect(
          MerkleProof.isConsistent(
            from: UInt64(old), Definition.root(part.prefix(old)), to: UInt64(size), root,
            path: path))
      }
    }
  }

  @Test func `proofs across whole tiles of three levels hold`() throws {
    let size = 66_000
    let (tree, leaves) = Self.tree(size)
    var reader = TreeReader(tree, size: UInt64(size))
    let root = try reader.root(of: UInt64(size))
    #expect(root == Definition.root(leaves[...]) && root == tree.edge.root)
    for index in [0, 255, 256, 65_535, 65_536, 65_999] {
      let path = try reader.inclusion(of: UInt64(index), in: UInt64(size))
      #expect(path == Definition.path(index, leaves[...]))
    }
    for old in [1, 255, 256, 257, 65_535, 65_536, 65_537, 65_999] {
      let path = try reader.consistency(from: UInt64(old), to: UInt64(size))
      #expect(path == Definition.proof(old, leaves[...]))
    }
  }

  @Test func `a proof that was changed anywhere is refused`() throws {
    let (tree, leaves) = Self.tree(21)
    var reader = TreeReader(tree, size: 21)
    let root = try reader.root(of: 21)
    let path = try reader.inclusion(of: 11, in: 21)
    func holds(
      _ leaf: TreeHash, _ index: UInt64, _ size: UInt64, _ path: [TreeHash]
    ) -> Bool { MerkleProof.isIncluded(leaf, at: index, in: size, root: root, path: path) }
    #expect(holds(leaves[11], 11, 21, path))
    #expect(!holds(leaves[12], 11, 21, path) && !holds(leaves[11], 10, 21, path))
    #expect(!holds(leaves[11], 21, 21, path) && !holds(leaves[11], .max, .max, path))
    #expect(!holds(leaves[11], 11, 21, path + [root]) && !holds(leaves[11], 11, 21, []))
    #expect(!holds(leaves[11], 11, 21, Array(path.dropLast())))
    for place in path.indices {
      var changed = path
      changed[place] = leaves[0]
      #expect(!holds(leaves[11], 11, 21, changed))
    }
    let old = try reader.root(of: 13)
    let proof = try reader.consistency(from: 13, to: 21)
    func extends(_ from: UInt64, _ oldRoot: TreeHash, _ path: [TreeHash]) -> Bool {
      MerkleProof.isConsistent(from: from, oldRoot, to: 21, root, path: path)
    }
    #expect(extends(13, old, proof))
    #expect(!extends(12, old, proof) && !extends(13, root, proof) && !extends(22, old, proof))
    #expect(!extends(13, old, []) && !extends(13, old, proof + [old]) && !extends(0, old, proof))
    for place in proof.indices {
      var changed = proof
      changed[place] = leaves[0]
      #expect(!extends(13, old, changed))
    }
  }

  @Test func `a tree that claims any size is answered without a trap`() throws {
    struct Same: TileSource {
      func hashes(of tile: TileCoordinates) throws(LedgerError) -> [TreeHash] {
        [TreeHash](repeating: .emptyRoot, count: tile.width)
      }
    }
    let claims: [UInt64] = [.max, .max - 1, 1 << 63, (1 << 63) + 1, (1 << 63) - 1]
    for size in claims {
      var reader = TreeReader(Same(), size: size)
      let path = try reader.consistency(from: 300, to: size)
      #expect(path.count <= 128)
      #expect(
        !MerkleProof.isConsistent(
          from: 300, .emptyRoot, to: size, .emptyRoot, path: path))
      let proof = try reader.inclusion(of: size - 1, in: size)
      #expect(
        !MerkleProof.isIncluded(
          .emptyRoot, at: size - 1, in: size, root: .leaf([1].span), path: proof))
    }
  }

  @Test func `tiles have the names of C2SP tlog-tiles, and only these`() {
    let good: [(TileCoordinates, String)] = [
      (TileCoordinates(level: 0, index: 0), "tile/0/000"),
      (TileCoordinates(level: 3, index: 1_234_067), "tile/3/x001/x234/067"),
      (TileCoordinates(level: 1, index: 999, width: 1), "tile/1/999.p/1"),
      (TileCoordinates(level: 63, index: 1000, width: 255), "tile/63/x001/000.p/255"),
      (TileCoordinates(level: nil, index: 5, width: 17), "tile/entries/005.p/17"),
    ]
    for (tile, path) in good {
      #expect(tile.path == path)
      #expect(TileCoordinates(path: path) == tile)
    }
    for path in [
      "", "tile", "tile/0", "tile/0/", "tile/0/0", "tile/0/1000", "tile/00/000", "tile/64/000",
      "tile/-1/000", "tile/0/x000/000", "tile/0/001/000", "tile/0/x001", "tile/0/000.p/0",
      "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/../000", "tile/0/000/",
      "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/+01", "/tile/0/000", "tile/0/00\u{0}",
    ] { #expect(TileCoordinates(path: path) == nil, "\(path)") }
  }
}
