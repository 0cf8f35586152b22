// The directory of a ledger: which file is where, who holds it, and ledger.json, its description.
//
//   ledger.json    {"format": 1, "log_id": 32 hex digits, "created": RFC 3339 time,
//                   "origin": name, "epoch": times the ledger was opened for writing}
//   LOCK           flock: exclusive for a writer, shared for readers; holds the writer's process id
//   segments/      named by their first sequence number, 20 digits; next.tmp is prepared ahead
//   cut/           bytes that recovery removed, kept for inspection
//   checkpoints.log, checkpoints.tail, signing.key, tiles/    the Merkle tree's: see Merkle/
//
// The epoch is raised here, durably, at every open for writing and before anything is appended; it
// is at least the last block's epoch + 1, should ledger.json come from a backup.
public import Base
import Glibc

/// Paths of a ledger's files.
public struct LedgerDirectory: Sendable {
  public let files: any FileSystem
  public let path: String

  public init(_ files: any FileSystem, at path: String) {
    self.files = files
    self.path = path
  }

  var segments: String { path + "/segments" }
  var cut: String { path + "/cut" }
  var identity: String { path + "/ledger.json" }
  var lock: String { path + "/LOCK" }
  var checkpoints: String { path + "/checkpoints.log" }
  var checkpointsTail: String { path + "/checkpoints.tail" }
  var signingKey: String { path + "/signing.key" }
  var tiles: String { path + "/tiles" }
  /// States at some events, made from the log: see Projections/Snapshots.
  public var snapshots: String { path + "/snapshots" }
  /// What the next open has to record: see PendingNote.
  var pending: String { path + "/pending.json" }
  /// The segment that is prepared ahead.
  var next: String { segments + "/next.tmp" }

  static func name(of first: SequenceNumber) -> String {
    let digits = "\(first.value)"
    return String(repeating: "0", count: 20 - digits.count) + digits + ".lz4"
  }

  func path(of first: SequenceNumber) -> String { segments + "/" + Self.name(of: first) }

  /// First sequence numbers of the segments that are here, ascending.
  func listSegments() throws(FileError) -> [SequenceNumber] {
    var found: [SequenceNumber] = []
    for name in try files.list(segments) where name.hasSuffix(".lz4") {
      let digits = name.dropLast(4)
      guard digits.utf8.count == 20, let first = UInt64(digits), first >= 1,
        name == Self.name(of: SequenceNumber(first))
      else { continue }
      found.append(SequenceNumber(first))
    }
    return found.sorted()
  }

  /// Removes what an interrupted run left half made.
  func removeTemporaries() throws(FileError) {
    for folder in [path, segments] {
      for name in try files.list(folder) where name.hasSuffix(".tmp") {
        try files.remove(folder + "/" + name)
      }
    }
  }

  /// Makes the directories, durably.
  func make() throws(FileError) {
    try files.makeDirectory(path)
    try files.makeDirectory(segments)
    try files.makeDirectory(cut)
    try files.syncDirectory(path)
    let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let above = parent.joined(separator: "/")
    try files.syncDirectory(!above.isEmpty ? above : path.hasPrefix("/") ? "/" : ".")
  }

  /// Takes the directory's lock, which is held until the file is closed.
  public func takeLock(_ kind: LockKind) throws(LedgerError) -> any File {
    let file = try io { () throws(FileError) in
      // A reader needs no more than the file: a directory that is read-only can be read.
      if kind == .shared {
        do throws(FileError) { return try files.open(lock, .read) } catch {
          if !error.isMissing { throw error }
        }
      }
      return try files.open(lock, .create)
    }
    let isTaken = try io { () throws(FileError) in try file.lock(kind) }
    guard isTaken else { throw .locked(path: path, holder: lockHolder()) }
    if kind == .exclusive {
      try io { () throws(FileError) in
        try file.truncate(to: 0)
        try file.writeFully(Array("\(getpid())\n".utf8).span, at: 0)
      }
    }
    return file
  }

  /// The process id in LOCK.
  private func lockHolder() -> Int32? {
    guard let bytes = try? files.readFile(lock) else { return nil }
    let digits = bytes.prefix { (48...57).contains($0) }
    return Int32(String(decoding: digits, as: UTF8.self))
  }
}
