// Usage rows in a Parquet file, and DuckDB from Python asking it. Python stands in a virtual
// environment that `make bench` makes (scripts/bench-python), or DAYBOOK_BENCH_PYTHON names it.
import Base
import Glibc

struct DuckDBUsage {
  private let python: String
  private let scratch: Scratch
  let version: String
  let loadSeconds: Double
  let bytes: Int

  private static var python: String {
    getenv("DAYBOOK_BENCH_PYTHON").map { String(cString: $0) } ?? ".venv-bench/bin/python"
  }

  /// Its version; nil when there is no Python that has it.
  static func find() -> String? {
    let found = try? ChildProcess([
      "/usr/bin/env", python, "-c", "import duckdb; print(duckdb.__version__)",
    ]).finish(seconds: 60)
    return found?.split(separator: "\n").last.map(String.init)
  }
  static var obstacle: String { "no Python with duckdb at \(python) (make bench sets it up)" }

  /// Writes the Parquet files.
  /// - Parameter version: as `find` gave it.
  init(_ version: String, in scratch: Scratch, usage: String, credits: String) throws {
    self.version = version
    self.scratch = scratch
    python = Self.python
    try Scratch.write(Self.program, to: scratch.file("ask.py"))
    var statements: [String] = []
    for (name, source, columns) in [
      ("usage", usage, UsageTable.columns), ("credits", credits, UsageTable.creditColumns),
    ] {
      let types = columns.map { "'\($0.name)': '\($0.type)'" }.joined(separator: ", ")
      statements.append(
        "COPY (SELECT * FROM read_csv('\(source)', header = false, columns = {\(types)})) "
          + "TO '\(scratch.file(name)).parquet' (FORMAT parquet)")
    }
    let output = try Self.run(python, scratch, repeats: 0, statements)
    loadSeconds = output.map { $0.seconds }.reduce(0, +)
    bytes = try ["usage", "credits"].reduce(0) {
      try $0 + (RealFileSystem().status(of: scratch.file($1) + ".parquet")?.size ?? 0)
    }
  }

  /// The name of a table in a statement.
  func table(_ name: String) -> String { "'\(scratch.file(name)).parquet'" }

  /// Answers and seconds of statements: the median of some runs after one that does not count.
  func ask(
    _ statements: [String], repeats: Int
  ) throws -> [(rows: [[Int64]], seconds: Double)] {
    try Self.run(python, scratch, repeats: repeats, statements)
  }

  /// Reads statements, a file each; prints for each `= SECONDS` and the rows.
  private static let program = """
    import duckdb, statistics, sys, time
    connection = duckdb.connect()
    repeats = int(sys.argv[1])
    for path in sys.argv[2:]:
        statement = open(path).read()
        times = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            rows = connection.execute(statement).fetchall()
            times.append(time.perf_counter() - start)
        print("=", statistics.median(times[1:] or times))
        for row in rows:
            print("|".join(str(value) for value in row))

    """

  private static func run(
    _ python: String, _ scratch: Scratch, repeats: Int, _ statements: [String]
  ) throws -> [(rows: [[Int64]], seconds: Double)] {
    var paths: [String] = []
    for (index, statement) in statements.enumerated() {
      paths.append(scratch.file("duckdb-\(index).sql"))
      try Scratch.write(statement, to: paths[index])
    }
    let output = try ChildProcess(
      ["/usr/bin/env", python, scratch.file("ask.py"), "\(repeats)"] + paths
    ).finish()
    let answers = try output.split(separator: "= ").map { part in
      let end = part.firstIndex(of: "\n") ?? part.endIndex
      guard let seconds = Double(part[..<end]) else {
        throw BenchmarkError("DuckDB told no time:\n\(output.suffix(2000))")
      }
      return (rows: try UsageAnswer.rows(part[end...]), seconds: seconds)
    }
    guard answers.count == statements.count else {
      throw BenchmarkError("DuckDB did not answer all:\n\(output.suffix(2000))")
    }
    return answers
  }
}
