// LZ4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md): the one door to liblz4.
// Contexts are kept, so that nothing is allocated per block. Frames carry their content size and no
// checksums of their own: the block's header has better ones.
internal import CLZ4

/// The LZ4 block size a frame of `count` bytes declares: the smallest that holds it whole, as
/// decoders reserve that much.
private func blockSize(for count: Int) -> (code: LZ4F_blockSizeID_t, bytes: Int) {
  if count <= 64 << 10 { return (LZ4F_max64KB, 64 << 10) }
  if count <= 256 << 10 { return (LZ4F_max256KB, 256 << 10) }
  return (LZ4F_max1MB, 1 << 20)
}

/// Compresses whole frames, one after another.
@safe final class LZ4Compressor {
  /// The fast level, for the commit path.
  static let fast: Int32 = 0
  /// LZ4 HC, for sealing.
  static let dense: Int32 = 9

  private let context: OpaquePointer
  private var preferences = LZ4F_preferences_t()

  init(level: Int32) {
    var made: OpaquePointer?
    guard unsafe LZ4F_isError(LZ4F_createCompressionContext(&made, UInt32(LZ4F_VERSION))) == 0,
      let made = unsafe made
    else { preconditionFailure("liblz4 could not allocate a context") }
    unsafe context = made
    preferences.compressionLevel = level
    preferences.autoFlush = 1
    preferences.frameInfo.blockMode = LZ4F_blockIndependent
  }

  deinit { unsafe _ = LZ4F_freeCompressionContext(context) }

  /// Bytes that `compress` may need for `count` bytes.
  func bound(_ count: Int) -> Int {
    preferences.frameInfo.blockSizeID = blockSize(for: count).code
    return unsafe LZ4F_compressBound(count, &preferences) + Int(LZ4F_HEADER_SIZE_MAX) + 8
  }

  /// Compresses `source` into `target` from `offset` on; `bound` bytes must be free there.
  /// - Returns: bytes of the frame.
  func compress(_ source: Span<UInt8>, into target: inout [UInt8], at offset: Int) -> Int {
    precondition(target.count - offset >= bound(source.count))
    preferences.frameInfo.contentSize = UInt64(source.count)
    return unsafe source.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { target in
        let start = unsafe target.baseAddress! + offset
        let room = target.count - offset
        var done = unsafe Self.checked(
          LZ4F_compressBegin(context, start, room, &preferences))
        done += unsafe Self.checked(
          LZ4F_compressUpdate(
            context, start + done, room - done, source.baseAddress, source.count, nil))
        done += unsafe Self.checked(LZ4F_compressEnd(context, start + done, room - done, nil))
        return done
      }
    }
  }

  private static func checked(_ result: Int) -> Int {
    precondition(
      LZ4F_isError(result) == 0, unsafe String(cString: LZ4F_getErrorName(result)))
    return result
  }
}

/// Decompresses whole frames, one after another. Hostile bytes give nil, never more than asked for.
@safe final class LZ4Decompressor {
  /// Bytes of buffer with which liblz4 decodes `count` bytes in place instead of copying.
  static func room(for count: Int) -> Int { count + blockSize(for: count).bytes }

  private let context: OpaquePointer

  init() {
    var made: OpaquePointer?
    guard unsafe LZ4F_isError(LZ4F_createDecompressionContext(&made, UInt32(LZ4F_VERSION))) == 0,
      let made = unsafe made
    else { preconditionFailure("liblz4 could not allocate a context") }
    unsafe context = made
  }

  deinit { unsafe _ = LZ4F_freeDecompressionContext(context) }

  /// Decompresses exactly one frame into the start of `target`.
  /// - Returns: bytes of content; nil when `source` is not one whole frame that fits.
  func decompress(_ source: Span<UInt8>, into target: inout [UInt8]) -> Int? {
    unsafe source.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { target in
        var read = 0
        var written = 0
        while true {
          var sourceCount = source.count - read
          var targetCount = target.count - written
          let hint = unsafe LZ4F_decompress(
            context, target.baseAddress! + written, &targetCount,
            source.baseAddress! + read, &sourceCount, nil)
          read += sourceCount
          written += targetCount
          if LZ4F_isError(hint) == 0 {
            if hint == 0 { return read == source.count ? written : nil }
            if sourceCount > 0 || targetCount > 0 { continue }
          }
          unsafe LZ4F_resetDecompressionContext(context)
          return nil
        }
      }
    }
  }
}
