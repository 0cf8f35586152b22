// Looking for a few bytes in many.

extension Array where Element == UInt8 {
  /// Whether `needle` stands in these bytes; an empty one does. Most bytes are passed over without
  /// a look (R. N. Horspool, "Practical fast searching in strings", 1980).
  public func contains(sequence needle: [UInt8]) -> Bool {
    let length = needle.count
    guard let last = needle.last else { return true }
    guard count >= length else { return false }
    var shifts = [Int](repeating: length, count: 256)
    for (index, byte) in needle.dropLast().enumerated() { shifts[Int(byte)] = length - 1 - index }
    var end = length - 1
    while end < count {
      let byte = self[end]
      if byte == last && self[(end - length + 1)...end].elementsEqual(needle) { return true }
      end += shifts[Int(byte)]
    }
    return false
  }
}
