// Upstream identifiers, packed. `msg_01XFDUDYJgAACzvnptvVoYEL` is 28 characters of text but 18
// bytes of information, and random bytes do not compress: packing saves a fifth of a settlement.
//
//   at  size  field
//    0     1  prefix: index + 1 in `prefixes` (0 = slot empty)
//    1     1  alphabet: 1 base62, 2 lower-case hex, 3 lower-case hex in UUID form 8-4-4-4-12
//    2     1  count of characters after the prefix (without a UUID's dashes)
//    3    21  the characters as one number in the alphabet's base, little-endian

internal import Base

/// An identifier that fits in 24 bytes and comes back letter for letter. Packing allocates nothing:
/// every settlement holds two of them.
struct PackedIdentifier {
  static let length = 24
  /// Numbers are assigned once; new prefixes are added at the end. Longer ones are tried first.
  private static let prefixes = [
    "", "msg_", "req_", "msg_01", "req_01", "msg_bdrk_01", "chatcmpl-",
  ]
  /// Their bytes with their index, the longest first.
  private static let longestFirst = prefixes.enumerated()
    .map { (index: $0.offset, bytes: Array($0.element.utf8)) }
    .sorted { $0.bytes.count > $1.bytes.count }
  private static let base62 = Array(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
  private static let hex = Array("0123456789abcdef".utf8)
  private static let base62Digits = digits(of: base62)
  private static let hexDigits = digits(of: hex)
  private static let uuidLength = 36
  private static let dash = UInt8(ascii: "-")

  /// The 24 bytes, little-endian.
  let words: (UInt64, UInt64, UInt64)

  /// Packs `text`; nil when it has no packed form.
  init?(_ text: String) {
    let utf8 = text.utf8
    let all = utf8.span
    guard all.count > 0, all.count <= 64 else { return nil }
    var prefix = 0
    var start = 0
    for known in Self.longestFirst where Self.begins(all, with: known.bytes) {
      (prefix, start) = (known.index, known.bytes.count)
      break
    }
    let rest = all.extracting(start..<all.count)
    guard rest.count > 0 else { return nil }
    var number = Number()
    let alphabet: UInt64
    if Self.isUUID(rest) {
      alphabet = 3
      guard number.append(rest, digits: Self.hexDigits, base: 16, skipping: Self.dash) else {
        return nil
      }
    } else if Self.isHex(rest) {
      alphabet = 2
      guard number.append(rest, digits: Self.hexDigits, base: 16) else { return nil }
    } else {
      alphabet = 1
      guard number.append(rest, digits: Self.base62Digits, base: 62) else { return nil }
    }
    let count = alphabet == 3 ? Self.uuidLength - Self.uuidDashes.count : rest.count
    words = (
      UInt64(prefix + 1) | alphabet << 8 | UInt64(count) << 16 | number.low << 24,
      number.low >> 40 | number.middle << 24, number.middle >> 40 | number.high << 24
    )
  }

  /// A slot as it stands in a record; nil when empty or of an unknown form.
  init?(bytes: [UInt8]) {
    guard bytes.count == Self.length, bytes[0] > 0, Int(bytes[0]) <= Self.prefixes.count,
      (1...3).contains(bytes[1])
    else { return nil }
    words = (bytes.load(0), bytes.load(8), bytes.load(16))
  }

  private var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: words.0)
    bytes.append(littleEndian: words.1)
    bytes.append(littleEndian: words.2)
    return bytes
  }

  var text: String {
    let bytes = bytes
    let alphabet = bytes[1] == 1 ? Self.base62 : Self.hex
    var number = Number(
      low: words.0 >> 24 | words.1 << 40, middle: words.1 >> 24 | words.2 << 40,
      high: words.2 >> 24)
    var characters: [UInt8] = []
    var left = Int(bytes[2])
    while left > 0 {
      // Ten digits at a time, as they were appended.
      let count = min(10, left)
      number.takeDigits(count, of: alphabet, into: &characters)
      left -= count
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

  private static let uuidDashes = [8, 13, 18, 23]

  private static func begins(_ text: Span<UInt8>, with prefix: [UInt8]) -> Bool {
    guard text.count >= prefix.count else { return false }
    for i in prefix.indices where text[i] != prefix[i] { return false }
    return true
  }

  private static func isHex(_ text: Span<UInt8>) -> Bool {
    for i in text.indices where hexDigits[Int(text[i])] < 0 { return false }
    return true
  }

  private static func isUUID(_ text: Span<UInt8>) -> Bool {
    guard text.count == uuidLength else { return false }
    for i in text.indices {
      let fits =
        uuidDashes.contains(i) ? text[i] == dash : hexDigits[Int(text[i])] >= 0
      if !fits { return false }
    }
    return true
  }

  /// A number of at most 21 bytes: two whole words and 40 bits.
  private struct Number {
    var low: UInt64 = 0
    var middle: UInt64 = 0
    var high: UInt64 = 0

    /// Appends digits, ten at a time: 62^10 fits in a word, so the long product is seldom needed.
    /// - Returns: false on a foreign character or when 21 bytes do not hold the number.
    mutating func append(
      _ text: Span<UInt8>, digits: [Int8], base: UInt64, skipping skipped: UInt8? = nil
    ) -> Bool {
      var at = 0
      while at < text.count {
        var chunk: UInt64 = 0
        var scale: UInt64 = 1
        let end = min(at + 10, text.count)
        while at < end {
          let byte = text[at]
          at += 1
          if byte == skipped { continue }
          let digit = digits[Int(byte)]
          guard digit >= 0 else { return false }
          chunk = chunk &* base &+ UInt64(digit)
          scale = scale &* base
        }
        guard append(chunk, scale: scale) else { return false }
      }
      return true
    }

    /// self = self x scale + chunk.
    private mutating func append(_ chunk: UInt64, scale: UInt64) -> Bool {
      var carry = Self.multiply(&low, by: scale, adding: chunk)
      carry = Self.multiply(&middle, by: scale, adding: carry)
      carry = Self.multiply(&high, by: scale, adding: carry)
      return carry == 0 && high >> 40 == 0
    }

    /// Takes the last digits off, the last one first.
    mutating func takeDigits(_ count: Int, of alphabet: [UInt8], into characters: inout [UInt8]) {
      let base = UInt64(alphabet.count)
      var scale: UInt64 = 1
      for _ in 0..<count { scale &*= base }
      var rest: UInt64 = 0
      (high, rest) = scale.dividingFullWidth((rest, high))
      (middle, rest) = scale.dividingFullWidth((rest, middle))
      (low, rest) = scale.dividingFullWidth((rest, low))
      for _ in 0..<count {
        characters.append(alphabet[Int(rest % base)])
        rest /= base
      }
    }

    /// word = word x scale + addend; returns what does not fit.
    private static func multiply(
      _ word: inout UInt64, by scale: UInt64, adding addend: UInt64
    ) -> UInt64 {
      let product = word.multipliedFullWidth(by: scale)
      let (sum, overflow) = product.low.addingReportingOverflow(addend)
      word = sum
      return product.high + (overflow ? 1 : 0)
    }
  }
}
