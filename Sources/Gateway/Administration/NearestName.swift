// "Did you mean": the known word nearest to one that is not known. For configuration keys,
// commands, options, and names of users, keys, groups, accounts, models.

/// Finds the known word that was most likely meant.
public enum NearestName {
  /// The nearest of `known` by edit distance (a swap of neighbours counts once, letter case
  /// nothing), or nil when none is near: more than a third of the letters differ.
  public static func find(_ word: String, among known: some Sequence<String>) -> String? {
    let typed = Array(word.lowercased().utf8.prefix(longest))
    var best: (name: String, distance: Int)?
    for name in known {
      let candidate = Array(name.lowercased().utf8.prefix(longest))
      let bound = max(1, max(typed.count, candidate.count) / 3)
      guard abs(typed.count - candidate.count) <= bound else { continue }
      let distance = distance(typed, candidate)
      if distance <= bound, distance < best?.distance ?? .max { best = (name, distance) }
    }
    return best?.name
  }

  /// `; did you mean "NAME"?`, or nothing.
  public static func hint(_ word: String, among known: some Sequence<String>) -> String {
    find(word, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
  }

  /// Bytes of a word that are looked at: the work stays small whatever is typed.
  static let longest = 64

  /// Optimal string alignment distance.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before: [Int] = []
    var above = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      row.reserveCapacity(b.count + 1)
      for j in 0..<b.count {
        var cost = min(above[j] + (a[i] == b[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
        row.append(cost)
      }
      (before, above) = (above, row)
    }
    return above[b.count]
  }
}
