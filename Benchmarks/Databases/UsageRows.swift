// What most would write instead of a log: one row in PostgreSQL for each billed request, with all
// that a settlement of the ledger holds. One prepared INSERT a transaction by many clients, and
// COPY of many rows at once.
import Base
import Ledger

final class UsageRows {
  private let cluster: PostgresCluster
  private let scratch: Scratch
  private let sample: EventRow
  private let script: String
  private let copyFile: String
  private let copyRows: Int

  var version: String { cluster.version }

  init(in scratch: Scratch, _ events: SampleEvents, isSmoke: Bool) throws {
    self.scratch = scratch
    cluster = try PostgresCluster(in: scratch)
    let settled = RecordType.forwardSettled.rawValue
    let rows = events.records.compactMap { bytes -> EventRow? in
      let record = RecordView(bytes.span)
      return record.type == settled ? EventRow(record, sequence: .first) : nil
    }
    guard let sample = rows.first else { throw BenchmarkError("no settlement among the samples") }
    self.sample = sample
    _ = try cluster.sql(sample.postgresDefinition)
    // COPY gets numbers of its own, far above those that INSERT takes from the sequence.
    script = scratch.file("insert.sql")
    copyFile = scratch.file("rows.copy")
    copyRows = isSmoke ? 2000 : 200_000
    _ = try cluster.sql(
      "CREATE TABLE copied (LIKE \(sample.table) INCLUDING ALL EXCLUDING IDENTITY)")
    try Scratch.write(insertScript, to: script)
    try writeCopyFile(rows)
  }

  /// The values of `sample`, those of users, keys and tokens drawn anew each time.
  private var insertScript: String {
    var text = ""
    for name in drawn { text += "\\set \(name) random(1, 30000)\n" }
    let names = sample.columns.map { "\"\($0.name)\"" }
    let values = sample.columns.enumerated().map { index, column in
      if drawn.contains(column.name) { return ":\(column.name)" }
      if case .absent = column.value { return "NULL" }
      return ":v\(index)"
    }
    text += "INSERT INTO \(sample.table) (time_us, \(names.joined(separator: ", "))) "
    return text + "VALUES (:time_us, \(values.joined(separator: ", ")));\n"
  }

  private var drawn: [String] {
    ["user", "key", "input_tokens", "output_tokens", "cache_read_tokens"]
  }

  private var variables: [(String, String)] {
    var variables = [("time_us", "\(sample.microseconds)")]
    for (index, column) in sample.columns.enumerated() where !drawn.contains(column.name) {
      switch column.value {
      case .absent: continue
      case .integer(let number): variables.append(("v\(index)", "\(number)"))
      case .bytes(let bytes): variables.append(("v\(index)", "\\x" + EventRow.hex(bytes)))
      case .text(let text): variables.append(("v\(index)", text))
      }
    }
    return variables
  }

  private func writeCopyFile(_ rows: [EventRow]) throws {
    let lines = rows.map { row in
      let line = row.copyLine
      return line.drop { $0 != "\t" }
    }
    var text = ""
    for number in 0..<copyRows { text += "\(number)" + lines[number % lines.count] }
    try Scratch.write(text, to: copyFile)
  }

  /// Clients insert rows, each in its own transaction, for a second.
  func insert(clients: Int, isSmoke: Bool) throws -> PostgresCluster.Slice {
    try cluster.pgbench(
      script, variables, clients: clients, seconds: isSmoke ? nil : 1,
      logs: scratch.file("pgbench"))
  }

  /// Loads rows with one COPY, into an emptied table.
  /// - Returns: rows per second.
  func copy() throws -> Double {
    _ = try cluster.sql("TRUNCATE copied")
    return try Double(copyRows) / cluster.copy(copyFile, into: "copied")
  }

  func stop() { cluster.stop() }
}
