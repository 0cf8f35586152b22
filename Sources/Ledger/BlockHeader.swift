// The header of a block, format 1: 104 bytes, little-endian.
//
//   at  size     field
//    0  4        magic of an LZ4 skippable frame, 0x184D2A5D
//    4  4        frame size = 96 + padding
//    8  4, 2, 2  "DAYB", format 1, header length 104
//   16  16       log id: a block of another log or of a recycled file never looks valid
//   32  8        epoch: +1 at every open for writing, never decreases
//   40  8, 4     first sequence, event count >= 1
//   52  1, 1, 2  codec (1 = LZ4 frame), record layout (1 = rows), flags 0
//   56  8, 8     least, greatest event time (microseconds since 1970 UTC)
//   72  4, 4     raw bytes, stored bytes (of the LZ4 frame)
//   80  4        chain: CRC-32C of all record bytes of sequences 1 ... first - 1
//   84  4        CRC-32C of this block's raw record bytes
//   88  4        CRC-32C of padding + LZ4 frame
//   92  8        reserved, 0
//  100  4        CRC-32C of bytes 0-99
//
// Then zero padding, then the LZ4 frame. Nothing is read by a length before the header's own
// checksum held. The chain does not depend on where blocks begin: sealing keeps it.
internal import Base
import Glibc

/// A ledger's identity: 128 random bits, made once.
public struct LogID: Hashable, Sendable, CustomStringConvertible {
  let low: UInt64
  let high: UInt64

  init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  static func random() -> LogID {
    let bytes = secureRandomBytes(16)
    return LogID(low: bytes.load(0), high: bytes.load(8))
  }

  /// The 16 bytes as they stand in a header, in hexadecimal.
  public var description: String {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: low)
    bytes.append(littleEndian: high)
    return Hex.encode(bytes)
  }

  /// Reads 32 hexadecimal digits.
  public init?(_ text: String) {
    guard let bytes = Hex.decode(text), bytes.count == 16 else { return nil }
    self.init(low: bytes.load(0), high: bytes.load(8))
  }
}

/// Why bytes are not a block of this log.
enum BlockFault: Error, Equatable {
  /// Nothing but zeros, or too few bytes for a header.
  case absent
  /// A footer stands here: the segment is sealed.
  case footer
  case bad(String)
}

struct BlockHeader: Equatable, Sendable {
  static let length = 104
  static let magic: UInt32 = 0x184D_2A5D
  static let mark: UInt32 = 0x4259_4144  // "DAYB"
  /// Raw record bytes of one block, at most.
  static let greatestRawBytes = 1 << 20
  /// An LZ4 frame of incompressible bytes is this much longer than they are, at most.
  static let greatestStoredBytes = greatestRawBytes + 64
  /// Blocks of an open segment begin and end at multiples of this.
  static let alignment = 4096
  static let greatestLength = length + alignment + greatestStoredBytes

  var logID: LogID
  var epoch: UInt64
  var first: SequenceNumber
  var count: Int
  var leastTime: Int64
  var greatestTime: Int64
  var padding: Int
  var rawBytes: Int
  var storedBytes: Int
  var chain: UInt32
  var rawChecksum: UInt32
  var bodyChecksum: UInt32

  /// The whole block: header, padding, frame.
  var blockLength: Int { Self.length + padding + storedBytes }
  var last: SequenceNumber { SequenceNumber(first.value + UInt64(count) - 1) }
  /// CRC-32C of all record bytes up to and with this block.
  var chainAfter: UInt32 {
    CRC32C.combine(chain, rawChecksum, lengthOfB: UInt64(rawBytes))
  }

