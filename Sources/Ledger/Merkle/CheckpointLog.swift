// checkpoints.log: every tree head ever signed, a line each, synced before the head is published.
//
//   {"size":N,"root":"BASE64","note":"...","crc32c":"1a2b3c4d"}     CRC-32C of the line before it
//
// An append rewrites the sector that holds the line before it, and a write that the power cuts may
// leave neither. So the new end of the file goes to checkpoints.tail first, synced, then in place,
// synced: at open a whole tail repairs the file.
//
//   checkpoints.tail: "DBKT" | CRC-32C u32 | offset u64 | length u32 | bytes, little-endian; the
//   CRC covers all behind it
internal import Base

/// The heads that were signed, open for appending.
struct CheckpointLog: Sendable {
  private static let magic = Array("DBKT".utf8)
  private static let sector = 4096
  /// How much of the file's end is read to find the last line.
  private static let tailBytes = 65_536

  private let directory: LedgerDirectory
  /// Bytes of whole lines.
  private var end = 0
  /// The file's content from the last multiple of a sector on.
  private var lastSector: [UInt8] = []
  /// The line that stands last.
  private(set) var last: Line?

  /// One line.
  struct Line: Sendable, Equatable {
    let size: UInt64
    let root: TreeHash
    let note: String
  }

  /// Opens it, repairs and drops what a crash left unfinished.
  /// - Throws: `.tree` when its end is neither whole nor unfinished.
  init(_ directory: LedgerDirectory) throws(LedgerError) {
    self.directory = directory
    try repair()
    guard let file = try Self.readEnd(directory) else { return }
    let found = try Self.lastLine(of: file, directory)
    last = found.line
    end = found.end
    if found.end < file.base + file.bytes.count {
      let end = end
      try io { () throws(FileError) in
        let file = try directory.files.open(directory.checkpoints, .write)
        try file.truncate(to: end)
        try file.sync()
      }
    }
    let start = end / Self.sector * Self.sector
    lastSector = Array(file.bytes[(start - file.base)..<(end - file.base)])
  }

  /// The line with the greatest size, of the file or of what was written aside; changes nothing.
  /// nil when nothing was signed, or the file cannot be understood: then opening it says why.
  static func lastWhole(in directory: LedgerDirectory) throws(LedgerError) -> Line? {
    var lines: [Line] = []
    if let tail = try readTail(directory) {
      lines += tail.bytes.split(separator: 0x0A).compactMap { parse(Array($0)) }
    }
    if let file = try readEnd(directory), let line = try? lastLine(of: file, directory).line {
      lines.append(line)
    }
    return lines.max { $0.size < $1.size }
  }

  // MARK: - Appending

  /// Appends a head, durably. Nothing is believed to be signed before this returns.
  mutating func append(_ signed: SignedHead) throws(LedgerError) {
    let line = Line(size: signed.head.size, root: signed.head.root, note: signed.note)
    precondition(line.size > last?.size ?? 0, "heads are signed in the order of their size")
    let start = end / Self.sector * Self.sector
    let bytes = lastSector + Self.encode(line)
    let tail = Self.encodeTail(bytes, at: start)
    try io { () throws(FileError) in
      let side = try directory.files.open(directory.checkpointsTail, .create)
      try side.writeFully(tail.span, at: 0)
      try side.sync()
      let file = try directory.files.open(directory.checkpoints, .create)
      try file.writeFully(bytes.span, at: start)
      try file.sync()
      if end == 0 { try directory.files.syncDirectory(directory.path) }
    }
    end = start + bytes.count
    lastSector = Array(bytes[(end / Self.sector * Self.sector - start)...])
    last = line
  }

  // MARK: - Lines

