// libsqlite3, wrapped: one connection, prepared statements kept by their text. Used by one thread
// at a time.
import CSQLite

/// A connection to a database file.
@safe final class SQLiteDatabase {
  private var handle: OpaquePointer?
  private var statements: [String: SQLiteStatement] = [:]
  let path: String

  /// How a file is opened.
  enum Mode {
    case readOnly, readWrite
  }

  init(path: String, mode: Mode) throws(StoreError) {
    self.path = path
    let flags =
      SQLITE_OPEN_NOMUTEX
      | (mode == .readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
    let code = unsafe sqlite3_open_v2(path, &handle, flags, nil)
    guard code == SQLITE_OK else {
      let error = failure("opening \(path)", code)
      unsafe sqlite3_close_v2(handle)
      unsafe handle = nil
      throw error
    }
    unsafe sqlite3_busy_timeout(handle, 5000)
  }

  deinit { close() }

  func close() {
    statements = [:]
    unsafe sqlite3_close_v2(handle)
    unsafe handle = nil
  }

  func failure(_ operation: String, _ code: Int32) -> StoreError {
    let message =
      if let text = unsafe sqlite3_errmsg(handle) { unsafe String(cString: text) } else {
        "no memory"
      }
    switch code & 0xFF {
    case SQLITE_CORRUPT, SQLITE_NOTADB: return .damaged("\(operation): \(message)")
    default: return .failed(operation: operation, code: code, message: message)
    }
  }

  /// Runs statements that give no rows.
  func execute(_ sql: String) throws(StoreError) {
    let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw failure(sql, code) }
  }

  /// A prepared statement, ready to be bound.
  func statement(_ sql: String) throws(StoreError) -> SQLiteStatement {
    if let known = statements[sql] {
      known.reset()
      return known
    }
    var pointer: OpaquePointer?
    let code = unsafe sqlite3_prepare_v3(
      handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, nil)
    guard code == SQLITE_OK, let made = unsafe pointer else { throw failure(sql, code) }
    let statement = unsafe SQLiteStatement(made, sql, of: self)
    statements[sql] = statement
    return statement
  }

  /// Runs `body` in one transaction.
  func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
    try execute("BEGIN IMMEDIATE")
    do throws(StoreError) {
      try body()
      try execute("COMMIT")
    } catch {
      try? execute("ROLLBACK")
      throw error
    }
  }

  /// The one text that a query gives, if it gives a row.
  func text(_ sql: String) throws(StoreError) -> String? {
    let statement = try statement(sql)
    defer { statement.reset() }
    guard try statement.step(), case .text(let text) = statement.value(0) else { return nil }
    return text
  }
}

/// A prepared statement.
@safe final class SQLiteStatement {
  private let handle: OpaquePointer
  private let sql: String
  private unowned let database: SQLiteDatabase

  fileprivate init(_ handle: OpaquePointer, _ sql: String, of database: SQLiteDatabase) {
    unsafe self.handle = handle
    self.sql = sql
    self.database = database
  }
  deinit { unsafe sqlite3_finalize(handle) }

  func reset() {
    unsafe sqlite3_reset(handle)
    unsafe sqlite3_clear_bindings(handle)
  }

  /// Binds a parameter, from 1.
  func bind(_ index: Int, _ value: ColumnValue) throws(StoreError) {
    let index = Int32(index)
    let code: Int32
    switch value {
    case .integer(let number): code = unsafe sqlite3_bind_int64(handle, index, number)
    case .text(let text):
      code = unsafe sh_bind_text(handle, index, text, Int32(text.utf8.count))
    case .blob(let bytes):
      code = unsafe bytes.withUnsafeBufferPointer {
        unsafe sh_bind_blob(handle, index, $0.baseAddress, Int32($0.count))
      }
    }
    guard code == SQLITE_OK else { throw database.failure(sql, code) }
  }

  /// Goes to the next row.
  /// - Returns: false after the last one.
  func step() throws(StoreError) -> Bool {
    switch unsafe sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code: throw database.failure(sql, code)
    }
  }

  /// Runs a statement that gives no rows and makes it ready for the next time.
  func run() throws(StoreError) {
    defer { reset() }
    _ = try step()
  }

  /// A column of the row, from 0; nil for NULL and floating point, which we never store.
  func value(_ index: Int) -> ColumnValue? {
    let index = Int32(index)
    switch unsafe sqlite3_column_type(handle, index) {
    case SQLITE_INTEGER: return unsafe .integer(sqlite3_column_int64(handle, index))
    case SQLITE_TEXT:
      let count = unsafe Int(sqlite3_column_bytes(handle, index))
      guard let start = unsafe sqlite3_column_text(handle, index) else { return .text("") }
      return unsafe .text(
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self))
    case SQLITE_BLOB:
      let count = unsafe Int(sqlite3_column_bytes(handle, index))
      guard let start = unsafe sqlite3_column_blob(handle, index) else { return .blob([]) }
      return unsafe .blob(Array(UnsafeRawBufferPointer(start: start, count: count)))
    default: return nil
    }
  }

  /// The columns from `first` on.
  func values(from first: Int, count: Int) throws(StoreError) -> [ColumnValue] {
    var values: [ColumnValue] = []
    values.reserveCapacity(count)
    for index in first..<first + count {
      guard let value = value(index) else {
        throw .damaged("column \(index) of \(sql) holds no value of ours")
      }
      values.append(value)
    }
    return values
  }
}
