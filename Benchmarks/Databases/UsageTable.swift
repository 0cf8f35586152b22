// The usage rows that most gateways keep in a database: one for each settlement, one for each
// credit, read from the log; and what is asked of them: usage of each key (in all, and on one day)
// and each user's balance. The statements are the same for every database.
import Base
import Ledger
import Projections

/// One settlement.
struct UsageRow {
  let sequence: UInt64
  let microseconds: Int64
  let user: UInt32
  let key: UInt32
  /// Service day, as days since 1970.
  let day: Int32
  let target: UInt8
  let input: Int64
  let output: Int64
  let cacheWrite: Int64
  let cacheRead: Int64
  let list: Int64
  let charged: Int64

  init(_ record: RecordView, sequence: SequenceNumber) {
    let settled = ForwardSettledView(record)
    self.sequence = sequence.value
    microseconds = record.time.microseconds
    user = record.user.value
    key = record.key.value
    day = record.serviceDay.value
    target = settled.target.rawValue
    input = settled.input
    output = settled.output
    cacheWrite = settled.cacheWrite5m + settled.cacheWrite1h
    cacheRead = settled.cacheRead
    list = settled.list.value
    charged = settled.charged.value
  }

  /// In the order of the columns.
  var values: [Int64] {
    [
      Int64(sequence), microseconds, Int64(user), Int64(key), Int64(day), Int64(target), input,
      output, cacheWrite, cacheRead, list, charged,
    ]
  }
}

/// The rows of a log, and their tables.
struct UsageTable {
  struct CreditRow {
    let sequence: UInt64
    let user: UInt32
    let amount: Int64
  }
  private let files: LedgerFiles

  init(_ files: LedgerFiles) { self.files = files }

  /// Reads the log once.
  func each(
    settled: (UsageRow) throws -> Void, credited: (CreditRow) throws -> Void
  ) throws {
    var reader = LedgerReader(files, from: .first)
    while var batch = try reader.next() {
      while let record = batch.next() {
        switch RecordType(rawValue: record.type) {
        case .forwardSettled, .lateSettled:
          try settled(UsageRow(record, sequence: batch.sequence))
        case .creditAdded:
          try credited(
            CreditRow(
              sequence: batch.sequence.value, user: record.user.value,
              amount: record.money(36).value))
        case .chargeCorrected:
          throw BenchmarkError("these tables hold no corrections, and the log has some")
        default: break
        }
      }
    }
  }

  /// Writes both tables as comma-separated numbers.
  /// - Returns: rows of usage.
  func write(usage: String, credits: String) throws -> Int {
    var (rows, credited) = (try FileSink(usage), try FileSink(credits))
    var count = 0
    try each { row in
      var line: [UInt8] = []
      line.reserveCapacity(128)
      for value in row.values {
        if !line.isEmpty { line.append(UInt8(ascii: ",")) }
        Self.append(value, to: &line)
      }
      line.append(10)
      try rows.write(line)
      count += 1
    } credited: {
      try credited.write(Array("\($0.sequence),\($0.user),\($0.amount)\n".utf8))
    }
    try rows.finish()
    try credited.finish()
    return count
  }

  private static func append(_ value: Int64, to line: inout [UInt8]) {
    if value < 0 { line.append(UInt8(ascii: "-")) }
    let start = line.count
    var rest = value.magnitude
    repeat {
      line.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    line[start...].reverse()
  }

  static let columns: [(name: String, type: String)] = [
    ("sequence", "bigint"), ("time_us", "bigint"), ("user_id", "integer"), ("key_id", "integer"),
    ("day", "integer"), ("target", "smallint"), ("input", "integer"), ("output", "integer"),
    ("cache_write", "integer"), ("cache_read", "integer"), ("list", "bigint"),
    ("charged", "bigint"),
  ]
  static let creditColumns: [(name: String, type: String)] = [
    ("sequence", "bigint"), ("user_id", "integer"), ("amount", "bigint"),
  ]

  /// Both tables, the sequence number as the primary key.
  static var definitions: [String] {
    [("usage", columns), ("credits", creditColumns)].map { name, columns in
      let list = columns.map { column in
        // SQLite knows a row's own number by this word only.
        let type = column.name == "sequence" ? "integer PRIMARY KEY" : "\(column.type) NOT NULL"
        return "\(column.name) \(type)"
      }
      return "CREATE TABLE \(name) (\(list.joined(separator: ", ")))"
    }
  }
  /// The index that any question about a key needs.
  static let index = "CREATE INDEX usage_by_key ON usage (key_id, day)"
}

/// What is asked.
enum UsageQuestion {
  private static func sums(on day: String) -> String {
    let tokens = "sum(input + output + cache_write + cache_read)"
    func ofDay(_ sum: String) -> String { "coalesce(\(sum) FILTER (WHERE day = \(day)), 0)" }
    return
      (["count(*)", tokens, "sum(list)", "sum(charged)"]
      + ["count(*)", tokens, "sum(list)", "sum(charged)"].map(ofDay))
      .map { "CAST(coalesce(\($0), 0) AS bigint)" }.joined(separator: ", ")
  }

