// Comparison of secrets.

extension Span where Element == UInt8 {
  /// Whether both hold the same bytes, in a time that depends on the lengths alone.
  public func isEqualInConstantTime(to other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    var difference: UInt8 = 0
    for index in indices { difference |= self[index] ^ other[index] }
    return difference == 0
  }
}

extension Array where Element == UInt8 {
  /// Whether both hold the same bytes, in a time that depends on the lengths alone.
  public func isEqualInConstantTime(to other: [UInt8]) -> Bool {
    span.isEqualInConstantTime(to: other.span)
  }
}