  /// Writes the 104 bytes at `start`.
  func encode(into bytes: inout [UInt8], at start: Int) {
    bytes.store(Self.magic, at: start)
    bytes.store(UInt32(Self.length - 8 + padding), at: start + 4)
    bytes.store(Self.mark, at: start + 8)
    bytes.store(UInt16(1), at: start + 12)
    bytes.store(UInt16(Self.length), at: start + 14)
    bytes.store(logID.low, at: start + 16)
    bytes.store(logID.high, at: start + 24)
    bytes.store(epoch, at: start + 32)
    bytes.store(first.value, at: start + 40)
    bytes.store(UInt32(count), at: start + 48)
    bytes.store(UInt32(0x0000_0101), at: start + 52)
    bytes.store(leastTime, at: start + 56)
    bytes.store(greatestTime, at: start + 64)
    bytes.store(UInt32(rawBytes), at: start + 72)
    bytes.store(UInt32(storedBytes), at: start + 76)
    bytes.store(chain, at: start + 80)
    bytes.store(rawChecksum, at: start + 84)
    bytes.store(bodyChecksum, at: start + 88)
    bytes.store(UInt64(0), at: start + 92)
    bytes.store(CRC32C.checksum(bytes.span.extracting(start..<start + 100)), at: start + 100)
  }

  /// Reads and checks the header that begins at the span's start.
  init(_ bytes: Span<UInt8>, of logID: LogID) throws(BlockFault) {
    guard bytes.count >= Self.length else { throw .absent }
    let magic: UInt32 = bytes.load(0)
    if magic == SegmentFooter.magic { throw .footer }
    if magic == 0 && bytes.extracting(0..<Self.length).isZero { throw .absent }
    guard CRC32C.checksum(bytes.extracting(0..<100)) == bytes.load(100, as: UInt32.self) else {
      throw .bad("the block header's checksum is wrong")
    }
    guard magic == Self.magic, bytes.load(8, as: UInt32.self) == Self.mark else {
      throw .bad("this is not a block")
    }
    let format: UInt16 = bytes.load(12)
    guard format == 1, bytes.load(14, as: UInt16.self) == UInt16(Self.length),
      bytes.load(52, as: UInt32.self) == 0x0000_0101
    else { throw .bad("block format \(format) is not known to this version") }
    self.logID = LogID(low: bytes.load(16), high: bytes.load(24))
    guard self.logID == logID else { throw .bad("the block belongs to log \(self.logID)") }
    epoch = bytes.load(32)
    first = SequenceNumber(bytes.load(40))
    count = Int(bytes.load(48, as: UInt32.self))
    leastTime = bytes.load(56)
    greatestTime = bytes.load(64)
    let frameSize = Int(bytes.load(4, as: UInt32.self))
    padding = frameSize - (Self.length - 8)
    rawBytes = Int(bytes.load(72, as: UInt32.self))
    storedBytes = Int(bytes.load(76, as: UInt32.self))
    chain = bytes.load(80)
    rawChecksum = bytes.load(84)
    bodyChecksum = bytes.load(88)
    let (_, overflow) = first.value.addingReportingOverflow(UInt64(count))
    guard first.value >= 1, count >= 1, !overflow, leastTime <= greatestTime,
      (0..<Self.alignment).contains(padding), rawBytes <= Self.greatestRawBytes,
      rawBytes >= count * RecordView.headerLength, storedBytes <= Self.greatestStoredBytes,
      storedBytes > 0, bytes.load(92, as: UInt64.self) == 0
    else { throw .bad("the block header's fields contradict each other") }
  }

  init(
    logID: LogID, epoch: UInt64, first: SequenceNumber, count: Int, leastTime: Int64,
    greatestTime: Int64, chain: UInt32
  ) {
    self.logID = logID
    self.epoch = epoch
    self.first = first
    self.count = count
    self.leastTime = leastTime
    self.greatestTime = greatestTime
    self.chain = chain
    (padding, rawBytes, storedBytes, rawChecksum, bodyChecksum) = (0, 0, 0, 0, 0)
  }
}

extension Span<UInt8> {
  /// Whether all bytes are zero.
  var isZero: Bool {
    if count == 0 { return true }
    return unsafe withUnsafeBytes {
      unsafe $0[0] == 0 && memcmp($0.baseAddress!, $0.baseAddress! + 1, $0.count - 1) == 0
    }
  }
}
