// The hashes of a range of leaves, joined as far as the tree allows: a few perfect subtrees, so
// that segments can be hashed side by side and put together afterwards.

/// Neighbouring leaves as perfect subtrees of the tree.
struct SubtreeRun: Sendable {
  /// Index of the first leaf, and behind the last one.
  let start: UInt64
  private(set) var end: UInt64
  /// From the left; none can be joined with its neighbour.
  private var nodes: [(level: Int, hash: TreeHash)] = []

  init(from start: UInt64) {
    self.start = start
    end = start
  }

  mutating func append(_ leaf: TreeHash) { push(leaf, level: 0) }

  /// Appends the leaves that follow.
  mutating func append(_ next: SubtreeRun) {
    precondition(next.start == end, "the runs are no neighbours")
    for node in next.nodes { push(node.hash, level: node.level) }
  }

  private mutating func push(_ hash: TreeHash, level: Int) {
    var (hash, level) = (hash, level)
    end += 1 << UInt64(level)
    // A left neighbour of the same size makes a pair if the pair begins where the tree has one.
    while let left = nodes.last, left.level == level,
      end & ((1 << UInt64(level + 1)) - 1) == 0
    {
      nodes.removeLast()
      hash = .node(left.hash, hash)
      level += 1
    }
    nodes.append((level, hash))
  }

  /// The root of a tree of these leaves; nil unless they begin with the first.
  var root: TreeHash? {
    guard start == 0 else { return nil }
    guard var root = nodes.last?.hash else { return .emptyRoot }
    for node in nodes.dropLast().reversed() { root = .node(node.hash, root) }
    return root
  }
}
