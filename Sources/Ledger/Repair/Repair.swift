// Carries a repair out. Nothing is destroyed: what leaves the log stands in cut/, synced, before it
// leaves. The order makes every crash one that a second `repair` goes on from:
//
//   pending.json -> later segments into cut/, the last one first -> the damaged one's end copied to
//   cut/, then cut off -> where signed heads are lost: another origin, then heads and key into cut/
//   -> the read model removed where it knows lost events
//
// The next open records it all as an event.
internal import Base

extension RepairPlan {
  /// - Parameters:
  ///   - directory: whose exclusive lock the caller holds.
  ///   - authorship: recorded with the event.
  /// - Returns: names of the files in cut/ that keep what was removed.
  @discardableResult
  public func apply(
    to directory: LedgerDirectory, _ authorship: Authorship
  ) throws(LedgerError) -> [String] {
    guard var identity = try directory.readIdentity() else {
      throw .notALedger(path: directory.path, why: "ledger.json is missing")
    }
    let epoch = identity.epoch
    let names = cuts.map { Self.name(of: $0, epoch) }
    try io { () throws(FileError) in
      try directory.write(note(names, authorship))
      for (cut, name) in zip(cuts, names).reversed() {
        try Self.remove(cut, as: name, from: directory)
      }
      if endsTree {
        identity.origin = identity.successor
        try directory.writeIdentity(identity)
        try directory.moveTreeAside(epoch: epoch)
      }
      if lostEvents > 0 { try directory.removeReadModel() }
    }
    return names
  }

  private func note(_ names: [String], _ authorship: Authorship) -> PendingNote {
    var note = PendingNote(.repaired)
    note.first = keeps.next
    note.offset = UInt64(cuts.first?.offset ?? 0)
    note.length = UInt64(cuts.reduce(0) { $0 + $1.byteCount })
    note.segment = cuts.first.map { LedgerDirectory.name(of: $0.segment) } ?? ""
    note.kept = names.joined(separator: " ")
    note.authorship = authorship
    return note
  }

  private static func name(of cut: Cut, _ epoch: UInt64) -> String {
    "\(LedgerDirectory.name(of: cut.segment))-\(cut.offset)-repair-\(epoch)"
  }

  private static func remove(
    _ cut: Cut, as name: String, from directory: LedgerDirectory
  ) throws(FileError) {
    let files = directory.files
    let path = directory.path(of: cut.segment)
    let target = directory.cut + "/" + name
    guard cut.offset > 0 else {
      try files.rename(path, to: target)
      try files.syncDirectory(directory.cut)
      return try files.syncDirectory(directory.segments)
    }
    let source = try files.open(path, .write)
    let copy = try files.open(target + ".tmp", .replace)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var done = 0
    while done < cut.byteCount {
      let wanted = min(buffer.count, cut.byteCount - done)
      let count = try source.readFully(into: &buffer, 0..<wanted, at: cut.offset + done)
      if count == 0 { break }
      try copy.writeFully(buffer.span.extracting(0..<count), at: done)
      done += count
    }
    try copy.sync()
    try files.rename(target + ".tmp", to: target)
    try files.syncDirectory(directory.cut)
    try source.truncate(to: cut.offset)
    try source.sync()
  }
}

extension LogIdentity {
  /// A name for the tree that begins where this one ends: name-r7 in the seventh epoch.
  var successor: String {
    var base = Substring(origin)
    if let end = base.range(of: "-r", backwards: true),
      base[end.upperBound...].allSatisfy(\.isNumber)
    {
      base = base[..<end.lowerBound]
    }
    return "\(base)-r\(epoch + 1)"
  }
}

extension Substring {
  /// The last place of a text.
  fileprivate func range(of text: String, backwards: Bool) -> Range<Index>? {
    var found: Range<Index>?
    var rest = self
    while let range = rest.firstRange(of: text) {
      found = range
      rest = rest[range.upperBound...]
    }
    return found
  }
}

extension LedgerDirectory {
  /// Heads and key of a tree that ends are kept in cut/; what is derived of it goes.
  func moveTreeAside(epoch: UInt64) throws(FileError) {
    for name in ["checkpoints.log", "checkpoints.tail", "signing.key"] {
      do throws(FileError) {
        try files.rename(path + "/" + name, to: cut + "/\(name)-epoch-\(epoch)")
      } catch { if !error.isMissing { throw error } }
    }
    try files.syncDirectory(cut)
    try files.syncDirectory(path)
  }

  /// The read model is made again from the log.
  func removeReadModel() throws(FileError) {
    for suffix in ["", "-wal", "-shm"] {
      do throws(FileError) {
        try files.remove(path + "/projections.sqlite" + suffix)
      } catch { if !error.isMissing { throw error } }
    }
    try files.syncDirectory(path)
  }
}
