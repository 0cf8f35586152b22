// Usage rows in SQLite, with an index on key and day, and the questions put to them. The page cache
// holds 256 MB and the file is mapped, so that no answer waits for the disk.
import CSQLite

final class SQLiteUsage {
  private var database: OpaquePointer?
  let loadSeconds: Double

  /// Makes the database from a log's rows.
  init(at path: String, _ table: UsageTable) throws {
    let watch = Stopwatch()
    let database = try Self.open(path)
    func run(_ text: String) throws { try Self.execute(text, database) }
    try run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN")
    for definition in UsageTable.definitions { try run(definition) }
    let usage = try SQLiteStatement(
      database, "INSERT INTO usage VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")
    let credits = try SQLiteStatement(database, "INSERT INTO credits VALUES (?,?,?)")
    try table.each(
      settled: { _ = try usage.rows($0.values) },
      credited: { _ = try credits.rows([Int64($0.sequence), Int64($0.user), $0.amount]) })
    try run(UsageTable.index)
    try run("ANALYZE; COMMIT")
    self.database = database
    loadSeconds = watch.seconds
  }

  /// Opens one that is there.
  init(existing path: String) throws {
    database = try Self.open(path)
    loadSeconds = 0
  }

  deinit { sqlite3_close(database) }

  private static func open(_ path: String) throws -> OpaquePointer? {
    var database: OpaquePointer?
    guard sqlite3_open(path, &database) == SQLITE_OK else {
      throw BenchmarkError("sqlite cannot open \(path)")
    }
    try execute("PRAGMA cache_size=-262144; PRAGMA mmap_size=17179869184", database)
    return database
  }

  private static func execute(_ text: String, _ database: OpaquePointer?) throws {
    guard sqlite3_exec(database, text, nil, nil, nil) == SQLITE_OK else {
      throw BenchmarkError("sqlite: \(String(cString: sqlite3_errmsg(database)))")
    }
  }

  func prepare(_ text: String) throws -> SQLiteStatement { try SQLiteStatement(database, text) }

  /// The answer, and how long both questions took.
  func ask(keys: String, balances: String) throws -> (answer: UsageAnswer, seconds: Double) {
    let (keys, balances) = (try prepare(keys), try prepare(balances))
    let watch = Stopwatch()
    let answer = UsageAnswer(keys: try keys.rows([]), balances: try balances.rows([]))
    return (answer, watch.seconds)
  }
}

/// A prepared statement of whole numbers.
final class SQLiteStatement {
  private let database: OpaquePointer?
  private var statement: OpaquePointer?

  /// - Parameter database: open longer than this value lives.
  init(_ database: OpaquePointer?, _ text: String) throws {
    self.database = database
    guard sqlite3_prepare_v2(database, text, -1, &statement, nil) == SQLITE_OK else {
      throw BenchmarkError("sqlite: \(String(cString: sqlite3_errmsg(database)))")
    }
  }

  deinit { sqlite3_finalize(statement) }

  /// Runs it.
  func rows(_ values: [Int64]) throws -> [[Int64]] {
    for (index, value) in values.enumerated() {
      sqlite3_bind_int64(statement, Int32(index + 1), value)
    }
    var rows: [[Int64]] = []
    let columns = sqlite3_column_count(statement)
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW:
        rows.append((0..<columns).map { sqlite3_column_int64(statement, $0) })
      case SQLITE_DONE:
        sqlite3_reset(statement)
        return rows
      default: throw BenchmarkError("sqlite: \(String(cString: sqlite3_errmsg(database)))")
      }
    }
  }
}
