// Base/Bytes: integers, CRC-32C, text of bytes. SeededGenerator serves all tests of Base.
import Testing

@testable import Base

/// SplitMix64: a seeded stream of numbers, the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}

@Suite struct `Little-endian integers` {
  @Test func `a stored integer is read back at any offset`() {
    var bytes = [UInt8](repeating: 0xEE, count: 32)
    bytes.store(UInt64(0x0102_0304_0506_0708), at: 3)
    bytes.store(Int32(-2), at: 17)
    bytes.store(UInt8(9), at: 31)
    #expect(bytes.load(3, as: UInt64.self) == 0x0102_0304_0506_0708)
    #expect(bytes.load(17, as: Int32.self) == -2)
    #expect(bytes.load(31, as: UInt8.self) == 9)
    #expect(bytes[2] == 0xEE && bytes[11] == 0xEE)
  }

  @Test func `the least significant byte stands first`() {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt32(0x0403_0201))
    bytes.append(littleEndian: Int16(-1))
    #expect(bytes == [1, 2, 3, 4, 255, 255])
  }

  @Test func `a load beyond the end traps`() async {
    await #expect(processExitsWith: .failure) {
      _ = [UInt8](repeating: 0, count: 7).load(0, as: UInt64.self)
    }
  }
}

@Suite struct `CRC-32C` {
  @Test(arguments: [
    ("", UInt32(0)), ("123456789", 0xE306_9283), ("a", 0xC1D0_4330),
    ("The quick brown fox jumps over the lazy dog", 0x2262_0404),
  ])
  func `known texts have the known values`(text: String, expected: UInt32) {
    #expect(CRC32C.checksum(Array(text.utf8)) == expected)
    #expect(CRC32C.portable(0, Array(text.utf8).span) == expected)
  }

  @Test func `the vectors of RFC 3720 hold`() {
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 255, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum([UInt8](0..<32)) == 0x46DD_794E)
  }

  @Test func `the instruction and the tables agree at every length`() {
    var random = SeededGenerator(seed: 1)
    let bytes = random.bytes(9000)
    for count in Array(0..<1100) + [3079, 3080, 3081, 4096, 8999, 9000] {
      let part = bytes.span.extracting(first: count)
      #expect(CRC32C.checksum(part) == CRC32C.portable(0, part), "\(count) bytes")
    }
  }

  @Test func `pieces give the same value as the whole`() {
    var random = SeededGenerator(seed: 2)
    let bytes = random.bytes(10_000)
    let whole = CRC32C.checksum(bytes)
    for _ in 0..<50 {
      let cut = Int.random(in: 0...bytes.count, using: &random)
      var crc = CRC32C()
      crc.update(bytes.span.extracting(first: cut))
      crc.update(bytes.span.extracting(droppingFirst: cut))
      #expect(crc.value == whole, "seed 2, cut at \(cut)")
    }
  }

  @Test func `combine joins two neighbours`() {
    var random = SeededGenerator(seed: 3)
    let bytes = random.bytes(5000)
    for cut in [0, 1, 7, 4096, 4999, 5000] {
      let a = CRC32C.checksum(bytes.span.extracting(first: cut))
      let b = CRC32C.checksum(bytes.span.extracting(droppingFirst: cut))
      let joined = CRC32C.combine(a, b, lengthOfB: UInt64(5000 - cut))
      #expect(joined == CRC32C.checksum(bytes), "cut at \(cut)")
    }
  }

  @Test func `combine over a length of 2^40 equals combining its halves`() {
    let a: UInt32 = 0xDEAD_BEEF
    let half = UInt64(1) << 39
    // With a CRC of 0 for B, combine moves the register on: twice a half is once the whole.
    let once = CRC32C.combine(a, 0, lengthOfB: half * 2)
    let twice = CRC32C.combine(CRC32C.combine(a, 0, lengthOfB: half), 0, lengthOfB: half)
    #expect(once == twice)
  }
}

@Suite struct `Text of bytes` {
  @Test func `hexadecimal goes there and back`() {
    #expect(Hex.encode([0, 0x9A, 0xFF]) == "009aff")
    #expect(Hex.decode("009AfF") == [0, 0x9A, 0xFF])
    #expect(Hex.decode("0") == nil)
    #expect(Hex.decode("0g") == nil)
  }

  @Test func `the greatest ULID is 26 digits`() {
    #expect(CrockfordBase32.encode(.max, digits: 26) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
    #expect(CrockfordBase32.decode("7ZZZZZZZZZZZZZZZZZZZZZZZZZ") == .max)
    #expect(CrockfordBase32.decode("8ZZZZZZZZZZZZZZZZZZZZZZZZZ") == nil)
  }

  @Test func `base32 of random values goes there and back in both cases`() {
    var random = SeededGenerator(seed: 4)
    for _ in 0..<200 {
      let value = UInt128(random.next()) << 64 | UInt128(random.next())
      let upper = CrockfordBase32.encode(value, digits: 26)
      let lower = CrockfordBase32.encode(value, digits: 26, letterCase: .lower)
      #expect(CrockfordBase32.decode(upper) == value)
      #expect(CrockfordBase32.decode(lower) == value)
    }
    #expect(CrockfordBase32.encode(32, digits: 10) == "0000000010")
  }

  @Test func `letters that look like digits are read as digits`() {
    #expect(CrockfordBase32.decode("1Il0Oo") == CrockfordBase32.decode("111000"))
    #expect(CrockfordBase32.decode("U") == nil)
    #expect(CrockfordBase32.decode("") == nil)
    #expect(CrockfordBase32.decode("é") == nil)
  }

  @Test func `secrets are compared whole`() {
    #expect([1, 2, 3].isEqualInConstantTime(to: [1, 2, 3]))
    #expect(![1, 2, 3].isEqualInConstantTime(to: [1, 2, 4]))
    #expect(![1, 2, 3].isEqualInConstantTime(to: [1, 2]))
  }
}

@Test(arguments: [0, 7, 10, -1, 1_234_567_890, Int.max, Int.min])
func `digits appended are those of the number's description`(value: Int) {
  var bytes: [UInt8] = [0x3A]
  bytes.append(decimal: value)
  #expect(String(decoding: bytes, as: UTF8.self) == ":\(value)")
}
