// The real file system with a meter on the blocks of the log: where each was written, how long it
// took from the start of its pwrite to the end of its fdatasync.
import Base
import Synchronization

/// One block that was made durable.
struct MeteredBlock: Sendable {
  let path: String
  let offset: Int
  let count: Int
  let nanoseconds: Int64
}

final class Meter: Sendable {
  private let blocks = Mutex<[MeteredBlock]>([])

  func note(_ block: MeteredBlock) { blocks.withLock { $0.append(block) } }

  /// What was metered since the last call.
  func take() -> [MeteredBlock] {
    blocks.withLock { blocks in
      defer { blocks = [] }
      return blocks
    }
  }
}

struct MeteredFileSystem: FileSystem {
  private let base = RealFileSystem()
  let meter: Meter

  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    let file = try base.open(path, mode)
    return path.hasSuffix(".lz4") && mode == .write ? MeteredFile(file, meter) : file
  }
  func status(of path: String) throws(FileError) -> FileStatus? { try base.status(of: path) }
  func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }
  func makeDirectory(_ path: String) throws(FileError) { try base.makeDirectory(path) }
  func rename(_ path: String, to target: String) throws(FileError) {
    try base.rename(path, to: target)
  }
  func remove(_ path: String) throws(FileError) { try base.remove(path) }
  func syncDirectory(_ path: String) throws(FileError) { try base.syncDirectory(path) }
  func freeSpace(at path: String) throws(FileError) -> Int { try base.freeSpace(at: path) }
}

/// A segment. Zeros written ahead are told from blocks by their first byte.
private final class MeteredFile: File {
  private struct Pending {
    var offset: Int
    var count: Int
    var start: Int64
  }
  private let base: any File
  private let meter: Meter
  private let pending = Mutex<Pending?>(nil)

  init(_ base: any File, _ meter: Meter) {
    self.base = base
    self.meter = meter
  }

  var path: String { base.path }
  func size() throws(FileError) -> Int { try base.size() }
  func read(
    into buffer: inout [UInt8], _ range: Range<Int>, at offset: Int
  ) throws(FileError) -> Int {
    try base.read(into: &buffer, range, at: offset)
  }
  func write(_ bytes: Span<UInt8>, at offset: Int) throws(FileError) -> Int {
    if bytes.count > 0 && bytes[0] == 0x5D {
      let start = monotonicNanoseconds()
      pending.withLock { $0 = Pending(offset: offset, count: bytes.count, start: start) }
    }
    return try base.write(bytes, at: offset)
  }
  func sync() throws(FileError) {
    try base.sync()
    let end = monotonicNanoseconds()
    let written = pending.withLock { pending in
      defer { pending = nil }
      return pending
    }
    guard let written else { return }
    meter.note(
      MeteredBlock(
        path: path, offset: written.offset, count: written.count,
        nanoseconds: end - written.start))
  }
  func truncate(to size: Int) throws(FileError) { try base.truncate(to: size) }
  func dropCache() throws(FileError) { try base.dropCache() }
  func lock(_ kind: LockKind) throws(FileError) -> Bool { try base.lock(kind) }
  func unlock() throws(FileError) { try base.unlock() }
}
