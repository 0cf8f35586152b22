// The state behind SimulatedFileSystem: inodes, names, and what a crash makes of them.
import Base
import Glibc
import Synchronization

/// Something done to a file's content that no sync has covered yet.
enum SimulatedChange {
  case write(Int, [UInt8])
  case truncate(Int)
}

/// A file without its names. Guarded by the disk's lock.
final class SimulatedInode: @unchecked Sendable {
  /// What a crash leaves for sure.
  var durable: [UInt8] = []
  var pending: [SimulatedChange] = []
  /// What readers see.
  var cached: [UInt8] = []
  var sharedLocks = Set<ObjectIdentifier>()
  var exclusiveLock: ObjectIdentifier?

  func change(_ change: SimulatedChange) {
    pending.append(change)
    Self.apply(change, to: &cached)
  }

  static func apply(_ change: SimulatedChange, to bytes: inout [UInt8]) {
    switch change {
    case .write(let offset, let new):
      let end = offset + new.count
      if end > bytes.count { apply(.truncate(end), to: &bytes) }
      bytes.withUnsafeMutableBytes {
        UnsafeMutableRawBufferPointer(rebasing: $0[offset..<end]).copyBytes(from: new)
      }
    case .truncate(let size):
      if size <= bytes.count {
        bytes.removeLast(bytes.count - size)
      } else {
        bytes += [UInt8](repeating: 0, count: size - bytes.count)
      }
    }
  }
}

/// Something done to names that no directory sync has covered yet.
enum SimulatedNameChange {
  case link(String, SimulatedInode)
  case rename(String, String)
  case unlink(String)

  var paths: [String] {
    switch self {
    case .link(let path, _), .unlink(let path): [path]
    case .rename(let path, let target): [path, target]
    }
  }

  func apply(to names: inout [String: SimulatedInode]) {
    switch self {
    case .link(let path, let inode):
      names[path] = inode
    case .rename(let path, let target):
      if let inode = names.removeValue(forKey: path) { names[target] = inode }
    case .unlink(let path):
      names.removeValue(forKey: path)
    }
  }
}

struct SimulatedDisk {
  var capacity: Int
  var names: [String: SimulatedInode] = [:]
  private var durableNames: [String: SimulatedInode] = [:]
  private var pendingNames: [SimulatedNameChange] = []
  /// Directories are taken as durable at once.
  var directories: Set<String> = ["", ".", "/"]
  var plan: SimulatedFileSystem.Plan?
  private(set) var calls = 0
  private(set) var hasCrashed = false

  init(capacity: Int) { self.capacity = capacity }

  var used: Int {
    var seen = Set<ObjectIdentifier>()
    return names.values.reduce(0) {
      seen.insert(ObjectIdentifier($1)).inserted ? $0 + $1.cached.count : $0
    }
  }

  /// Counts a call and asks the plan.
  /// - Parameter halfDone: done before a crash takes this call down.
  /// - Returns: how many bytes it may move, nil for all.
  @discardableResult
  mutating func call(
    _ operation: FileOperation, _ path: String, halfDone: (inout SimulatedDisk) -> Void = { _ in }
  ) throws(FileError) -> Int? {
    calls += 1
    let down = FileError(code: ESHUTDOWN, operation: operation, path: path)
    if hasCrashed { throw down }
    switch plan?(SimulatedCall(number: calls, operation: operation, path: path)) {
    case nil: return nil
    case .short(let count): return count
    case .error(let code): throw FileError(code: code, operation: operation, path: path)
    case .syncLost:
      names[path]?.pending = []
      throw FileError(code: EIO, operation: operation, path: path)
    case .crash:
      halfDone(&self)
      hasCrashed = true
      throw down
    }
  }

  mutating func change(_ change: SimulatedNameChange) {
    pendingNames.append(change)
    change.apply(to: &names)
  }

