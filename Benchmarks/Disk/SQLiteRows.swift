// What most would write instead of a log: one row a transaction in SQLite, WAL, synchronous=FULL.
import CSQLite

final class SQLiteRows {
  private var database: OpaquePointer?
  private var insert: OpaquePointer?

  init(at path: String) throws {
    try check(sqlite3_open(path, &database))
    for pragma in ["journal_mode=WAL", "synchronous=FULL"] {
      try check(sqlite3_exec(database, "PRAGMA \(pragma)", nil, nil, nil))
    }
    try check(
      sqlite3_exec(
        database, "CREATE TABLE events(sequence INTEGER PRIMARY KEY, record BLOB NOT NULL)", nil,
        nil, nil))
    try check(
      sqlite3_prepare_v2(
        database, "INSERT INTO events(record) VALUES (?)", -1, &insert, nil))
  }

  deinit {
    sqlite3_finalize(insert)
    sqlite3_close(database)
  }

  static var version: String { String(cString: sqlite3_libversion()) }

  /// Inserts rows, each in its own transaction, for some time.
  /// - Returns: rows per second.
  func insert(_ records: [[UInt8]], seconds: Double) throws -> Double {
    let watch = Stopwatch()
    var rows = 0
    while watch.seconds < seconds {
      let record = records[rows % records.count]
      try record.withUnsafeBytes { bytes in
        try check(
          sqlite3_bind_blob(insert, 1, bytes.baseAddress, Int32(bytes.count), nil))
        guard sqlite3_step(insert) == SQLITE_DONE else { throw failure() }
        try check(sqlite3_reset(insert))
      }
      rows += 1
    }
    return Double(rows) / watch.seconds
  }

  private func check(_ status: Int32) throws { if status != SQLITE_OK { throw failure() } }

  private func failure() -> BenchmarkError {
    BenchmarkError("sqlite: \(String(cString: sqlite3_errmsg(database)))")
  }
}
