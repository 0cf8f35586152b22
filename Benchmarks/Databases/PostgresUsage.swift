// Usage rows in PostgreSQL, with an index on key and day, and the questions put to them: all keys
// by psql, one key as a prepared statement by pgbench.

final class PostgresUsage {
  private let cluster: PostgresCluster
  private let scratch: Scratch
  let loadSeconds: Double
  /// Bytes of both tables and their indexes.
  let bytes: Int

  var version: String { cluster.version }

  /// - Parameters:
  ///   - usage: the rows as comma-separated numbers, likewise `credits`.
  init(in scratch: Scratch, usage: String, credits: String) throws {
    self.scratch = scratch
    cluster = try PostgresCluster(in: scratch)
    let watch = Stopwatch()
    for definition in UsageTable.definitions {
      _ = try cluster.sql(definition.replacing("integer PRIMARY KEY", with: "bigint PRIMARY KEY"))
    }
    _ = try cluster.copy(usage, into: "usage", options: " WITH (FORMAT csv)")
    _ = try cluster.copy(credits, into: "credits", options: " WITH (FORMAT csv)")
    _ = try cluster.sql(UsageTable.index)
    _ = try cluster.sql("VACUUM ANALYZE")
    loadSeconds = watch.seconds
    let size = try cluster.sql(
      "SELECT pg_total_relation_size('usage') + pg_total_relation_size('credits')")
    guard let bytes = Int(size.prefix { $0.isNumber }) else {
      throw BenchmarkError("PostgreSQL told no size: \(size)")
    }
    self.bytes = bytes
  }

  func stop() { cluster.stop() }

  /// The answer, and how long both questions took.
  func ask(keys: String, balances: String) throws -> (answer: UsageAnswer, seconds: Double) {
    let (first, second) = (try cluster.timed(keys), try cluster.timed(balances))
    return (
      UsageAnswer(
        keys: try UsageAnswer.rows(first.text), balances: try UsageAnswer.rows(second.text)),
      first.seconds + second.seconds
    )
  }

  func answer(_ question: String) throws -> [[Int64]] {
    try UsageAnswer.rows(try cluster.sql(question))
  }

  /// The median time of one question asked again and again by one client, in nanoseconds.
  func time(_ question: String, isSmoke: Bool) throws -> Double {
    let script = scratch.file("question.sql")
    try Scratch.write(question + ";\n", to: script)
    return try cluster.pgbench(
      script, [], clients: 1, seconds: isSmoke ? nil : 1, logs: scratch.file("question")
    ).times.median
  }
}
