// An open file of the simulated disk.
import Base
import Glibc

final class SimulatedFile: File {
  let path: String
  private let inode: SimulatedInode
  private let system: SimulatedFileSystem

  init(path: String, inode: SimulatedInode, system: SimulatedFileSystem) {
    self.path = path
    self.inode = inode
    self.system = system
  }

  deinit { system.release(ObjectIdentifier(self), of: inode) }

  func size() throws(FileError) -> Int {
    try system.with(.stat, path) { _, _ throws(FileError) in inode.cached.count }
  }

  func read(
    into buffer: inout [UInt8], _ range: Range<Int>, at offset: Int
  ) throws(FileError) -> Int {
    let all: [UInt8]
    let end: Int
    (all, end) = try system.with(.read, path) { _, limit throws(FileError) in
      let end = offset + min(limit ?? range.count, range.count)
      return (inode.cached, max(offset, min(inode.cached.count, end)))
    }
    if offset < end {
      buffer.withUnsafeMutableBytes { buffer in
        all.withUnsafeBytes { all in
          let target = UnsafeMutableRawBufferPointer(rebasing: buffer[range])
          target.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[offset..<end]))
        }
      }
    }
    return end - offset
  }

  func write(_ bytes: Span<UInt8>, at offset: Int) throws(FileError) -> Int {
    let bytes = [UInt8](bytes)
    return try system.with(
      .write, path, halfDone: { _ in self.inode.change(.write(offset, bytes)) }
    ) { disk, limit throws(FileError) in
      var count = min(limit ?? bytes.count, bytes.count)
      let growth = offset + count - inode.cached.count
      let free = disk.capacity - disk.used
      if growth > 0 && growth > free {
        count -= growth - max(0, free)
        if count <= 0 { throw FileError(code: ENOSPC, operation: .write, path: path) }
      }
      inode.change(.write(offset, Array(bytes[..<count])))
      return count
    }
  }

  func sync() throws(FileError) {
    try system.with(.sync, path) { _, _ throws(FileError) in
      for change in inode.pending { SimulatedInode.apply(change, to: &inode.durable) }
      inode.pending = []
    }
  }

  func truncate(to size: Int) throws(FileError) {
    try system.with(.truncate, path) { _, _ throws(FileError) in inode.change(.truncate(size)) }
  }

  func dropCache() throws(FileError) {
    try system.with(.advise, path) { _, _ throws(FileError) in
      inode.cached = inode.durable
      for change in inode.pending { SimulatedInode.apply(change, to: &inode.cached) }
    }
  }

  func lock(_ kind: LockKind) throws(FileError) -> Bool {
    try system.with(.lock, path) { _, _ throws(FileError) in
      let me = ObjectIdentifier(self)
      if let holder = inode.exclusiveLock, holder != me { return false }
      if kind == .shared {
        inode.sharedLocks.insert(me)
        return true
      }
      guard inode.sharedLocks.subtracting([me]).isEmpty else { return false }
      inode.exclusiveLock = me
      return true
    }
  }

  func unlock() throws(FileError) {
    try system.with(.lock, path) { _, _ throws(FileError) in
      inode.sharedLocks.remove(ObjectIdentifier(self))
      if inode.exclusiveLock == ObjectIdentifier(self) { inode.exclusiveLock = nil }
    }
  }
}
