// Bytes per event of the same events in other hands: JSON lines as `cat` prints them, the same
// through gzip, SQLite and PostgreSQL with a table for each type of event (EventRow), without and
// with the one index that any question about a caller needs.
import Base
import CSQLite
import Ledger
import Projections

struct EventSizes {
  private let run: Run
  private let scratch: Scratch
  private let log: GeneratedLog
  private let count: Double

  /// - Parameter log: closed; its segments are read.
  init(_ run: Run, _ scratch: Scratch, _ log: GeneratedLog) {
    self.run = run
    self.scratch = scratch
    self.log = log
    count = Double(log.counts.events)
  }

  /// - Parameter logBytes: bytes per event in sealed segments.
  func measure(logBytes: Double) throws {
    func report(_ name: String, _ bytes: Int) {
      let each = Double(bytes) / count
      run.report.compare(
        "bytes per event, sealed log", decimal(logBytes, 1), to: "\(name) \(decimal(each, 1))",
        ratio: logBytes / each, .none)
    }
    let lines = try writeLines()
    report("JSON lines", try size(lines))
    if let gzip = Tools.find("gzip") {
      _ = try ChildProcess([gzip, "-k", lines]).finish()
      report("JSON lines, gzip -6", try size(lines + ".gz"))
    } else {
      run.report.skip("JSON lines through gzip", because: "gzip is not installed")
    }
    let rows = try writeRows()
    for (name, bytes) in try SQLiteTables(rows).load(at: scratch.file("events.sqlite")) {
      report(name, bytes)
    }
    if let obstacle = PostgresCluster.obstacle {
      run.report.skip("PostgreSQL beside the log's size", because: obstacle)
    } else {
      for (name, bytes) in try postgres(rows) { report(name, bytes) }
    }
  }

  private func size(_ path: String) throws -> Int {
    try RealFileSystem().status(of: path)?.size ?? 0
  }

  private func each(_ body: (RecordView, SequenceNumber) throws -> Void) throws {
    let files = try LedgerFiles.open(RealFileSystem(), at: log.path)
    var reader = LedgerReader(files, from: .first)
    while var batch = try reader.next() {
      while let record = batch.next() { try body(record, batch.sequence) }
    }
  }

  private func writeLines() throws -> String {
    let path = scratch.file("events.jsonl")
    let names = log.names
    var sink = try FileSink(path)
    try each { record, sequence in
      try sink.write(EventText.line(record, sequence: sequence, names: names) + [10])
    }
    try sink.finish()
    return path
  }

  /// A table's rows in COPY's format, and how it is made.
  struct TableFile {
    let sample: EventRow
    let path: String
  }

  private func writeRows() throws -> [TableFile] {
    var tables: [String: TableFile] = [:]
    var sinks: [String: FileSink] = [:]
    try each { record, sequence in
      guard let row = EventRow(record, sequence: sequence) else { return }
      if tables[row.table] == nil {
        let path = scratch.file("\(row.table).copy")
        tables[row.table] = TableFile(sample: row, path: path)
        sinks[row.table] = try FileSink(path)
      }
      try sinks[row.table]?.write(Array(row.copyLine.utf8))
    }
    for name in sinks.keys { try sinks[name]?.finish() }
    return tables.values.sorted { $0.sample.table < $1.sample.table }
  }

  private func postgres(_ tables: [TableFile]) throws -> [(String, Int)] {
    let cluster = try PostgresCluster(in: scratch)
    defer { cluster.stop() }
    for table in tables {
      _ = try cluster.sql(table.sample.postgresDefinition)
      _ = try cluster.copy(table.path, into: table.sample.table)
    }
    func total() throws -> Int {
      let names = tables.map { "pg_total_relation_size('\($0.sample.table)')" }
      let text = try cluster.sql("SELECT " + names.joined(separator: " + "))
      guard let bytes = Int(text.prefix { $0.isNumber }) else {
        throw BenchmarkError("PostgreSQL told no size: \(text)")
      }
      return bytes
    }
    let bare = try total()
    for table in tables where table.sample.hasKey {
      _ = try cluster.sql("CREATE INDEX ON \(table.sample.table) (\"key\", time_us)")
    }
    return [
      ("PostgreSQL \(cluster.version), tables and primary keys", bare),
      ("PostgreSQL, with an index on key and time", try total()),
    ]
  }
}

/// Appends to a file, some hundred kilobytes at a time.
struct FileSink {
  private let file: any File
  private var buffer: [UInt8] = []
  private var offset = 0

  init(_ path: String) throws { file = try RealFileSystem().open(path, .replace) }

  mutating func write(_ bytes: [UInt8]) throws {
    buffer += bytes
    if buffer.count >= 256 << 10 { try finish() }
  }

  mutating func finish() throws {
    try file.writeFully(buffer.span, at: offset)
    offset += buffer.count
    buffer.removeAll(keepingCapacity: true)
  }
}
