// What most would write instead of a log: rows in SQLite, WAL, synchronous=FULL, the record as it
// is. One row a transaction, or many.
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

  /// Inserts rows for some time.
  /// - Parameter batch: rows of one transaction.
  /// - Returns: rows per second; nanoseconds of each transaction.
  func insert(
    _ records: [[UInt8]], batch: Int = 1, seconds: Double
  ) throws -> (rate: Double, times: [Double]) {
    let watch = Stopwatch()
    var times: [Double] = []
    var rows = 0
    while watch.seconds < seconds {
      let start = monotonicNanoseconds()
      if batch > 1 { try execute("BEGIN IMMEDIATE") }
      for _ in 0..<batch {
        try insert(records[rows % records.count])
        rows += 1
      }
      if batch > 1 { try execute("COMMIT") }
      times.append(Double(monotonicNanoseconds() - start))
    }
    return (Double(rows) / watch.seconds, times)
  }

  private func insert(_ record: [UInt8]) throws {
    try record.withUnsafeBytes { bytes in
      try check(sqlite3_bind_blob(insert, 1, bytes.baseAddress, Int32(bytes.count), nil))
      guard sqlite3_step(insert) == SQLITE_DONE else { throw failure() }
      try check(sqlite3_reset(insert))
    }
  }

  private func execute(_ statement: String) throws {
    try check(sqlite3_exec(database, statement, nil, nil, nil))
  }

  private func check(_ status: Int32) throws { if status != SQLITE_OK { throw failure() } }

  private func failure() -> BenchmarkError {
    BenchmarkError("sqlite: \(String(cString: sqlite3_errmsg(database)))")
  }
}
