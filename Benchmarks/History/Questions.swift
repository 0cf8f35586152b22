// The same questions asked of the log, of the live state, and of databases that hold the same usage
// rows with an index on key and day: what each key used (in all and on the newest day) and what
// each user's balance is; then what one key used. The log is folded from its first event each time;
// the databases were loaded before. All answers must be equal, or the benchmark fails.
import Base
import Ledger
import Projections

struct Questions: Benchmark {
  static let name = "questions"
  static let about = "usage per key and balances: replay and state beside SQL over the same rows"

  static func run(_ run: Run) throws {
    let history = try run.longHistory()
    let scratch = try Scratch(run)
    // The read model, as a server leaves it behind.
    try LiveLedger.open(LiveLedgerOptions(directory: history.path)).close()
    try askTheServer(run, scratch, data: history.path, try askTheLog(run, scratch, history.path))
  }

  /// The questions that need no server: it could not begin while the log is being read.
  private static func askTheLog(
    _ run: Run, _ scratch: Scratch, _ path: String
  ) throws -> KeyInTables {
    let asking = try Questions(
      run, scratch, files: try LedgerFiles.open(RealFileSystem(), at: path))
    defer { asking.postgres?.stop() }
    try asking.askForAll(readModel: path + "/projections.sqlite")
    try asking.askForOne()
    return KeyInTables(
      key: try DaybookServer.loadKey(in: asking.books, seed: run.seed), day: asking.day,
      sqlite: asking.sqlite)
  }

  /// GET /v1/usage of the load's own key.
  private static func askTheServer(
    _ run: Run, _ scratch: Scratch, data: String, _ asked: KeyInTables
  ) throws {
    guard let wrk = Tools.find("wrk"), let curl = Tools.find("curl"), let binary = Tools.daybook()
    else {
      return run.report.skip(
        "GET /v1/usage beside one key's rows", because: "it needs wrk, curl and daybook")
    }
    let server = try DaybookServer(binary: binary, scratch: scratch).start(
      "questions", data: data, upstream: 9)
    let url = server.url + "/v1/usage"
    let body = try ChildProcess([curl, "-sS", "-f", "-H", "x-api-key: \(Wrk.key)", url])
      .finish(seconds: 20)
    let (rows, seconds) = try asked.ask()
    let total = try JSONParser().parse(Array(body.utf8))["usage"]?["total"]
    guard let requests = total?["requests"]?.integer, let tokens = total?["total_tokens"]?.integer,
      [requests, tokens] == Array(rows[0][0..<2])
    else { throw BenchmarkError("GET /v1/usage and SQLite answer differently: \(body), \(rows)") }
    let result = try Wrk(path: wrk, scratch: scratch).run(
      url, connections: 1, seconds: run.isSmoke ? 1 : 3, post: nil)
    guard result.errors.isEmpty else { throw BenchmarkError("wrk: \(result.errors)") }
    run.report.compare(
      "GET /v1/usage, one connection, p50 (\(grouped(Int(requests))) rows)",
      "\(decimal(result.p50, 0)) us", to: "SQLite, the same key \(time(seconds))",
      ratio: seconds * 1e6 / result.p50, .none)
  }

  private let run: Run
  private let files: LedgerFiles
  private let books: Books
  /// The newest service day of the log.
  private let day: DayNumber
  private let expected: UsageAnswer
  private let sqlite: SQLiteUsage
  private let postgres: PostgresUsage?
  private let duckdb: DuckDBUsage?
  private let scratch: Scratch
  private let rows: Int

