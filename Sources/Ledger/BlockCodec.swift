// Record bytes to a block and back. Both sides keep their buffers, so that a commit or a read
// allocates nothing once they are warm.
internal import Base

/// Makes blocks, one at a time.
struct BlockEncoder: ~Copyable {
  /// Where the LZ4 frame begins in `buffer`; padding and header are put in front of it.
  private static let frameStart = BlockHeader.alignment + BlockHeader.length
  private let compressor: LZ4Compressor
  private var buffer: [UInt8] = []
  private var range = 0..<0

  /// - Parameter level: `LZ4Compressor.fast` or `.dense`.
  init(level: Int32) {
    compressor = LZ4Compressor(level: level)
  }

  /// Encodes records as one block, kept until the next call.
  /// - Parameters:
  ///   - header: identity, sequences, times and chain; the rest is filled in.
  ///   - aligned: pad the block to a multiple of 4,096 bytes.
  /// - Returns: the complete header.
  mutating func encode(
    _ records: Span<UInt8>, header: BlockHeader, aligned: Bool
  ) -> BlockHeader {
    precondition(records.count <= BlockHeader.greatestRawBytes && header.count >= 1)
    let room = Self.frameStart + compressor.bound(records.count)
    if buffer.count < room { buffer = [UInt8](repeating: 0, count: room) }
    var header = header
    header.rawBytes = records.count
    header.rawChecksum = CRC32C.checksum(records)
    header.storedBytes = compressor.compress(records, into: &buffer, at: Self.frameStart)
    let unpadded = BlockHeader.length + header.storedBytes
    header.padding =
      aligned
      ? (BlockHeader.alignment - unpadded % BlockHeader.alignment) % BlockHeader.alignment : 0
    let body = Self.frameStart - header.padding
    clear(body..<Self.frameStart)
    range = body - BlockHeader.length..<Self.frameStart + header.storedBytes
    header.bodyChecksum = CRC32C.checksum(buffer.span.extracting(body..<range.upperBound))
    header.encode(into: &buffer, at: range.lowerBound)
    return header
  }

  private mutating func clear(_ padding: Range<Int>) {
    unsafe buffer.withUnsafeMutableBufferPointer { bytes in
      unsafe UnsafeMutableBufferPointer(rebasing: bytes[padding]).update(repeating: 0)
    }
  }

  /// The block made last.
  var block: Span<UInt8> {
    @_lifetime(borrow self) get { buffer.span.extracting(range) }
  }
}

/// Reads blocks, one at a time.
struct BlockDecoder: ~Copyable {
  private let decompressor = LZ4Decompressor()
  private var buffer: [UInt8] = []
  private var count = 0

  /// Whether padding and frame are the bytes that were written.
  static func bodyFault(_ header: BlockHeader, block: Span<UInt8>) -> String? {
    let body = block.extracting(BlockHeader.length..<header.blockLength)
    return CRC32C.checksum(body) == header.bodyChecksum
      ? nil : "the block's checksum is wrong"
  }

  /// Checks and decodes the block that begins at the span's start, kept until the next call.
  /// - Parameter thorough: recompute the checksum of the raw bytes, too.
  mutating func decode(
    _ header: BlockHeader, block: Span<UInt8>, thorough: Bool
  ) throws(BlockFault) {
    if let fault = Self.bodyFault(header, block: block) { throw .bad(fault) }
    let frame = block.extracting(BlockHeader.length + header.padding..<header.blockLength)
    let room = LZ4Decompressor.room(for: header.rawBytes)
    if buffer.count < room { buffer = [UInt8](repeating: 0, count: room) }
    guard decompressor.decompress(frame, into: &buffer) == header.rawBytes else {
      throw .bad("the block's LZ4 frame does not decode to \(header.rawBytes) bytes")
    }
    count = header.rawBytes
    if thorough, CRC32C.checksum(records) != header.rawChecksum {
      throw .bad("the checksum of the record bytes is wrong")
    }
    guard RecordBatch.count(in: records) == header.count else {
      throw .bad("the block does not hold \(header.count) whole records")
    }
  }

  /// Gives the buffer with the record bytes at its start away and goes on with another one.
  /// - Returns: how many record bytes they are.
  mutating func exchange(_ other: inout [UInt8]) -> Int {
    swap(&buffer, &other)
    defer { count = 0 }
    return count
  }

  /// The record bytes of the block decoded last.
  var records: Span<UInt8> {
    @_lifetime(borrow self) get { buffer.span.extracting(0..<count) }
  }
}
