// Chunks of bytes in a file that stock `lz4` reads: for derived data such as snapshots. A chunk is
// a skippable frame with its lengths and checksum, then one LZ4 frame:
//
//   0x184D2A50 u32 | 12 u32 | raw bytes u32 | stored bytes u32 | CRC-32C of the raw bytes u32
//   the LZ4 frame, `stored bytes` long
internal import Base

enum ChunkFile {
  static let magic: UInt32 = 0x184D_2A50
  static let headerLength = 20
  /// The greatest content of a chunk that is believed: 16 MB.
  static let greatestRaw = 16 << 20
}

/// Why bytes are not the chunks that were written.
public struct ChunkFault: Error, Equatable, CustomStringConvertible {
  public let offset: Int
  public let what: String
  public var description: String { "at byte \(offset): \(what)" }
}

/// Makes the content of a chunk file.
public struct ChunkFileWriter {
  private let compressor = LZ4Compressor(level: LZ4Compressor.fast)
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// - Precondition: 1 ... 16 MB.
  public mutating func append(_ raw: Span<UInt8>) {
    precondition(raw.count >= 1 && raw.count <= ChunkFile.greatestRaw)
    let start = bytes.count
    let frame = start + ChunkFile.headerLength
    bytes.append(
      contentsOf: repeatElement(0, count: ChunkFile.headerLength + compressor.bound(raw.count)))
    let stored = compressor.compress(raw, into: &bytes, at: frame)
    bytes.removeLast(bytes.count - frame - stored)
    bytes.store(ChunkFile.magic, at: start)
    bytes.store(UInt32(12), at: start + 4)
    bytes.store(UInt32(raw.count), at: start + 8)
    bytes.store(UInt32(stored), at: start + 12)
    bytes.store(CRC32C.checksum(raw), at: start + 16)
  }
}

/// Reads chunks, one after another; each is checked before it is given out.
public struct ChunkFileReader {
  private let decompressor = LZ4Decompressor()
  private let bytes: [UInt8]
  private var offset = 0
  private var buffer: [UInt8] = []
  private var count = 0

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Goes to the next chunk.
  /// - Returns: false at the end.
  public mutating func next() throws(ChunkFault) -> Bool {
    count = 0
    let bytes = self.bytes
    if offset == bytes.count { return false }
    guard bytes.count - offset >= ChunkFile.headerLength,
      bytes.load(offset, as: UInt32.self) == ChunkFile.magic,
      bytes.load(offset + 4, as: UInt32.self) == 12
    else { throw ChunkFault(offset: offset, what: "no chunk begins here") }
    let raw = Int(bytes.load(offset + 8, as: UInt32.self))
    let stored = Int(bytes.load(offset + 12, as: UInt32.self))
    let start = offset + ChunkFile.headerLength
    guard raw >= 1, raw <= ChunkFile.greatestRaw, stored <= bytes.count - start else {
      throw ChunkFault(offset: offset, what: "a chunk's lengths are out of range")
    }
    let room = LZ4Decompressor.room(for: raw)
    if buffer.count < room { buffer = [UInt8](repeating: 0, count: room) }
    let frame = bytes.span.extracting(start..<start + stored)
    guard decompressor.decompress(frame, into: &buffer) == raw,
      CRC32C.checksum(buffer.span.extracting(0..<raw)) == bytes.load(offset + 16, as: UInt32.self)
    else { throw ChunkFault(offset: offset, what: "a chunk is not what was written") }
    count = raw
    offset = start + stored
    return true
  }

  /// The chunk that `next` went to.
  public var chunk: Span<UInt8> {
    @_lifetime(borrow self) get { buffer.span.extracting(0..<count) }
  }
}