  private static func encode(_ line: Line) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.member("size", line.size)
    json.member("root", Base64.encode(line.root.bytes))
    json.member("note", line.note)
    let crc = CRC32C.checksum(json.bytes)
    json.member("crc32c", NoteVerifier.hex(crc))
    json.endObject()
    return json.bytes + [0x0A]
  }

  /// A line without its line feed; nil when it is not whole.
  static func parse(_ line: [UInt8]) -> Line? {
    guard let value = try? JSONParser(maxDepth: 2).parse(line), let crc = value["crc32c"]?.string,
      let size = (value["size"]?.numberText).flatMap({ UInt64($0) }), size > 0,
      let root = (value["root"]?.string).flatMap({ Base64.decode($0) }).flatMap({ TreeHash($0) }),
      let note = value["note"]?.string
    else { return nil }
    let covered = line.count - #","crc32c":"00000000"}"#.utf8.count
    guard covered > 0, NoteVerifier.hex(CRC32C.checksum(Array(line[..<covered]))) == crc else {
      return nil
    }
    return Line(size: size, root: root, note: note)
  }

  /// The last line of a file's bytes, and where it ends. What stands behind it was never published
  /// when it is the rest of one line.
  private static func lastLine(
    of file: (base: Int, bytes: [UInt8]), _ directory: LedgerDirectory
  ) throws(LedgerError) -> (line: Line?, end: Int) {
    let bytes = file.bytes
    let whole = (bytes.lastIndex(of: 0x0A) ?? -1) + 1
    if whole == 0, file.base == 0 { return (nil, 0) }
    let start = whole == 0 ? 0 : (bytes[..<(whole - 1)].lastIndex(of: 0x0A) ?? -1) + 1
    if whole > 0, let line = parse(Array(bytes[start..<(whole - 1)])) {
      return (line, file.base + whole)
    }
    throw .tree(
      "\(directory.checkpoints) is damaged at offset \(file.base + start): no head is signed "
        + "until it is mended from a copy or a backup")
  }

  /// Bytes read at a time.
  private static let pieceBytes = 1 << 20

  /// Gives every line, in their order, for `verify`. The file may be long: it is never held whole.
  /// - Returns: the offset of the first line that is not whole or not larger than the one before;
  ///   nil when all are. What stands behind the last line feed is being written, or was cut.
  static func eachLine(
    _ directory: LedgerDirectory, _ body: (Line) -> Void
  ) throws(LedgerError) -> Int? {
    let file: any File
    do throws(FileError) {
      file = try directory.files.open(directory.checkpoints, .read)
    } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
    var rest: [UInt8] = []
    var (start, offset) = (0, 0)
    var greatest: UInt64 = 0
    var buffer = [UInt8](repeating: 0, count: pieceBytes)
    while true {
      let at = offset
      let count = try io { () throws(FileError) in
        try file.readFully(into: &buffer, buffer.indices, at: at)
      }
      if count == 0 { return nil }
      offset += count
      rest += buffer[..<count]
      var begin = 0
      while let end = rest[begin...].firstIndex(of: 0x0A) {
        guard let line = parse(Array(rest[begin..<end])), line.size > greatest else {
          return start + begin
        }
        greatest = line.size
        body(line)
        begin = end + 1
      }
      rest.removeFirst(begin)
      start += begin
    }
  }

  /// The file's last bytes, from a multiple of a sector on.
  private static func readEnd(
    _ directory: LedgerDirectory
  ) throws(LedgerError) -> (base: Int, bytes: [UInt8])? {
    do throws(FileError) {
      let file = try directory.files.open(directory.checkpoints, .read)
      let size = try file.size()
      let base = max(0, size - tailBytes) / sector * sector
      var bytes = [UInt8](repeating: 0, count: size - base)
      let count = try file.readFully(into: &bytes, bytes.indices, at: base)
      bytes.removeLast(bytes.count - count)
      return (base, bytes)
    } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
  }

  private static func read(
    _ path: String, _ directory: LedgerDirectory
  ) throws(LedgerError) -> [UInt8]? {
    do throws(FileError) { return try directory.files.readFile(path) } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
  }

  // MARK: - The tail

  private static func encodeTail(_ bytes: [UInt8], at offset: Int) -> [UInt8] {
    var covered: [UInt8] = []
    covered.append(littleEndian: UInt64(offset))
    covered.append(littleEndian: UInt32(bytes.count))
    covered += bytes
    var tail = magic
    tail.append(littleEndian: CRC32C.checksum(covered))
    return tail + covered
  }

  private static func readTail(
    _ directory: LedgerDirectory
  ) throws(LedgerError) -> (offset: Int, bytes: [UInt8])? {
    guard let tail = try read(directory.checkpointsTail, directory), tail.count >= 20,
      Array(tail[0..<4]) == magic
    else { return nil }
    let count = Int(tail.span.load(16, as: UInt32.self))
    guard count <= tail.count - 20,
      CRC32C.checksum(Array(tail[8..<20 + count])) == tail.span.load(4, as: UInt32.self),
      let offset = Int(exactly: tail.span.load(8, as: UInt64.self))
    else { return nil }
    return (offset, Array(tail[20..<20 + count]))
  }

  /// Puts the end that was written aside in place, where the file does not have it.
  private func repair() throws(LedgerError) {
    guard let tail = try Self.readTail(directory) else { return }
    let file = try Self.readEnd(directory) ?? (base: 0, bytes: [])
    let size = file.base + file.bytes.count
    guard tail.offset <= size else {
      throw .tree(
        "\(directory.checkpoints) is cut at \(size) bytes: no head is signed until it is "
          + "mended from a copy or a backup")
    }
    // The tail is what was written last: the file ends with it, but for a write that was cut.
    if tail.offset >= file.base, file.bytes[(tail.offset - file.base)...].elementsEqual(tail.bytes)
    {
      return
    }
    try io { () throws(FileError) in
      let file = try directory.files.open(directory.checkpoints, .create)
      try file.writeFully(tail.bytes.span, at: tail.offset)
      try file.truncate(to: tail.offset + tail.bytes.count)
      try file.sync()
      try directory.files.syncDirectory(directory.path)
    }
  }
}
