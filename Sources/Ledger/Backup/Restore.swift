// `backup DIR --restore`: a ledger's directory from a backup. The target must be empty; every file
// is compared with the manifest, the whole log is verified, and ledger.json comes last: before it
// nothing takes the directory for a ledger.
//
// A restored log must not fork a tree that was published. Its own tree goes on only if the backup
// holds the head that was published last; else another begins under another name and key, and the
// old heads and key are kept in cut/. The log id stays: it stands in every block.
public import Base

/// What a restore did.
public struct RestoreReport: Sendable {
  public internal(set) var last = SequenceNumber.none
  public internal(set) var bytes = 0
  /// What the verification of the restored log found.
  public internal(set) var verification = Verification()
  /// Whether heads go on to be signed with the same key.
  public internal(set) var keepsTree = false
  /// The name of the tree from now on.
  public internal(set) var origin = ""
}

public enum Restore {
  /// - Parameters:
  ///   - published: the head that was published last, its signature checked; nil = unknown.
  ///   - request: how the restored log is verified.
  ///   - authorship: recorded with the event.
  /// - Throws: `.backup` when the backup or the target cannot be used; nothing is a ledger then.
  public static func run(
    from path: String, on source: any FileSystem, to directory: LedgerDirectory,
    published: TreeHead?, request: VerificationRequest, _ authorship: Authorship,
    progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws(LedgerError) -> RestoreReport {
    guard let manifest = try BackupManifest.read(source, at: path) else {
      throw .backup("\(path) is no backup: it has no manifest.json")
    }
    try io { () throws(FileError) in try directory.make() }
    let there = try io { () throws(FileError) in
      try directory.files.list(directory.path).filter { !["segments", "cut"].contains($0) }
        + directory.files.list(directory.segments)
    }
    guard there.isEmpty else {
      throw .backup("\(directory.path) is not empty: restore into a new directory")
    }
    var report = RestoreReport()
    let total = UInt64(manifest.files.reduce(0) { $0 + $1.bytes })
    for entry in manifest.files {
      try copy(entry, from: path, on: source, to: directory)
      report.bytes += entry.bytes
      progress(UInt64(report.bytes), total)
    }
    try finish(manifest, in: directory, published, request, authorship, &report)
    return report
  }

  private static func copy(
    _ entry: BackupManifest.Entry, from path: String, on source: any FileSystem,
    to directory: LedgerDirectory
  ) throws(LedgerError) {
    let hash = SHA256()
    let target = directory.path + "/" + entry.name
    let isWhole = try io { () throws(FileError) in
      let file = try source.open(path + "/" + entry.file, .read)
      let copy = try directory.files.open(target, .replace)
      var buffer = [UInt8](repeating: 0, count: Backup.piece)
      var offset = 0
      while offset < entry.bytes {
        let wanted = min(buffer.count, entry.bytes - offset)
        guard try file.readFully(into: &buffer, 0..<wanted, at: offset) == wanted else {
          return false
        }
        hash.update(buffer.span.extracting(0..<wanted))
        try copy.writeFully(buffer.span.extracting(0..<wanted), at: offset)
        offset += wanted
      }
      try copy.sync()
      return true
    }
    guard isWhole, hash.finish() == entry.hash else {
      throw .backup("\(path)/\(entry.file) is damaged: it is not what was backed up")
    }
  }

  private static func finish(
    _ manifest: BackupManifest, in directory: LedgerDirectory, _ published: TreeHead?,
    _ request: VerificationRequest, _ authorship: Authorship, _ report: inout RestoreReport
  ) throws(LedgerError) {
    var identity = manifest.identity
    var request = request
    if let published, published.size <= manifest.last.value { request.published = published }
    report.verification = try Verification.run(directory, identity, request)
    report.last = report.verification.last
    if let damage = report.verification.damages.first {
      throw .backup("the backup is damaged: \(damage)")
    }
    guard report.last == manifest.last else {
      throw .backup(
        "the backup ends with event \(report.last), its manifest says \(manifest.last)")
    }
    report.keepsTree = request.published != nil
    var note = PendingNote(.restored)
    note.first = report.last
    note.authorship = authorship
    try io { () throws(FileError) in
      try directory.files.syncDirectory(directory.segments)
      if !report.keepsTree {
        identity.origin = identity.successor
        try directory.moveTreeAside(epoch: identity.epoch)
      }
      try directory.write(note)
      try directory.files.syncDirectory(directory.path)
      try directory.writeIdentity(identity)
    }
    report.origin = identity.treeName
  }
}