  /// A row for each key that was used, ascending.
  /// - Parameter group: what is grouped by. SQLite's planner walks the index of a key column and
  ///   fetches each row from elsewhere; told not to by a `+`, it sorts, in half the time.
  static func ofAllKeys(
    on day: DayNumber, in table: String = "usage", group: String = "key_id"
  ) -> String {
    "SELECT key_id, \(sums(on: "\(day.value)")) FROM \(table) GROUP BY \(group) ORDER BY key_id"
  }
  /// A row for each user that has credit, ascending.
  static func ofAllBalances(usage: String = "usage", credits: String = "credits") -> String {
    """
    SELECT c.user_id, CAST(c.amount - coalesce(u.charged, 0) AS bigint)
    FROM (SELECT user_id, sum(amount) AS amount FROM \(credits) GROUP BY user_id) c
    LEFT JOIN (SELECT user_id, sum(charged) AS charged FROM \(usage)
      WHERE target = \(PaymentTarget.balance.rawValue) GROUP BY user_id) u
    ON u.user_id = c.user_id ORDER BY c.user_id
    """
  }
  /// One row.
  /// - Parameter key: a number, or a parameter's place.
  static func ofKey(_ key: String, on day: String, in table: String = "usage") -> String {
    "SELECT \(sums(on: day)) FROM \(table) WHERE key_id = \(key)"
  }
}

/// An answer to all of it, as numbers.
struct UsageAnswer: Equatable {
  var keys: [[Int64]] = []
  var balances: [[Int64]] = []

  /// As the fold has it: no database was asked.
  init(_ books: borrowing Books, on day: DayNumber) {
    for key in books.catalog.allKeys {
      let row = books.keyStatistics.statistics(of: key.id)
      guard row.total.requests > 0 else { continue }
      keys.append([Int64(key.id.value)] + Self.sums(row.total) + Self.sums(row.day(day)))
    }
    for row in books.balances.all {
      balances.append([Int64(row.user.value), row.balance.value])
    }
  }

  init(keys: [[Int64]], balances: [[Int64]]) {
    self.keys = keys
    self.balances = balances
  }

  static func sums(_ sum: UsageSum) -> [Int64] {
    [sum.requests, sum.tokens, sum.list.value, sum.charged.value]
  }

  /// Throws when another answer is not the same.
  func mustEqual(_ other: UsageAnswer, of name: String) throws {
    for (what, mine, theirs) in [
      ("key", keys, other.keys), ("balance", balances, other.balances),
    ] {
      guard mine != theirs else { continue }
      let place = zip(mine, theirs).enumerated().first { $1.0 != $1.1 }
      let detail =
        place.map { "row \($0): \($1.0) against \($1.1)" }
        ?? "\(mine.count) rows against \(theirs.count)"
      throw BenchmarkError("\(name) answers differently (\(what)): \(detail)")
    }
  }

  /// Rows of whole numbers as a client prints them: a line each, `|` between two.
  static func rows(_ text: some StringProtocol) throws -> [[Int64]] {
    try text.split(separator: "\n").map { line in
      try line.split(separator: "|").map { field in
        guard let number = Int64(field) else {
          throw BenchmarkError("not a number in an answer: \(line)")
        }
        return number
      }
    }
  }
}
