// What an open for writing changes at the log's end: a torn tail is copied to cut/ and zeroed, and
// the last valid block is written once more with the same bytes and synced, because the page cache
// of a run that ended badly may have been the only place that had it.
internal import Base

extension LedgerDirectory {
  /// Cuts the torn tail, if there is one. Durable when it returns.
  func cutTail(_ end: LogEnd, epoch: UInt64) throws(LedgerError) -> Recovery.Cut? {
    guard let segment = end.open, let torn = end.torn else { return nil }
    let name = "\(Self.name(of: segment))-\(torn.lowerBound)-epoch-\(epoch)"
    let copy = cut + "/" + name
    try io { () throws(FileError) in
      let file = try files.open(path(of: segment), .write)
      var bytes = [UInt8](repeating: 0, count: torn.count)
      let count = try file.readFully(into: &bytes, bytes.indices, at: torn.lowerBound)
      bytes.removeLast(bytes.count - count)
      try files.replaceFile(copy, in: cut, with: bytes)
      for index in bytes.indices { bytes[index] = 0 }
      try file.writeFully(bytes.span, at: torn.lowerBound)
      try file.sync()
    }
    return Recovery.Cut(
      segment: segment, offset: torn.lowerBound, byteCount: torn.count, copy: copy)
  }

  /// Writes the last valid block again, in place, and syncs it.
  func rewriteLastBlock(_ end: LogEnd) throws(LedgerError) {
    guard let segment = end.open, let block = end.lastBlock else { return }
    try io { () throws(FileError) in
      let file = try files.open(path(of: segment), .write)
      var bytes = [UInt8](repeating: 0, count: block.count)
      let count = try file.readFully(into: &bytes, bytes.indices, at: block.lowerBound)
      precondition(count == bytes.count, "the block was read whole a moment ago")
      try file.writeFully(bytes.span, at: block.lowerBound)
      try file.sync()
    }
  }
}
