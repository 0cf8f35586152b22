// The footer of a sealed segment: an LZ4 skippable frame behind the last block, so that stock tools
// pass over it. It is outside the chain, and rebuilt by sealing.
//
//   at  size   field
//    0  4, 4   magic 0x184D2A5E, bytes that follow
//    8  4,2,2  "DAYF", format 1, length of this fixed part: 192
//   16  16     log id
//   32  8, 8   first sequence, last sequence
//   48  4, 4   blocks, 0
//   56  8, 8   least, greatest event time (microseconds since 1970 UTC)
//   72  8, 8   raw bytes, bytes of the file before the footer
//   88  4, 4   chain before the first, after the last record
//   96  8, 8   least, greatest epoch
//  112  6 x 8  control totals: count and sum (nano-USD) of charges, of credits, of corrections
//  160  32     SHA-256 of the file before the footer
//  192  32 x n block directory: first sequence u64, offset u64, event count u32, raw bytes u32,
//              length u32, chain u32
//    .  4      CRC-32C of the footer so far
//    .  32     trailer: "DAYBOOK." 8, footer offset u64, last sequence u64, footer length u32
//              (with the trailer), CRC-32C of the trailer's first 28 bytes
internal import Base

/// Sums over the money events of a segment, to hold against the statements.
public struct ControlTotals: Equatable, Sendable {
  /// Events, and their sum in nano-USD.
  public struct Line: Equatable, Sendable {
    public var count: Int64 = 0
    public var sum: Int64 = 0
    public init() {}

    /// Adds one event; a sum beyond Int64 wraps (limits on events keep it away).
    public mutating func add(_ nanoUSD: Int64) {
      count &+= 1
      sum &+= nanoUSD
    }
  }
  public var charges = Line()
  public var credits = Line()
  public var corrections = Line()
  public init() {}

  /// Adds what other segments have.
  mutating func add(_ other: ControlTotals) {
    for line in [\ControlTotals.charges, \.credits, \.corrections] {
      self[keyPath: line].count &+= other[keyPath: line].count
      self[keyPath: line].sum &+= other[keyPath: line].sum
    }
  }
}

/// Adds one record to the totals of its segment.
public typealias ControlTotalsCounter =
  @Sendable (_ record: borrowing RecordView, _ totals: inout ControlTotals) -> Void

struct SegmentFooter: Equatable {
  static let magic: UInt32 = 0x184D_2A5E
  static let mark: UInt32 = 0x4659_4144  // "DAYF"
  static let fixedLength = 192
  static let entryLength = 32
  static let trailerLength = 32
  static let trailerMark: UInt64 = 0x2E4B_4F4F_4259_4144  // "DAYBOOK."

  /// Where one block is.
  struct Entry: Equatable {
    var first: SequenceNumber
    var offset: Int
    var count: Int
    var rawBytes: Int
    var length: Int
    var chain: UInt32
  }

  var logID: LogID
  var first: SequenceNumber
  var last: SequenceNumber
  var leastTime: Int64
  var greatestTime: Int64
  var rawBytes: Int
  /// Bytes of the file before the footer.
  var offset: Int
  var chainBefore: UInt32
  var chainAfter: UInt32
  var leastEpoch: UInt64
  var greatestEpoch: UInt64
  var totals = ControlTotals()
  var hash: [UInt8]
  var entries: [Entry]

  func encode() -> [UInt8] {
    var bytes: [UInt8] = []
    let bodyLength = Self.fixedLength + entries.count * Self.entryLength + 4
    bytes.append(littleEndian: Self.magic)
    bytes.append(littleEndian: UInt32(bodyLength + Self.trailerLength - 8))
    bytes.append(littleEndian: Self.mark)
    bytes.append(littleEndian: UInt16(1))
    bytes.append(littleEndian: UInt16(Self.fixedLength))
    bytes.append(littleEndian: logID.low)
    bytes.append(littleEndian: logID.high)
    bytes.append(littleEndian: first.value)
    bytes.append(littleEndian: last.value)
    bytes.append(littleEndian: UInt64(entries.count))
    bytes.append(littleEndian: leastTime)
    bytes.append(littleEndian: greatestTime)
    bytes.append(littleEndian: UInt64(rawBytes))
    bytes.append(littleEndian: UInt64(offset))
    bytes.append(littleEndian: chainBefore)
    bytes.append(littleEndian: chainAfter)
    bytes.append(littleEndian: leastEpoch)
    bytes.append(littleEndian: greatestEpoch)
    for line in [totals.charges, totals.credits, totals.corrections] {
      bytes.append(littleEndian: line.count)
      bytes.append(littleEndian: line.sum)
    }
    bytes.append(contentsOf: hash)
    for entry in entries {
      bytes.append(littleEndian: entry.first.value)
      bytes.append(littleEndian: UInt64(entry.offset))
      bytes.append(littleEndian: UInt32(entry.count))
      bytes.append(littleEndian: UInt32(entry.rawBytes))
      bytes.append(littleEndian: UInt32(entry.length))
      bytes.append(littleEndian: entry.chain)
    }
    bytes.append(littleEndian: CRC32C.checksum(bytes))
    var trailer: [UInt8] = []
    trailer.append(littleEndian: Self.trailerMark)
    trailer.append(littleEndian: UInt64(offset))
    trailer.append(littleEndian: last.value)
    trailer.append(littleEndian: UInt32(bytes.count + Self.trailerLength))
    trailer.append(littleEndian: CRC32C.checksum(trailer))
    return bytes + trailer
  }

