// Files of COPY's text format into SQLite, a table each, for their size on disk.
import Base
import CSQLite

struct SQLiteTables {
  private let tables: [EventSizes.TableFile]

  init(_ tables: [EventSizes.TableFile]) { self.tables = tables }

  /// Makes a database of them.
  /// - Returns: what it is, and bytes of the file.
  func load(at path: String) throws -> [(String, Int)] {
    var database: OpaquePointer?
    guard sqlite3_open(path, &database) == SQLITE_OK else {
      throw BenchmarkError("sqlite cannot open \(path)")
    }
    defer { sqlite3_close(database) }
    func execute(_ statement: String) throws {
      guard sqlite3_exec(database, statement, nil, nil, nil) == SQLITE_OK else {
        throw BenchmarkError("sqlite: \(String(cString: sqlite3_errmsg(database)))")
      }
    }
    func size() throws -> Int { try RealFileSystem().status(of: path)?.size ?? 0 }
    try execute("PRAGMA synchronous=OFF; BEGIN")
    for table in tables {
      try execute(table.sample.sqliteDefinition)
      try insert(table, into: database)
    }
    try execute("COMMIT")
    let bare = try size()
    try execute("BEGIN")
    for table in tables where table.sample.hasKey {
      let name = table.sample.table
      try execute("CREATE INDEX \(name)_by_key ON \(name)(\"key\", time_us)")
    }
    try execute("COMMIT")
    return [
      ("SQLite \(SQLiteRows.version), tables", bare),
      ("SQLite, with an index on key and time", try size()),
    ]
  }

  private func insert(_ table: EventSizes.TableFile, into database: OpaquePointer?) throws {
    let count = table.sample.columns.count + 2
    let places = [String](repeating: "?", count: count).joined(separator: ",")
    var insert: OpaquePointer?
    sqlite3_prepare_v2(
      database, "INSERT INTO \(table.sample.table) VALUES (\(places))", -1, &insert, nil)
    defer { sqlite3_finalize(insert) }
    let widths = [8, 8] + table.sample.columns.map(\.width)
    for line in try RealFileSystem().readFile(table.path).split(separator: 10) {
      let fields = line.split(separator: 9, omittingEmptySubsequences: false)
      for (index, field) in fields.enumerated() {
        bind(field, width: widths[index], to: insert, at: Int32(index + 1))
      }
      guard sqlite3_step(insert) == SQLITE_DONE, sqlite3_reset(insert) == SQLITE_OK else {
        throw BenchmarkError("sqlite: \(String(cString: sqlite3_errmsg(database)))")
      }
    }
  }

  /// Binds a field of COPY's text format. Escapes in texts stay: they cost a byte, seldom.
  private func bind(
    _ field: ArraySlice<UInt8>, width: Int, to insert: OpaquePointer?, at place: Int32
  ) {
    let text = String(decoding: field, as: UTF8.self)
    let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    if text == "\\N" {
      sqlite3_bind_null(insert, place)
    } else if width > 0 {
      sqlite3_bind_int64(insert, place, Int64(text) ?? 0)
    } else if width == 0 {
      sqlite3_bind_text(insert, place, text, -1, copies)
    } else {
      let digits = Array(text.dropFirst(3).utf8)
      let bytes = stride(from: 0, to: digits.count - 1, by: 2).map {
        UInt8(Self.digit(digits[$0]) << 4 | Self.digit(digits[$0 + 1]))
      }
      sqlite3_bind_blob(insert, place, bytes, Int32(bytes.count), copies)
    }
  }

  private static func digit(_ byte: UInt8) -> Int { byte >= 97 ? Int(byte) - 87 : Int(byte) - 48 }
}
