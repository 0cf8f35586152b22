// Upstream identifiers, packed. `msg_01XFDUDYJgAACzvnptvVoYEL` is 28 characters of text but 18
// bytes of information, and random bytes do not compress: packing saves a fifth of a settlement.
//
//   at  size  field
//    0     1  prefix: index + 1 in `prefixes` (0 = slot empty)
//    1     1  alphabet: 1 base62, 2 lower-case hex, 3 lower-case hex in UUID form 8-4-4-4-12
//    2     1  count of characters after the prefix (without a UUID's dashes)
//    3    21  the characters as one number in the alphabet's base, little-endian

/// An identifier that fits in 24 bytes and comes back letter for letter.
struct PackedIdentifier {
  static let length = 24
  /// Numbers are assigned once; new prefixes are added at the end. Longer ones are tried first.
  private static let prefixes = [
    "", "msg_", "req_", "msg_01", "req_01", "msg_bdrk_01", "chatcmpl-",
  ]
  private static let base62 = Array(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
  private static let hex = Array("0123456789abcdef".utf8)
  private static let base62Digits = digits(of: base62)
  private static let hexDigits = digits(of: hex)
  private static let uuidDashes = [8, 13, 18, 23]
  private static let numberLength = 21

  let bytes: [UInt8]

  /// Packs `text`; nil when it has no packed form.
  init?(_ text: String) {
    guard !text.isEmpty, text.utf8.count <= 64 else { return nil }
    let all = Array(text.utf8)
    let prefix = Self.prefixes.indices
      .filter { all.starts(with: Self.prefixes[$0].utf8) }
      .max { Self.prefixes[$0].utf8.count < Self.prefixes[$1].utf8.count }
    guard let prefix else { return nil }
    var rest = Array(all.dropFirst(Self.prefixes[prefix].utf8.count))
    guard !rest.isEmpty else { return nil }
    var alphabet: UInt8 = 1
    if Self.isUUID(rest) {
      rest.removeAll { $0 == UInt8(ascii: "-") }
      alphabet = 3
    } else if rest.allSatisfy({ Self.hexDigits[Int($0)] >= 0 }) {
      alphabet = 2
    }
    let digits = alphabet == 1 ? Self.base62Digits : Self.hexDigits
    guard let number = Self.number(rest, digits: digits, base: alphabet == 1 ? 62 : 16) else {
      return nil
    }
    bytes = [UInt8(prefix + 1), alphabet, UInt8(rest.count)] + number
  }

  /// A slot as it stands in a record; nil when empty or of an unknown form.
  init?(bytes: [UInt8]) {
    guard bytes.count == Self.length, bytes[0] > 0, Int(bytes[0]) <= Self.prefixes.count,
      (1...3).contains(bytes[1])
    else { return nil }
    self.bytes = bytes
  }

  var text: String {
    let alphabet = bytes[1] == 1 ? Self.base62 : Self.hex
    var number = Array(bytes[3...])
    var characters: [UInt8] = []
    for _ in 0..<bytes[2] {
      characters.append(alphabet[Self.divide(&number, by: alphabet.count)])
    }
    characters.reverse()
    if bytes[1] == 3 {
      for at in Self.uuidDashes where at <= characters.count {
        characters.insert(UInt8(ascii: "-"), at: at)
      }
    }
    return Self.prefixes[Int(bytes[0]) - 1] + String(decoding: characters, as: UTF8.self)
  }

  private static func digits(of alphabet: [UInt8]) -> [Int8] {
    var digits = [Int8](repeating: -1, count: 256)
    for (value, byte) in alphabet.enumerated() { digits[Int(byte)] = Int8(value) }
    return digits
  }

  private static func isUUID(_ text: [UInt8]) -> Bool {
    guard text.count == 36 else { return false }
    return text.indices.allSatisfy {
      uuidDashes.contains($0) ? text[$0] == UInt8(ascii: "-") : hexDigits[Int(text[$0])] >= 0
    }
  }

  /// The characters as a number; nil on a foreign character or when 21 bytes do not hold it.
  private static func number(_ text: [UInt8], digits: [Int8], base: UInt64) -> [UInt8]? {
    var low: UInt64 = 0
    var middle: UInt64 = 0
    var high: UInt64 = 0
    for byte in text {
      let digit = digits[Int(byte)]
      guard digit >= 0 else { return nil }
      var carry = UInt64(digit)
      carry = multiply(&low, by: base, adding: carry)
      carry = multiply(&middle, by: base, adding: carry)
      carry = multiply(&high, by: base, adding: carry)
      // 21 bytes: two whole words and 40 bits.
      guard carry == 0, high >> 40 == 0 else { return nil }
    }
    var number: [UInt8] = []
    number.reserveCapacity(numberLength)
    for i in 0..<numberLength {
      let word = i < 8 ? low : i < 16 ? middle : high
      number.append(UInt8(truncatingIfNeeded: word >> UInt64(i % 8 * 8)))
    }
    return number
  }

  /// word = word x base + addend; returns what does not fit.
  private static func multiply(
    _ word: inout UInt64, by base: UInt64, adding addend: UInt64
  ) -> UInt64 {
    let product = word.multipliedFullWidth(by: base)
    let (sum, overflow) = product.low.addingReportingOverflow(addend)
    word = sum
    return product.high + (overflow ? 1 : 0)
  }

  private static func divide(_ number: inout [UInt8], by base: Int) -> Int {
    var remainder = 0
    for i in number.indices.reversed() {
      let part = remainder << 8 | Int(number[i])
      number[i] = UInt8(part / base)
      remainder = part % base
    }
    return remainder
  }
}