  /// Reads the footer of an open segment file.
  /// - Returns: nil when there is none: the segment is not sealed. The text: there is one, but bad.
  static func read(
    _ file: any File, of logID: LogID
  ) throws(FileError) -> Result<SegmentFooter, BlockFault>? {
    let size = try file.size()
    guard size >= fixedLength + 4 + trailerLength else { return nil }
    var trailer = [UInt8](repeating: 0, count: trailerLength)
    _ = try file.readFully(into: &trailer, trailer.indices, at: size - trailerLength)
    guard trailer.load(0, as: UInt64.self) == trailerMark else { return nil }
    let length = Int(trailer.load(24, as: UInt32.self))
    guard CRC32C.checksum(trailer.span.extracting(0..<28)) == trailer.load(28, as: UInt32.self),
      length >= fixedLength + 4 + trailerLength, length <= size,
      trailer.load(8, as: UInt64.self) == UInt64(size - length)
    else { return .failure(.bad("the footer's trailer is wrong")) }
    var bytes = [UInt8](repeating: 0, count: length - trailerLength)
    guard try file.readFully(into: &bytes, bytes.indices, at: size - length) == bytes.count else {
      return .failure(.bad("the footer cannot be read whole"))
    }
    do throws(BlockFault) {
      return .success(try SegmentFooter(bytes.span, of: logID, offset: size - length))
    } catch {
      return .failure(error)
    }
  }

  private init(_ bytes: Span<UInt8>, of logID: LogID, offset: Int) throws(BlockFault) {
    let end = bytes.count - 4
    let entryBytes = end - Self.fixedLength
    guard CRC32C.checksum(bytes.extracting(0..<end)) == bytes.load(end, as: UInt32.self) else {
      throw .bad("the footer's checksum is wrong")
    }
    guard bytes.load(0, as: UInt32.self) == Self.magic,
      bytes.load(8, as: UInt32.self) == Self.mark, bytes.load(12, as: UInt16.self) == 1,
      bytes.load(14, as: UInt16.self) == UInt16(Self.fixedLength),
      bytes.load(4, as: UInt32.self) == UInt32(bytes.count + Self.trailerLength - 8),
      entryBytes.isMultiple(of: Self.entryLength), entryBytes > 0,
      bytes.load(48, as: UInt64.self) == UInt64(entryBytes / Self.entryLength),
      bytes.load(80, as: UInt64.self) == UInt64(offset)
    else { throw .bad("the footer's fields contradict each other") }
    self.logID = LogID(low: bytes.load(16), high: bytes.load(24))
    guard self.logID == logID else { throw .bad("the footer belongs to log \(self.logID)") }
    first = SequenceNumber(bytes.load(32))
    last = SequenceNumber(bytes.load(40))
    leastTime = bytes.load(56)
    greatestTime = bytes.load(64)
    rawBytes = Int(clamping: bytes.load(72, as: UInt64.self))
    self.offset = offset
    chainBefore = bytes.load(88)
    chainAfter = bytes.load(92)
    leastEpoch = bytes.load(96)
    greatestEpoch = bytes.load(104)
    func line(_ at: Int) -> ControlTotals.Line {
      var line = ControlTotals.Line()
      (line.count, line.sum) = (bytes.load(at), bytes.load(at + 8))
      return line
    }
    totals.charges = line(112)
    totals.credits = line(128)
    totals.corrections = line(144)
    hash = [UInt8](bytes.extracting(160..<192))
    entries = []
    entries.reserveCapacity(entryBytes / Self.entryLength)
    for at in stride(from: Self.fixedLength, to: end, by: Self.entryLength) {
      entries.append(
        Entry(
          first: SequenceNumber(bytes.load(at)),
          offset: Int(clamping: bytes.load(at + 8, as: UInt64.self)),
          count: Int(bytes.load(at + 16, as: UInt32.self)),
          rawBytes: Int(bytes.load(at + 20, as: UInt32.self)),
          length: Int(bytes.load(at + 24, as: UInt32.self)), chain: bytes.load(at + 28)))
    }
    guard first <= last, entries.first?.first == first else {
      throw .bad("the footer's sequences contradict each other")
    }
  }

  init(
    logID: LogID, first: SequenceNumber, chainBefore: UInt32
  ) {
    self.logID = logID
    self.first = first
    self.chainBefore = chainBefore
    (last, chainAfter, hash, entries) = (first, chainBefore, [], [])
    (leastTime, greatestTime, rawBytes, offset) = (.max, .min, 0, 0)
    (leastEpoch, greatestEpoch) = (.max, 0)
  }

  /// Takes note of a block that was written at `offset`.
  mutating func add(_ header: BlockHeader) {
    entries.append(
      Entry(
        first: header.first, offset: offset, count: header.count, rawBytes: header.rawBytes,
        length: header.blockLength, chain: header.chain))
    last = header.last
    leastTime = min(leastTime, header.leastTime)
    greatestTime = max(greatestTime, header.greatestTime)
    leastEpoch = min(leastEpoch, header.epoch)
    greatestEpoch = max(greatestEpoch, header.epoch)
    rawBytes += header.rawBytes
    offset += header.blockLength
    chainAfter = header.chainAfter
  }
}