  /// Folds the log once and loads its rows into every database there is.
  private init(_ run: Run, _ scratch: Scratch, files: LedgerFiles) throws {
    self.run = run
    self.scratch = scratch
    self.files = files
    books = try Self.fold(files)
    day = books.dailyCells.newestDay
    expected = UsageAnswer(books, on: day)
    guard expected.keys.count > 1, expected.keys.contains(where: { $0[5] > 0 }) else {
      throw BenchmarkError("the history holds too little to ask for")
    }
    let table = UsageTable(files)
    let (usage, credits) = (scratch.file("usage.csv"), scratch.file("credits.csv"))
    rows = try table.write(usage: usage, credits: credits)
    let path = scratch.file("usage.sqlite")
    sqlite = try SQLiteUsage(at: path, table)
    var loads = [
      (
        "SQLite \(SQLiteRows.version)", sqlite.loadSeconds,
        try RealFileSystem().status(of: path)?.size ?? 0
      )
    ]
    if let obstacle = PostgresCluster.obstacle {
      run.report.skip("questions to PostgreSQL", because: obstacle)
      postgres = nil
    } else {
      let made = try PostgresUsage(in: scratch, usage: usage, credits: credits)
      loads.append(("PostgreSQL \(made.version)", made.loadSeconds, made.bytes))
      postgres = made
    }
    if let version = DuckDBUsage.find() {
      let made = try DuckDBUsage(version, in: scratch, usage: usage, credits: credits)
      loads.append(("DuckDB \(version), Parquet", made.loadSeconds, made.bytes))
      duckdb = made
    } else {
      run.report.skip("questions to DuckDB over Parquet", because: DuckDBUsage.obstacle)
      duckdb = nil
    }
    for (name, seconds, bytes) in loads {
      run.report.state(
        "  \(grouped(rows)) usage rows into \(name)",
        "\(decimal(seconds, 1)) s, \(grouped(bytes >> 20)) MB")
    }
    let segments = try Scratch.segments(of: files.directory.path)
    let size = try segments.reduce(0) { try $0 + (RealFileSystem().status(of: $1)?.size ?? 0) }
    run.report.state("  the log itself, every event", "\(grouped(size >> 20)) MB")
  }

  private static func fold(_ files: LedgerFiles) throws -> Books {
    var books = Books()
    try books.fold(files, through: files.durable)
    guard books.lastSequence == files.durable else {
      throw BenchmarkError("folded to \(books.lastSequence), not to \(files.durable)")
    }
    return books
  }

  private struct Rival {
    let name: String
    let ask: () throws -> (answer: UsageAnswer, seconds: Double)
  }

  // MARK: - All keys and balances

  private func askForAll(readModel: String) throws {
    let model = try SQLiteUsage(existing: readModel)
    let ours = [
      Rival(name: "replay") {
        let watch = Stopwatch()
        let answer = UsageAnswer(try Self.fold(files), on: day)
        return (answer, watch.seconds)
      },
      Rival(name: "state") {
        let watch = Stopwatch()
        let answer = UsageAnswer(books, on: day)
        return (answer, watch.seconds)
      },
      Rival(name: "read model") {
        try model.ask(keys: Self.readModelKeys(on: day), balances: Self.readModelBalances)
      },
    ]
    let rivals = rivals()
    let rounds = try interleave(
      rounds: run.isSmoke ? 1 : 5,
      (ours + rivals).map { asked in
        {
          let (answer, seconds) = try asked.ask()
          try expected.mustEqual(answer, of: asked.name)
          return seconds
        }
      })
    let events = Int(files.durable.value)
    let what = "usage of \(grouped(expected.keys.count)) keys, \(grouped(expected.balances.count))"
    let labels = [
      "\(what) balances: replay of \(grouped(events)) events",
      "\(what) balances: live state", "\(what) balances: read model, projections.sqlite",
    ]
    for (index, label) in labels.enumerated() {
      for (place, rival) in rivals.enumerated() {
        let theirs = rounds[ours.count + place]
        run.report.compare(
          place == 0 ? label : "  the same", Self.time(rounds[index].median),
          to: "\(rival.name) \(Self.time(theirs.median))",
          ratio: medianRatio(theirs, rounds[index]), .none)
      }
    }
  }

  private func rivals() -> [Rival] {
    let keys = UsageQuestion.ofAllKeys(on: day)
    let balances = UsageQuestion.ofAllBalances()
    let sorted = UsageQuestion.ofAllKeys(on: day, group: "+key_id")
    var rivals = [Rival(name: "SQLite") { try sqlite.ask(keys: sorted, balances: balances) }]
    if let postgres {
      rivals.append(Rival(name: "PostgreSQL") { try postgres.ask(keys: keys, balances: balances) })
    }
    if let duckdb {
      let statements = [
        UsageQuestion.ofAllKeys(on: day, in: duckdb.table("usage")),
        UsageQuestion.ofAllBalances(
          usage: duckdb.table("usage"), credits: duckdb.table("credits")),
      ]
      rivals.append(
        Rival(name: "DuckDB") {
          let answers = try duckdb.ask(statements, repeats: 1)
          return (
            UsageAnswer(keys: answers[0].rows, balances: answers[1].rows),
            answers[0].seconds + answers[1].seconds
          )
        })
    }
    return rivals
  }