  mutating func syncNames(in directory: String) {
    var left: [SimulatedNameChange] = []
    for change in pendingNames {
      if change.paths.contains(where: { parent($0) == directory }) {
        change.apply(to: &durableNames)
      } else {
        left.append(change)
      }
    }
    pendingNames = left
  }

  /// What the next process finds when this one was killed: the page cache stays, with all that is
  /// not synced; locks are gone.
  func afterKill() -> SimulatedDisk {
    var disk = SimulatedDisk(capacity: capacity)
    disk.directories = directories
    var made: [ObjectIdentifier: SimulatedInode] = [:]
    func copy(_ inode: SimulatedInode) -> SimulatedInode {
      if let known = made[ObjectIdentifier(inode)] { return known }
      let new = SimulatedInode()
      (new.durable, new.pending, new.cached) = (inode.durable, inode.pending, inode.cached)
      made[ObjectIdentifier(inode)] = new
      return new
    }
    disk.names = names.mapValues(copy)
    disk.durableNames = durableNames.mapValues(copy)
    disk.pendingNames = pendingNames.map { change in
      if case .link(let path, let inode) = change { return .link(path, copy(inode)) }
      return change
    }
    return disk
  }

  /// What a machine finds that starts after the power failed.
  func afterCrash(seed: UInt64) -> SimulatedDisk {
    var random = SplitMix64(seed: seed)
    var disk = SimulatedDisk(capacity: capacity)
    disk.directories = directories
    var survivors = durableNames
    // A journal keeps changes of names in order: some first part of them survives.
    let kept = pendingNames.isEmpty ? 0 : Int.random(in: 0...pendingNames.count, using: &random)
    for change in pendingNames.prefix(kept) { change.apply(to: &survivors) }
    var made: [ObjectIdentifier: SimulatedInode] = [:]
    for (path, inode) in survivors.sorted(by: { $0.key < $1.key }) {
      let copy = made[ObjectIdentifier(inode)] ?? inode.afterCrash(&random)
      made[ObjectIdentifier(inode)] = copy
      disk.names[path] = copy
    }
    disk.durableNames = disk.names
    return disk
  }
}

extension SimulatedInode {
  fileprivate func afterCrash(_ random: inout SplitMix64) -> SimulatedInode {
    var bytes = durable
    var changes = pending
    if Bool.random(using: &random) { changes.shuffle(using: &random) }
    for change in changes {
      switch change {
      case .truncate:
        if Bool.random(using: &random) { Self.apply(change, to: &bytes) }
      case .write(let offset, let new):
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: break
        case 2, 3, 4: Self.apply(change, to: &bytes)
        case 5: Self.tear(offset, new, by: 4096, &random, garbled: false, &bytes)
        case 6: Self.tear(offset, new, by: 512, &random, garbled: false, &bytes)
        default: Self.tear(offset, new, by: 512, &random, garbled: true, &bytes)
        }
      }
    }
    let copy = SimulatedInode()
    copy.durable = bytes
    copy.cached = bytes
    return copy
  }

  /// Applies some sectors of a write and not others. A garbled one holds noise wherever the old
  /// byte and the new one differ: writing the same bytes again harms nothing.
  private static func tear(
    _ offset: Int, _ new: [UInt8], by sector: Int, _ random: inout SplitMix64, garbled: Bool,
    _ bytes: inout [UInt8]
  ) {
    var at = 0
    while at < new.count {
      let end = min(new.count, (offset + at) / sector * sector + sector - offset)
      switch Int.random(in: 0..<(garbled ? 3 : 2), using: &random) {
      case 0: break
      case 1: apply(.write(offset + at, Array(new[at..<end])), to: &bytes)
      default:
        let noise = (at..<end).map { index in
          let old = offset + index < bytes.count ? bytes[offset + index] : 0
          return old == new[index] ? old : UInt8(truncatingIfNeeded: random.next())
        }
        apply(.write(offset + at, noise), to: &bytes)
      }
      at = end
    }
  }
}

/// The same numbers for the same seed.
public struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
