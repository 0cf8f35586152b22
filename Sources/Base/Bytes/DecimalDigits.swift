// Whole numbers as decimal text, without a String on the way.

extension Array where Element == UInt8 {
  /// Appends the digits of `value`, with a minus sign where it is negative.
  public mutating func append(decimal value: Int) {
    if value < 0 { append(0x2D) }
    var left = value.magnitude
    let start = count
    repeat {
      let (quotient, digit) = left.quotientAndRemainder(dividingBy: 10)
      append(0x30 + UInt8(truncatingIfNeeded: digit))
      left = quotient
    } while left > 0
    // The last digit came first.
    var (low, high) = (start, count - 1)
    while low < high {
      swapAt(low, high)
      low += 1
      high -= 1
    }
  }
}