  private static func readModelKeys(on day: DayNumber) -> String {
    func tokens(_ half: String) -> String {
      ["input", "output", "cache_write", "cache_read"].map { "\(half)\($0)_tokens" }
        .joined(separator: " + ")
    }
    func columns(_ half: String) -> [String] {
      [
        "\(half)requests", tokens(half), "\(half)list_nano_usd", "\(half)charged_nano_usd",
      ]
    }
    let today = zip(columns("even_"), columns("odd_")).map { even, odd in
      "CASE \(day.value) WHEN even_day THEN \(even) WHEN odd_day THEN \(odd) ELSE 0 END"
    }
    return "SELECT id, \((columns("") + today).joined(separator: ", ")) FROM key_statistics "
      + "WHERE requests > 0 ORDER BY id"
  }
  private static let readModelBalances =
    "SELECT id, balance_nano_usd FROM balances ORDER BY id"

  // MARK: - One key

  /// The key with most requests, then one in the middle.
  private func askForOne() throws {
    let ranked = expected.keys.sorted { ($0[1], $1[0]) > ($1[1], $0[0]) }
    for (what, row) in [("busiest", ranked[0]), ("middling", ranked[ranked.count / 2])] {
      try askForOne("usage of one key, the \(what) (\(grouped(Int(row[1]))) rows)", row)
    }
  }

  private func askForOne(_ what: String, _ row: [Int64]) throws {
    let key = row[0]
    let answer = Array(row.dropFirst())
    let repeats = run.isSmoke ? 3 : 21
    let inMemory = try timeOfState(KeyID(UInt32(key)), answer)
    func compare(_ name: String, _ nanoseconds: Double, _ rows: [[Int64]]) throws {
      guard rows == [answer] else {
        throw BenchmarkError("\(name) answers differently for key \(key): \(rows)")
      }
      run.report.compare(
        "\(what): live state", "\(decimal(inMemory / 1000, 2)) us",
        to: "\(name) \(Self.time(nanoseconds / 1e9))", ratio: nanoseconds / inMemory, .none)
    }
    let statement = try sqlite.prepare(UsageQuestion.ofKey("?2", on: "?1"))
    var times: [Double] = []
    var rows: [[Int64]] = []
    for _ in 0..<repeats {
      let watch = Stopwatch()
      rows = try statement.rows([Int64(day.value), key])
      times.append(watch.nanoseconds)
    }
    try compare("SQLite", times.median, rows)
    let question = UsageQuestion.ofKey("\(key)", on: "\(day.value)")
    if let postgres {
      let time = try postgres.time(question, isSmoke: run.isSmoke)
      try compare("PostgreSQL", time, try postgres.answer(question))
    }
    if let duckdb {
      let asked = UsageQuestion.ofKey(
        "\(key)", on: "\(day.value)", in: duckdb.table("usage"))
      let answers = try duckdb.ask([asked], repeats: repeats)
      try compare("DuckDB", answers[0].seconds * 1e9, answers[0].rows)
    }
  }

  /// Nanoseconds of one answer from the books.
  private func timeOfState(_ key: KeyID, _ answer: [Int64]) throws -> Double {
    let repeats = 10_000
    var times: [Double] = []
    for _ in 0..<5 {
      let watch = Stopwatch()
      for _ in 0..<repeats {
        let row = books.keyStatistics.statistics(of: key)
        guard UsageAnswer.sums(row.total) + UsageAnswer.sums(row.day(day)) == answer else {
          throw BenchmarkError("the state answers differently for \(key)")
        }
      }
      times.append(watch.nanoseconds / Double(repeats))
    }
    return times.median
  }

  /// Seconds as people read them.
  static func time(_ seconds: Double) -> String {
    switch seconds {
    case 1...: "\(decimal(seconds, 2)) s"
    case 0.001...: "\(decimal(seconds * 1e3, 2)) ms"
    default: "\(decimal(seconds * 1e6, 1)) us"
    }
  }
}

/// A key whose rows are in a database.
private struct KeyInTables {
  let key: KeyID
  let day: DayNumber
  let sqlite: SQLiteUsage

  /// Its usage, and the median of some times it took.
  func ask() throws -> (rows: [[Int64]], seconds: Double) {
    let statement = try sqlite.prepare(UsageQuestion.ofKey("?2", on: "?1"))
    var times: [Double] = []
    var rows: [[Int64]] = []
    for _ in 0..<5 {
      let watch = Stopwatch()
      rows = try statement.rows([Int64(day.value), Int64(key.value)])
      times.append(watch.seconds)
    }
    return (rows, times.median)
  }
}
