// Crockford's base32 (crockford.com/base32.html): five bits a digit, most significant first,
// alphabet without I, L, O and U. The text of ULIDs (26 digits) and of public ids.

public enum CrockfordBase32 {
  /// The letters' case of the text to write.
  public enum LetterCase: Sendable { case upper, lower }

  /// Appends `value` as exactly `digits` digits (1...26); higher bits must be zero.
  public static func append(
    _ value: UInt128, digits: Int, letterCase: LetterCase = .upper, to text: inout [UInt8]
  ) {
    precondition((1...26).contains(digits), "digits out of range")
    precondition(digits == 26 || value >> UInt128(5 * digits) == 0, "value does not fit")
    let alphabet = letterCase == .upper ? upperCase : lowerCase
    for place in stride(from: digits - 1, through: 0, by: -1) {
      let shifted = place == 0 ? value : value >> UInt128(5 * place)
      text.append(alphabet[Int(truncatingIfNeeded: shifted & 31)])
    }
  }

  /// `value` as exactly `digits` digits (1...26); higher bits must be zero.
  public static func encode(
    _ value: UInt128, digits: Int, letterCase: LetterCase = .upper
  ) -> String {
    var text: [UInt8] = []
    append(value, digits: digits, letterCase: letterCase, to: &text)
    return String(repairing: text.span)
  }

  /// The value of 1...26 digits of either case; I and L read as 1, O as 0. Nil for anything else
  /// and for 26 digits that stand for more than 128 bits.
  public static func decode(_ text: Span<UInt8>) -> UInt128? {
    guard (1...26).contains(text.count) else { return nil }
    var value: UInt128 = 0
    for index in text.indices {
      guard text[index] < 128 else { return nil }
      let digit = values[Int(text[index])]
      guard digit < 32, value >> 123 == 0 else { return nil }
      value = value << 5 | UInt128(digit)
    }
    return value
  }

  /// The value of 1...26 digits of either case; nil for anything else.
  public static func decode(_ text: String) -> UInt128? { decode(Array(text.utf8).span) }

  private static let upperCase = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
  private static let lowerCase = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

  /// The digit of each ASCII character, 255 for none.
  private static let values: [UInt8] = {
    var table = [UInt8](repeating: 255, count: 128)
    for (digit, character) in upperCase.enumerated() { table[Int(character)] = UInt8(digit) }
    for (digit, character) in lowerCase.enumerated() { table[Int(character)] = UInt8(digit) }
    for character in Array("iIlL".utf8) { table[Int(character)] = 1 }
    for character in Array("oO".utf8) { table[Int(character)] = 0 }
    return table
  }()
}
