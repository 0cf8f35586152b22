// Rows of the read model. Each row type states its columns once; table definitions, writing,
// reading and comparing all go through that one statement.
import Base
import Ledger

/// A row of a projection: a plain value with a key column that is its index in its table.
public protocol StoredRow: Equatable, Sendable {
  /// The SQL table's name.
  static var table: String { get }
  /// The SQL name of the index.
  static var keyColumn: String { get }
  /// A slot that holds nothing: it is not stored.
  init()
  /// True for a slot that holds nothing.
  var isVacant: Bool { get }
  /// States the columns, in order. Names of money columns end in `_nano_usd`, of times in `_us`
  /// (microseconds since 1970 UTC), of days in `_day` (days since 1970-01-01, local).
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError)
}

/// A value in a column.
public enum ColumnValue: Equatable, Sendable {
  case integer(Int64)
  case text(String)
  case blob([UInt8])
}

/// What a column holds, as SQL says it.
public enum ColumnType: String, Sendable {
  case integer = "INTEGER NOT NULL"
  case text = "TEXT NOT NULL"
  case blob = "BLOB NOT NULL"
}

/// A column of a table.
public struct ColumnDefinition: Equatable, Sendable {
  public let name: String
  public let type: ColumnType
}

/// Goes through the columns of a row, either way.
public protocol ColumnCoder {
  mutating func column(_ name: StaticString, _ value: inout Int64) throws(StoreError)
  mutating func column(_ name: StaticString, _ value: inout String) throws(StoreError)
  mutating func column(_ name: StaticString, _ value: inout [UInt8]) throws(StoreError)
}

/// The stored read model cannot be used.
public enum StoreError: Error, Equatable, CustomStringConvertible {
  /// The file does not hold what this version expects; a rebuild makes it anew.
  case damaged(String)
  /// The database refused an operation.
  case failed(operation: String, code: Int32, message: String)

  public var description: String {
    switch self {
    case .damaged(let what): "the read model is damaged: \(what)"
    case .failed(let operation, let code, let message):
      "the read model failed at \(operation): \(message) (\(code))"
    }
  }
}

extension ColumnCoder {
  mutating func money(_ name: StaticString, _ value: inout NanoUSD) throws(StoreError) {
    try column(name, &value.value)
  }
  /// Any field of a record: the same bits as there.
  mutating func field<Value: FieldValue>(
    _ name: StaticString, _ value: inout Value
  ) throws(StoreError) {
    var number = Int64(bitPattern: value.bits)
    if Value.self == Int32.self || Value.self == DayNumber.self {
      number = Int64(Int32(truncatingIfNeeded: number))
    }
    try column(name, &number)
    value = Value(bits: UInt64(bitPattern: number))
  }
  /// A code by its name.
  mutating func code<Value: RecordCode>(
    _ name: StaticString, _ value: inout Value
  ) throws(StoreError) {
    var text = value.name
    try column(name, &text)
    guard let known = Value.allCases.first(where: { $0.name == text }) else {
      throw .damaged("column \(name) holds the unknown code \(text)")
    }
    value = known
  }
}

/// Lists names and types of a row's columns.
struct ColumnLister: ColumnCoder {
  var columns: [ColumnDefinition] = []
  mutating func column(_ name: StaticString, _ value: inout Int64) {
    columns.append(ColumnDefinition(name: "\(name)", type: .integer))
  }
  mutating func column(_ name: StaticString, _ value: inout String) {
    columns.append(ColumnDefinition(name: "\(name)", type: .text))
  }
  mutating func column(_ name: StaticString, _ value: inout [UInt8]) {
    columns.append(ColumnDefinition(name: "\(name)", type: .blob))
  }
}

/// Takes the values of a row out of it.
struct ColumnWriter: ColumnCoder {
  var values: [ColumnValue] = []
  mutating func column(_ name: StaticString, _ value: inout Int64) {
    values.append(.integer(value))
  }
  mutating func column(_ name: StaticString, _ value: inout String) {
    values.append(.text(value))
  }
  mutating func column(_ name: StaticString, _ value: inout [UInt8]) {
    values.append(.blob(value))
  }
}

/// Fills a row from values.
struct ColumnReader: ColumnCoder {
  var values: [ColumnValue]
  private var next = 0
  init(_ values: [ColumnValue]) { self.values = values }

  private mutating func take(_ name: StaticString) throws(StoreError) -> ColumnValue {
    guard next < values.count else { throw .damaged("column \(name) is missing") }
    defer { next += 1 }
    return values[next]
  }
  mutating func column(_ name: StaticString, _ value: inout Int64) throws(StoreError) {
    guard case .integer(let found) = try take(name) else {
      throw .damaged("column \(name) is not an integer")
    }
    value = found
  }
  mutating func column(_ name: StaticString, _ value: inout String) throws(StoreError) {
    guard case .text(let found) = try take(name) else {
      throw .damaged("column \(name) is not text")
    }
    value = found
  }
  mutating func column(_ name: StaticString, _ value: inout [UInt8]) throws(StoreError) {
    guard case .blob(let found) = try take(name) else {
      throw .damaged("column \(name) is not a blob")
    }
    value = found
  }
}

extension StoredRow {
  /// Names and types of the columns, without the key.
  static var columnList: [ColumnDefinition] {
    var lister = ColumnLister()
    var row = Self()
    do { try row.columns(&lister) } catch { preconditionFailure("\(error)") }
    return lister.columns
  }
  /// The values of the columns, without the key.
  var values: [ColumnValue] {
    var writer = ColumnWriter()
    var row = self
    do { try row.columns(&writer) } catch { preconditionFailure("\(error)") }
    return writer.values
  }
  init(values: [ColumnValue]) throws(StoreError) {
    self.init()
    var reader = ColumnReader(values)
    try columns(&reader)
  }
}
