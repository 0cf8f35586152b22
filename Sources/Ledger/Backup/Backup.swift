// `backup`: a copy of the ledger that can be restored, made while a server writes or without one.
// Only durable events are in it. Sealed segments are copied once, of the open one what is new.
//
//   heads and key first, then the segments up to what is durable then: no head in a backup covers
//   events that are not in it -> each file synced, read back and compared -> manifest.json by
//   rename -> files that it does not name are removed
//
// Whenever it is interrupted, the backup before is whole.
public import Base

/// What a backup did.
public struct BackupReport: Equatable, Sendable {
  /// The last event in it.
  public internal(set) var last = SequenceNumber.none
  public internal(set) var files = 0
  /// Bytes of the backup, and those copied now.
  public internal(set) var bytes = 0
  public internal(set) var copiedBytes = 0
}

public struct Backup {
  /// Bytes copied at a time.
  static let piece = 1 << 20

  private let files: LedgerFiles
  private let target: any FileSystem
  private let path: String
  private let progress: (_ done: UInt64, _ total: UInt64) -> Void
  private var report = BackupReport()
  private var entries: [BackupManifest.Entry] = []
  private var known: [String: BackupManifest.Entry] = [:]

  /// Makes a backup of `files` in a folder, which is made when missing.
  /// - Parameter progress: told the bytes looked at.
  /// - Throws: `.backup` when the folder holds something else or another log's backup.
  public static func run(
    _ files: LedgerFiles, to path: String, on target: any FileSystem, now: Timestamp,
    progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws(LedgerError) -> BackupReport {
    var backup = Backup(files, target, path, progress)
    return try backup.make(now)
  }

  private init(
    _ files: LedgerFiles, _ target: any FileSystem, _ path: String,
    _ progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void
  ) {
    self.files = files
    self.target = target
    self.path = path
    self.progress = progress
  }

  private mutating func make(_ now: Timestamp) throws(LedgerError) -> BackupReport {
    try prepare()
    let directory = files.directory
    for name in ["signing.key", "checkpoints.log"] {
      let source = try file(at: directory.path + "/" + name)
      guard let source else { continue }
      let size = try io { () throws(FileError) in try source.size() }
      try copy(source, name, size, as: nil)
    }
    let limit = files.durable
    try copySegments(upTo: limit)
    let manifest = BackupManifest(
      identity: files.identity, made: now, last: limit, files: entries)
    try io { () throws(FileError) in
      try target.replaceFile(path + "/manifest.json", in: path, with: manifest.text)
      for name in try target.list(path)
      where name != "manifest.json" && !entries.contains(where: { $0.file == name }) {
        try target.remove(path + "/" + name)
      }
      try target.syncDirectory(path)
    }
    report.last = limit
    report.files = entries.count
    report.bytes = entries.reduce(0) { $0 + $1.bytes }
    return report
  }

  private mutating func prepare() throws(LedgerError) {
    if let manifest = try BackupManifest.read(target, at: path) {
      guard manifest.identity.logID == files.identity.logID else {
        throw .backup("\(path) is the backup of another log, \(manifest.identity.logID)")
      }
      guard manifest.last <= files.durable else {
        throw .backup(
          "\(path) holds events up to \(manifest.last), this log ends with \(files.durable): it is "
            + "older than its backup")
      }
      for entry in manifest.files { known[entry.name] = entry }
      return
    }
    let there = try io { () throws(FileError) in
      try target.makeDirectory(path)
      return try target.list(path)
    }
    // What an interrupted first backup left may be there, nothing else.
    if let stranger = there.first(where: { !Self.isOurs($0) }) {
      throw .backup("\(path) is no backup and not empty (\(stranger) is there): choose another")
    }
  }

  private static func isOurs(_ name: String) -> Bool {
    name.hasSuffix(".tmp")
      || ["signing.key-", "checkpoints.log-"].contains { name.hasPrefix($0) }
      || name.hasPrefix("0") && name.contains(".lz4-")
  }

  private func file(at path: String) throws(LedgerError) -> (any File)? {
    do throws(FileError) { return try files.directory.files.open(path, .read) } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
  }

  // MARK: - Segments

  private mutating func copySegments(upTo limit: SequenceNumber) throws(LedgerError) {
    var total: UInt64 = 0
    var sources: [(first: SequenceNumber, file: any File, size: Int)] = []
    for first in files.segments where first <= limit {
      guard let file = try self.file(at: files.directory.path(of: first)) else {
        throw .missingSegment(holding: first, path: files.directory.segments)
      }
      let size = try io { () throws(FileError) in try file.size() }
      sources.append((first, file, size))
      total += UInt64(size)
    }
    var done: UInt64 = 0
    for source in sources {
      let name = "segments/" + LedgerDirectory.name(of: source.first)
      let footer = try io { () throws(FileError) in
        try SegmentFooter.read(source.file, of: files.identity.logID)
      }
      if footer != nil {
        try copySealed(source.file, name, source.size)
      } else {
        let end = try end(of: source.file, source.first, upTo: limit)
        try copy(source.file, name, end, as: LedgerDirectory.name(of: source.first) + "-open")
      }
      done += UInt64(source.size)
      progress(done, total)
    }
  }

  /// A sealed segment that is here already is not read again.
  private mutating func copySealed(
    _ source: any File, _ name: String, _ size: Int
  ) throws(LedgerError) {
    if let entry = known[name], entry.bytes == size, !entry.file.hasSuffix("-open"),
      try isThere(entry)
    {
      entries.append(entry)
      return
    }
    try copy(source, name, size, as: nil)
  }

  private func isThere(_ entry: BackupManifest.Entry) throws(LedgerError) -> Bool {
    let status = try io { () throws(FileError) in
      try target.status(of: path + "/" + entry.file)
    }
    return status.map { !$0.isDirectory && $0.size >= entry.bytes } ?? false
  }

  /// Bytes of a segment that hold blocks up to a sequence.
  private func end(
    of file: any File, _ segment: SequenceNumber, upTo limit: SequenceNumber
  ) throws(LedgerError) -> Int {
    var input = SegmentRecords(file, segment: segment, of: files.identity.logID)
    var end = 0
    while let header = try input.nextBlock() {
      if header.first > limit { break }
      end = input.offset
      if header.last >= limit { break }
    }
    return end
  }

  // MARK: - Files

  /// Copies the first bytes of a file, syncs, reads them back and compares.
  /// - Parameter growing: the name of a copy that only grows; nil = named by its content.
  private mutating func copy(
    _ source: any File, _ name: String, _ count: Int, as growing: String?
  ) throws(LedgerError) {
    let base = String(name.split(separator: "/").last ?? "")
    let temporary = growing ?? base + ".tmp"
    let old = growing == nil ? 0 : known[name].map { $0.file == growing ? $0.bytes : 0 } ?? 0
    let start = old <= count ? old : 0
    let written = SHA256()
    var copied = 0
    let hash = try io { () throws(FileError) in
      let file = try target.open(path + "/" + temporary, growing == nil ? .replace : .create)
      var buffer = [UInt8](repeating: 0, count: Self.piece)
      var offset = 0
      while offset < count {
        let wanted = min(buffer.count, count - offset)
        let read = try source.readFully(into: &buffer, 0..<wanted, at: offset)
        guard read == wanted else { break }
        written.update(buffer.span.extracting(0..<read))
        // What an earlier backup wrote stays as it is; it is compared below.
        let from = max(0, min(read, start - offset))
        if from < read {
          try file.writeFully(buffer.span.extracting(from..<read), at: offset + from)
          copied += read - from
        }
        offset += read
      }
      try file.sync()
      try file.dropCache()
      return written.finish()
    }
    guard try Self.hash(target, path + "/" + temporary, count) == hash else {
      throw .backup("\(path)/\(temporary) is not what was written there: the disk is at fault")
    }
    var entry = BackupManifest.Entry(name: name, file: temporary, bytes: count, hash: hash)
    if growing == nil {
      entry.file = "\(base)-\(Hex.encode(Array(hash[..<8])))"
      let final = entry.file
      try io { () throws(FileError) in
        try target.rename(path + "/" + temporary, to: path + "/" + final)
      }
    }
    try io { () throws(FileError) in try target.syncDirectory(path) }
    report.copiedBytes += copied
    entries.append(entry)
  }

  /// SHA-256 of a file's first bytes; nil when it has fewer.
  static func hash(
    _ files: any FileSystem, _ path: String, _ count: Int
  ) throws(LedgerError) -> [UInt8]? {
    let hash = SHA256()
    return try io { () throws(FileError) in
      let file = try files.open(path, .read)
      var buffer = [UInt8](repeating: 0, count: piece)
      var offset = 0
      while offset < count {
        let wanted = min(buffer.count, count - offset)
        guard try file.readFully(into: &buffer, 0..<wanted, at: offset) == wanted else {
          return nil
        }
        hash.update(buffer.span.extracting(0..<wanted))
        offset += wanted
      }
      return hash.finish()
    }
  }
}
