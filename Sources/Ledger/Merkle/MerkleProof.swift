// Checking proofs, as RFC 9162 has it: section 2.1.3.2 (a leaf is in a tree) and 2.1.4.2 (a tree
// begins with an older one). Nothing is believed but the hashes themselves; a proof of any length
// from anywhere gives an answer.

public enum MerkleProof {
  /// Whether `path` leads from a leaf at `index` to the root of a tree of `size` leaves.
  public static func isIncluded(
    _ leaf: TreeHash, at index: UInt64, in size: UInt64, root: TreeHash, path: [TreeHash]
  ) -> Bool {
    guard index < size else { return false }
    var (place, last) = (index, size - 1)
    var hash = leaf
    for sibling in path {
      if last == 0 { return false }
      if place & 1 == 1 || place == last {
        hash = .node(sibling, hash)
        while place & 1 == 0 && place != 0 {
          place >>= 1
          last >>= 1
        }
      } else {
        hash = .node(hash, sibling)
      }
      place >>= 1
      last >>= 1
    }
    return last == 0 && hash == root
  }

  /// Whether `path` proves that the tree of `size` leaves begins with the one of `old`.
  public static func isConsistent(
    from old: UInt64, _ oldRoot: TreeHash, to size: UInt64, _ root: TreeHash, path: [TreeHash]
  ) -> Bool {
    guard old <= size else { return false }
    if old == size { return path.isEmpty && oldRoot == root }
    if old == 0 { return path.isEmpty && oldRoot == .emptyRoot }
    var rest = path[...]
    // The old tree is a node of the new one: its root is where the path begins.
    if old & (old - 1) == 0 { rest = ([oldRoot] + path)[...] }
    guard let begin = rest.popFirst() else { return false }
    var (place, last) = (old - 1, size - 1)
    while place & 1 == 1 {
      place >>= 1
      last >>= 1
    }
    var (before, after) = (begin, begin)
    for sibling in rest {
      if last == 0 { return false }
      if place & 1 == 1 || place == last {
        before = .node(sibling, before)
        after = .node(sibling, after)
        while place & 1 == 0 && place != 0 {
          place >>= 1
          last >>= 1
        }
      } else {
        after = .node(after, sibling)
      }
      place >>= 1
      last >>= 1
    }
    return last == 0 && before == oldRoot && after == root
  }
}
