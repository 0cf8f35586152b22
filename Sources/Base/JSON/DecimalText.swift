// Decimal numbers between their text and scaled integers, exactly: the way of money and prices.
// "2e-07" at scale 12 is 200000; 10250000000 at scale 9 is "10.25". No floating point anywhere.

/// A decimal number as an integer: number = value / 10^scale.
public struct ScaledDecimal: Hashable, Sendable {
  public let value: Int128
  /// False if digits beyond the scale were rounded (half to even).
  public let isExact: Bool
}

/// Why a text is not a decimal number that can be held.
public enum DecimalError: Error, Hashable, Sendable {
  /// Not `-?digits(.digits)?([eE][+-]?digits)?`.
  case malformed
  /// More than 38 digits after scaling.
  case tooLarge
}

public enum DecimalText {
  /// The number times 10^scale; digits beyond it are rounded once, half to even. Takes the numbers
  /// of JSON, and leading zeros. Any length of text, any exponent.
  public static func parse(_ text: Span<UInt8>, scale: Int) throws(DecimalError) -> ScaledDecimal {
    let parts = try split(text)
    // Digits are counted from the first one that is not zero, so that 0e999 is 0.
    let exponent = parts.exponent + scale
    var value: Int128 = 0
    var seen = 0  // digits taken, the point left out
    let wanted = parts.pointAt + exponent  // how many digits stand before the scaled point
    var rest: Rest = .zero
    for index in parts.digits where text[index] != 0x2E {
      let digit = Int128(text[index] - 0x30)
      if seen < wanted {
        value = try append(digit, to: value)
      } else {
        rest.add(Int(digit), isFirst: seen == wanted)
      }
      seen += 1
    }
    if value != 0 {
      while seen < wanted {
        value = try append(0, to: value)
        seen += 1
      }
    }
    if rest == .aboveHalf || (rest == .half && value & 1 == 1) { value += 1 }
    return ScaledDecimal(value: parts.isNegative ? -value : value, isExact: rest == .zero)
  }

  /// The number times 10^scale; digits beyond it are rounded once, half to even.
  public static func parse(_ text: String, scale: Int) throws(DecimalError) -> ScaledDecimal {
    try parse(Array(text.utf8).span, scale: scale)
  }

  /// All digits of value / 10^scale (scale 0...38): no exponent, no zeros at the end.
  public static func text(_ value: Int128, scale: Int) -> String {
    var text: [UInt8] = []
    append(value, scale: scale, to: &text)
    return String(repairing: text.span)
  }

  /// Appends all digits of value / 10^scale (scale 0...38): no exponent, no zeros at the end.
  public static func append(_ value: Int128, scale: Int, to text: inout [UInt8]) {
    precondition((0...38).contains(scale), "scale out of range")
    if value < 0 { text.append(0x2D) }
    if scale <= 18, let small = UInt64(exactly: value.magnitude) {
      return append(small, scale: scale, to: &text)
    }
    let unit = UInt128(powerOfTen(scale))
    let (whole, fraction) = value.magnitude.quotientAndRemainder(dividingBy: unit)
    if let small = UInt64(exactly: whole) {
      text.append(utf8: String(small))
    } else {
      text.append(utf8: String(whole))
    }
    guard fraction != 0 else { return }
    text.append(0x2E)
    var rest = fraction
    var place = unit
    while rest != 0 {
      place /= 10
      let (digit, after) = rest.quotientAndRemainder(dividingBy: place)
      text.append(0x30 + UInt8(digit))
      rest = after
    }
  }

  /// The same for amounts of money: 64-bit arithmetic alone.
  private static func append(_ value: UInt64, scale: Int, to text: inout [UInt8]) {
    var unit: UInt64 = 1
    for _ in 0..<scale { unit *= 10 }
    var (whole, rest) = value.quotientAndRemainder(dividingBy: unit)
    let start = text.count
    repeat {
      text.append(0x30 + UInt8(whole % 10))
      whole /= 10
    } while whole > 0
    text[start...].reverse()
    guard rest != 0 else { return }
    text.append(0x2E)
    while rest != 0 {
      unit /= 10
      text.append(0x30 + UInt8(rest / unit))
      rest %= unit
    }
  }

  /// 10^exponent, exponent 0...38.
  static func powerOfTen(_ exponent: Int) -> Int128 {
    var power: Int128 = 1
    for _ in 0..<exponent { power *= 10 }
    return power
  }

  /// The digits of |value| stay below 10^38, so that rounding and the sign cannot overflow.
  private static func append(_ digit: Int128, to value: Int128) throws(DecimalError) -> Int128 {
    guard value < largestBeforeDigit else { throw .tooLarge }
    return value * 10 + digit
  }

  private static let largestBeforeDigit = powerOfTen(37)

  /// What the digits beyond the scale amount to, in halves of the last place kept.
  private enum Rest {
    case zero, belowHalf, half, aboveHalf

    mutating func add(_ digit: Int, isFirst: Bool) {
      if isFirst {
        self = digit == 0 ? .zero : digit < 5 ? .belowHalf : digit == 5 ? .half : .aboveHalf
      } else if digit != 0 {
        if self == .zero { self = .belowHalf }
        if self == .half { self = .aboveHalf }
      }
    }
  }

  private struct Parts {
    var isNegative = false
    /// Digits with the point among them, without leading zeros.
    var digits = 0..<0
    /// How many of these digits stand before the point; negative for 0.00x.
    var pointAt = 0
    /// Held to +-1,000,000,000: beyond that only zero or too large is left.
    var exponent = 0
  }

  private static func split(_ text: Span<UInt8>) throws(DecimalError) -> Parts {
    var parts = Parts()
    var index = 0
    if index < text.count, text[index] == 0x2D {
      parts.isNegative = true
      index += 1
    }
    var start = index
    index = try skipDigits(text, index)
    var end = index
    let pointIndex = index
    if index < text.count, text[index] == 0x2E {
      index = try skipDigits(text, index + 1)
      end = index
    }
    while start < end, text[start] == 0x30 || text[start] == 0x2E { start += 1 }
    parts.digits = start..<end
    parts.pointAt = start <= pointIndex ? pointIndex - start : pointIndex + 1 - start
    if index < text.count, text[index] | 0x20 == 0x65 {
      parts.exponent = try exponent(text, index + 1)
    } else if index < text.count {
      throw .malformed
    }
    return parts
  }

  private static func skipDigits(_ text: Span<UInt8>, _ start: Int) throws(DecimalError) -> Int {
    var index = start
    while index < text.count, (0x30...0x39).contains(text[index]) { index += 1 }
    guard index > start else { throw .malformed }
    return index
  }

  private static func exponent(_ text: Span<UInt8>, _ start: Int) throws(DecimalError) -> Int {
    var index = start
    var isNegative = false
    if index < text.count, text[index] == 0x2B || text[index] == 0x2D {
      isNegative = text[index] == 0x2D
      index += 1
    }
    guard try skipDigits(text, index) == text.count else { throw .malformed }
    var value = 0
    while index < text.count {
      value = min(value * 10 + Int(text[index] - 0x30), 1_000_000_000)
      index += 1
    }
    return isNegative ? -value : value
  }
}
