// The state as bytes, for snapshots: every table's rows in the order of the tables, each row with
// its index and its columns as `StoredRow` states them. What is read back is checked: a snapshot
// that is not whole is not used.
//
//   chunk "snapshot"   log id, epoch, sequence, chain, fold level
//   chunk TABLE ...    rows of one table: count u32, then index u32 and columns of each
//   chunk "end"        chunks before it
//
// A chunk begins with its name: u16 length and bytes. Integers are zigzag varints (LEB128), texts
// and blobs have a varint length in front.
import Base
import Ledger

/// Appends columns to bytes.
struct SnapshotRowWriter: ColumnCoder {
  var bytes: [UInt8] = []

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
  mutating func column(_ name: StaticString, _ value: inout Int64) {
    varint(UInt64(bitPattern: value << 1 ^ value >> 63))
  }
  mutating func column(_ name: StaticString, _ value: inout String) { text(value) }
  mutating func column(_ name: StaticString, _ value: inout [UInt8]) {
    varint(UInt64(value.count))
    bytes += value
  }
  mutating func text(_ value: String) {
    varint(UInt64(value.utf8.count))
    bytes.append(utf8: value)
  }
}

/// Takes columns from a chunk's bytes.
struct SnapshotRowReader: ColumnCoder {
  let bytes: [UInt8]
  var offset = 0
  init(_ bytes: [UInt8]) { self.bytes = bytes }
  var isAtEnd: Bool { offset == bytes.count }

  mutating func varint() throws(StoreError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count, shift < 64 {
      let byte = bytes[offset]
      offset += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw .damaged("a number of the snapshot ends in the middle")
  }
  mutating func count() throws(StoreError) -> Int {
    let value = try varint()
    guard value <= UInt64(bytes.count - offset) else {
      throw .damaged("a text of the snapshot is longer than it")
    }
    return Int(value)
  }
  mutating func column(_ name: StaticString, _ value: inout Int64) throws(StoreError) {
    let bits = try varint()
    value = Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1)
  }
  mutating func column(_ name: StaticString, _ value: inout String) throws(StoreError) {
    value = try text()
  }
  mutating func column(_ name: StaticString, _ value: inout [UInt8]) throws(StoreError) {
    let length = try count()
    value = Array(bytes[offset..<offset + length])
    offset += length
  }
  mutating func text() throws(StoreError) -> String {
    let length = try count()
    guard let text = String(validating: bytes[offset..<offset + length], as: UTF8.self) else {
      throw .damaged("a text of the snapshot is not UTF-8")
    }
    offset += length
    return text
  }
}

/// Writes all tables.
struct SnapshotWriter: TableVisitor {
  private var file = ChunkFileWriter()
  private var chunks: UInt64 = 0
  /// Rows are collected up to so many bytes.
  private static let chunkBytes = 1 << 20

  mutating func header(_ header: CheckpointHeader) {
    var row = SnapshotRowWriter()
    row.text("\(header.logID)")
    row.varint(header.epoch)
    row.varint(header.sequence.value)
    row.varint(UInt64(header.chain))
    row.text(header.foldLevel)
    append("snapshot", row.bytes)
  }

  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) {
    rows(Row.table, table.occupied)
  }

  mutating func rows(_ name: String, _ rows: [(index: Int, row: some StoredRow)]) {
    var writer = SnapshotRowWriter()
    var count: UInt64 = 0
    for (index, row) in rows {
      var row = row
      writer.varint(UInt64(index))
      do { try row.columns(&writer) } catch { preconditionFailure("\(error)") }
      count += 1
      if writer.bytes.count >= Self.chunkBytes {
        append(name, count, writer.bytes)
        writer.bytes.removeAll(keepingCapacity: true)
        count = 0
      }
    }
    if count > 0 { append(name, count, writer.bytes) }
  }

  private mutating func append(_ name: String, _ count: UInt64, _ rows: [UInt8]) {
    var writer = SnapshotRowWriter()
    writer.varint(count)
    append(name, writer.bytes + rows)
  }

  private mutating func append(_ name: String, _ content: [UInt8]) {
    var chunk = SnapshotRowWriter()
    chunk.text(name)
    chunk.bytes += content
    file.append(chunk.bytes.span)
    chunks += 1
  }

  mutating func finish() -> [UInt8] {
    var row = SnapshotRowWriter()
    row.varint(chunks)
    append("end", row.bytes)
    return file.bytes
  }
}

/// Reads tables in the order in which they were written.
struct SnapshotReader: TableVisitor {
  private var file: ChunkFileReader
  /// The chunk that comes next, behind its name.
  private var chunk: SnapshotRowReader?
  private var name = ""
  private var chunks: UInt64 = 0

  init(_ bytes: [UInt8]) throws(StoreError) {
    file = ChunkFileReader(bytes)
    try advance()
  }

  private mutating func advance() throws(StoreError) {
    do throws(ChunkFault) {
      guard try file.next() else {
        chunk = nil
        name = ""
        return
      }
    } catch { throw .damaged("the snapshot, \(error)") }
    var reader = SnapshotRowReader(file.chunk.copied)
    name = try reader.text()
    chunk = reader
    chunks += 1
  }

  mutating func header() throws(StoreError) -> CheckpointHeader {
    guard name == "snapshot", var row = chunk, let id = LogID(try row.text()) else {
      throw .damaged("the snapshot has no header")
    }
    let header = CheckpointHeader(
      logID: id, epoch: try row.varint(), sequence: SequenceNumber(try row.varint()),
      chain: UInt32(truncatingIfNeeded: try row.varint()), foldLevel: try row.text())
    try advance()
    return header
  }

  mutating func visit<Row: StoredRow>(_ table: inout Table<Row>) throws(StoreError) {
    var loaded = table
    try rows { (index: Int, row: Row) throws(StoreError) in try loaded.load(index, row) }
    table = loaded
  }

  /// Gives all rows of one kind.
  mutating func rows<Row: StoredRow>(
    _ body: (Int, Row) throws(StoreError) -> Void
  ) throws(StoreError) {
    while name == Row.table, var reader = chunk {
      for _ in 0..<(try reader.varint()) {
        let index = try reader.varint()
        var row = Row()
        try row.columns(&reader)
        try body(Int(clamping: index), row)
      }
      guard reader.isAtEnd else {
        throw .damaged("a chunk of \(Row.table) is longer than its rows")
      }
      try advance()
    }
  }

  mutating func finish() throws(StoreError) {
    guard name == "end", var row = chunk, try row.varint() == chunks - 1 else {
      throw .damaged("the snapshot is not whole")
    }
  }
}

extension Span where Element == UInt8 {
  fileprivate var copied: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for index in indices { bytes.append(self[index]) }
    return bytes
  }
}
