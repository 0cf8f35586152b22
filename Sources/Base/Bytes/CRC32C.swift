// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4 and iSCSI: reflected polynomial 0x82F63B78,
// register inverted before and after. The CRC of no bytes is 0; of "123456789" it is 0xE3069283.
//
// The processor's instruction where there is one (see CLinux/crc32c.h), else eight bytes a step by
// tables. `combine` joins the CRCs of two neighbours without touching their bytes.
internal import CLinux

/// A running CRC-32C.
public struct CRC32C: Hashable, Sendable {
  /// The CRC-32C of all bytes given so far.
  public private(set) var value: UInt32

  /// Starts at the CRC of what came before; 0 for nothing.
  public init(_ value: UInt32 = 0) { self.value = value }

  /// Takes in more bytes.
  public mutating func update(_ bytes: Span<UInt8>) {
    value = CRC32C.isInHardware ? hardware(value, bytes) : CRC32C.portable(value, bytes)
  }

  /// Takes in more bytes.
  public mutating func update(_ bytes: [UInt8]) { update(bytes.span) }

  /// The CRC-32C of `bytes`.
  public static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }

  /// The CRC-32C of `bytes`.
  public static func checksum(_ bytes: [UInt8]) -> UInt32 { checksum(bytes.span) }

  /// The CRC-32C of A followed by B, from the CRCs of A and of B and the length of B in bytes.
  /// As zlib's crc32_combine: a's register is moved on by x^(8 * lengthOfB) mod P.
  public static func combine(_ a: UInt32, _ b: UInt32, lengthOfB: UInt64) -> UInt32 {
    var moved = a
    var length = lengthOfB
    var exponent = 3  // x^8 moves on one byte
    while length != 0 {
      if length & 1 == 1 { moved = multiply(powers[exponent], moved) }
      length >>= 1
      exponent += 1
    }
    return moved ^ b
  }

  /// Whether the processor's own instruction is used.
  static let isInHardware = sh_crc32c_available() != 0

  /// The portable path: the same result, by tables.
  static func portable(_ start: UInt32, _ bytes: Span<UInt8>) -> UInt32 {
    let table = tables.span
    var crc = ~start
    var index = 0
    while index &+ 8 <= bytes.count {
      let low = bytes.load(index, as: UInt32.self) ^ crc
      let high = bytes.load(index &+ 4, as: UInt32.self)
      crc = 0
      for lane in 0..<4 {
        let shift = UInt32(lane) &* 8
        crc ^= table[(7 &- lane) &* 256 &+ Int((low &>> shift) & 255)]
        crc ^= table[(3 &- lane) &* 256 &+ Int((high &>> shift) & 255)]
      }
      index &+= 8
    }
    while index < bytes.count {
      crc = (crc >> 8) ^ table[Int((crc ^ UInt32(bytes[index])) & 255)]
      index &+= 1
    }
    return ~crc
  }
}

private let polynomial: UInt32 = 0x82F6_3B78

private func hardware(_ start: UInt32, _ bytes: Span<UInt8>) -> UInt32 {
  unsafe bytes.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return start }
    return unsafe ~sh_crc32c(~start, base, buffer.count)
  }
}

/// Eight tables of 256: table n moves a byte on by n more bytes.
private let tables: [UInt32] = {
  var table = [UInt32](repeating: 0, count: 8 * 256)
  for byte in 0..<256 {
    var crc = UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ polynomial : crc >> 1 }
    table[byte] = crc
  }
  for index in 256..<8 * 256 {
    let before = table[index - 256]
    table[index] = (before >> 8) ^ table[Int(before & 255)]
  }
  return table
}()

/// powers[n] = x^(2^n) mod P, up to what a length of 64 bits can ask for.
private let powers: [UInt32] = {
  var power: UInt32 = 1 << 30  // x
  var result: [UInt32] = []
  for _ in 0..<67 {
    result.append(power)
    power = multiply(power, power)
  }
  return result
}()

/// a * b mod P over GF(2), bits reflected: bit 31 is x^0.
private func multiply(_ a: UInt32, _ b: UInt32) -> UInt32 {
  var product: UInt32 = 0
  var factor = b
  for bit in 0..<32 {
    if a & (0x8000_0000 >> UInt32(bit)) != 0 { product ^= factor }
    factor = factor & 1 == 1 ? (factor >> 1) ^ polynomial : factor >> 1
  }
  return product
}
