// A disk in memory that keeps what is not synced apart from what is, and crashes on command.
//
// Each file has the content that survives for sure and the writes since the last sync, in order;
// each name likewise is sure only after its directory was synced. `crash` decides by a seed which
// of the unsure writes survive: whole, torn by sectors, dropped or garbled, in any order. Every
// call has a number, and a plan may make any of them fail or be the last one.
//
// Made for the ledger: paths are absolute or relative text, directories are made whole.
import Base
import Glibc
import Synchronization

/// What a plan makes of a call.
public enum SimulatedFault: Equatable, Sendable {
  /// It fails with this errno, nothing done.
  case error(Int32)
  /// A write or read moves only so many bytes.
  case short(Int)
  /// A sync fails, and as Linux does it, the pages count as clean: never written again.
  case syncLost
  /// The power goes: the call may be half done, this one and all later ones fail.
  case crash
}

/// A call, as a plan sees it.
public struct SimulatedCall: Equatable, Sendable {
  /// From 1.
  public let number: Int
  public let operation: FileOperation
  public let path: String
}

public final class SimulatedFileSystem: FileSystem {
  /// Decides the fate of each call; nil: nothing happens to it.
  public typealias Plan = @Sendable (SimulatedCall) -> SimulatedFault?

  private let disk: Mutex<SimulatedDisk>

  /// - Parameter capacity: bytes that all files together may hold.
  public convenience init(capacity: Int = 1 << 30) { self.init(SimulatedDisk(capacity: capacity)) }

  private init(_ disk: SimulatedDisk) { self.disk = Mutex(disk) }

  public func plan(_ plan: Plan?) { disk.withLock { $0.plan = plan } }
  /// Calls made so far.
  public var calls: Int { disk.withLock { $0.calls } }
  public var capacity: Int {
    get { disk.withLock { $0.capacity } }
    set { disk.withLock { $0.capacity = newValue } }
  }
  public var hasCrashed: Bool { disk.withLock { $0.hasCrashed } }

  /// The disk as a machine finds it that starts after the power failed now.
  /// - Parameter seed: decides what survives of what was not synced.
  public func crash(seed: UInt64) -> SimulatedFileSystem {
    SimulatedFileSystem(disk.withLock { $0.afterCrash(seed: seed) })
  }

  /// The disk as the next process finds it when this one is killed now and the power stays.
  public func kill() -> SimulatedFileSystem {
    SimulatedFileSystem(disk.withLock { $0.afterKill() })
  }

  /// The content that a reader sees.
  public func content(_ path: String) -> [UInt8]? {
    disk.withLock { $0.names[path].map { $0.cached } }
  }

  /// Changes bytes of a file behind everybody's back, durably.
  public func tamper(_ path: String, _ change: (inout [UInt8]) -> Void) {
    disk.withLock { disk in
      guard let inode = disk.names[path] else { return }
      change(&inode.cached)
      inode.durable = inode.cached
      inode.pending = []
    }
  }

  // MARK: - FileSystem

  public func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    try disk.withLock { disk throws(FileError) in
      try disk.call(.open, path)
      if let inode = disk.names[path] {
        if mode == .replace { inode.change(.truncate(0)) }
        return SimulatedFile(path: path, inode: inode, system: self)
      }
      guard mode == .create || mode == .replace, disk.directories.contains(parent(path)) else {
        throw FileError(code: ENOENT, operation: .open, path: path)
      }
      let inode = SimulatedInode()
      disk.change(.link(path, inode))
      return SimulatedFile(path: path, inode: inode, system: self)
    }
  }

  public func status(of path: String) throws(FileError) -> FileStatus? {
    try disk.withLock { disk throws(FileError) in
      try disk.call(.stat, path)
      if disk.directories.contains(path) { return FileStatus(isDirectory: true, size: 0) }
      return disk.names[path].map { FileStatus(isDirectory: false, size: $0.cached.count) }
    }
  }

  public func list(_ directory: String) throws(FileError) -> [String] {
    try disk.withLock { disk throws(FileError) in
      try disk.call(.list, directory)
      guard disk.directories.contains(directory) else {
        throw FileError(code: ENOENT, operation: .list, path: directory)
      }
      let all = Array(disk.names.keys) + Array(disk.directories)
      return all.filter { parent($0) == directory && $0 != directory }
        .map { String($0.dropFirst(directory.utf8.count + 1)) }.sorted()
    }
  }

  public func makeDirectory(_ path: String) throws(FileError) {
    try disk.withLock { disk throws(FileError) in
      try disk.call(.makeDirectory, path)
      disk.directories.insert(path)
    }
  }

  public func rename(_ path: String, to target: String) throws(FileError) {
    try disk.withLock { disk throws(FileError) in
      try disk.call(.rename, path) { $0.change(.rename(path, target)) }
      guard disk.names[path] != nil else {
        throw FileError(code: ENOENT, operation: .rename, path: path)
      }
      disk.change(.rename(path, target))
    }
  }

  public func remove(_ path: String) throws(FileError) {
    try disk.withLock { disk throws(FileError) in
      try disk.call(.remove, path) { $0.change(.unlink(path)) }
      guard disk.names[path] != nil else {
        throw FileError(code: ENOENT, operation: .remove, path: path)
      }
      disk.change(.unlink(path))
    }
  }

  public func syncDirectory(_ path: String) throws(FileError) {
    try disk.withLock { disk throws(FileError) in
      try disk.call(.syncDirectory, path)
      disk.syncNames(in: path)
    }
  }

  public func freeSpace(at path: String) throws(FileError) -> Int {
    try disk.withLock { disk throws(FileError) in
      try disk.call(.statvfs, path)
      return max(0, disk.capacity - disk.used)
    }
  }

  func release(_ holder: ObjectIdentifier, of inode: SimulatedInode) {
    disk.withLock { _ in
      inode.sharedLocks.remove(holder)
      if inode.exclusiveLock == holder { inode.exclusiveLock = nil }
    }
  }

  func with<Value>(
    _ operation: FileOperation, _ path: String,
    halfDone: (inout SimulatedDisk) -> Void = { _ in },
    _ body: (inout SimulatedDisk, _ limit: Int?) throws(FileError) -> Value
  ) throws(FileError) -> Value {
    try disk.withLock { disk throws(FileError) in
      let limit = try disk.call(operation, path, halfDone: halfDone)
      return try body(&disk, limit)
    }
  }
}

func parent(_ path: String) -> String {
  path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
}
