// Seeded randomness: the same seed gives the same numbers on every machine, so a scripted upstream
// can be replayed. SplitMix64 (Steele, Lea, Flood 2014) for numbers, FNV-1a (64 bits) for hashing.

/// A seeded stream of numbers.
struct Dice {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A stream of its own for each pair: near seeds give unrelated streams.
  init(seed: UInt64, salt: UInt64) {
    var mixer = Dice(seed: seed)
    state = mixer.next() ^ salt
    state = next()
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  /// A number in 0 ..< bound, by multiplication (the bias of 2^-64 x bound does not matter here).
  mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0, "a die has at least one side")
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }
  /// A number in `range`.
  mutating func within(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + below(range.upperBound - range.lowerBound + 1)
  }
  /// `count` characters of 0-9, A-Z, a-z.
  mutating func base62(_ count: Int) -> String {
    var text = [UInt8]()
    text.reserveCapacity(count)
    for _ in 0..<count { text.append(base62Digits[below(62)]) }
    return String(decoding: text, as: UTF8.self)
  }
}

private let base62Digits = Array(
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

/// FNV-1a over `bytes`, 64 bits. Not for adversaries: it only makes equal bodies get equal answers.
func hash(of bytes: some Sequence<UInt8>, from start: UInt64 = 0xCBF2_9CE4_8422_2325) -> UInt64 {
  var hash = start
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return hash
}
