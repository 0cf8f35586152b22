// Questions to history on seeded random histories: the state at any event, re-pricing and taking it
// back, statements that add up.
import Base
import Ledger
import TestSupport
import Testing

@testable import Gateway
@testable import Projections

@Suite struct HistoryToolsTests {
  private static let seeds: [UInt64] = [3, 11, UInt64.random(in: 0..<1 << 40)]

  @Test(arguments: seeds)
  func `the state at any event is the same from every snapshot and from none`(seed: UInt64) throws {
    let bed = try HistoryBed(seed: seed)
    let last = bed.live.durable
    let without = Snapshots(bed.live.files, distance: 1 << 40)
    var random = SeededRandom(seed: seed)
    for _ in 0..<4 {
      let place = SequenceNumber(random.next() % last.value + 1)
      var one = try bed.live.snapshots.books(at: place)
      var again = try bed.live.snapshots.books(at: place)
      var other = Books()
      try other.fold(bed.live.files, through: place)
      #expect(one.differences(from: &other) == [], "seed \(seed), event \(place)")
      #expect(again.differences(from: &other) == [], "seed \(seed), event \(place)")
    }
    var end = try without.books(at: last)
    var live = bed.books
    #expect(live.differences(from: &end) == [], "seed \(seed)")
    #expect(!bed.live.snapshots.stored.isEmpty)
  }

  @Test(arguments: seeds)
  func `a re-pricing taken back leaves everything as it was, and a second one finds nothing`(
    seed: UInt64
  ) throws {
    let bed = try HistoryBed(seed: seed)
    let before = bed.money
    let preview = try bed.command("reprice", ["text": HistoryBed.otherPrices])
    #expect(bed.money == before)
    let applied = try bed.command(
      "reprice/apply", ["text": HistoryBed.otherPrices, "reason": "other prices"])
    #expect(applied["difference_usd"] == preview["difference_usd"])
    #expect(applied["applied"] == .bool(true) && applied["job"]?.integer == 1)
    #expect(bed.money != before)
    let second = try bed.command(
      "reprice/apply", ["text": HistoryBed.otherPrices, "reason": "again"])
    #expect(second["applied"] == .bool(false) && second["difference_usd"]?.string == "0")
    #expect(try bed.live.rebuild().differences == [], "seed \(seed)")
    try bed.command("reprice/revert", ["job": "1"])
    #expect(bed.money == before, "seed \(seed)")
    #expect(try bed.live.rebuild().differences == [], "seed \(seed)")
  }

  @Test(arguments: seeds)
  func `a statement's lines add up to the balance, before and after a re-pricing`(
    seed: UInt64
  ) throws {
    let bed = try HistoryBed(seed: seed)
    for isRepriced in [false, true] {
      if isRepriced {
        try bed.command("reprice/apply", ["text": HistoryBed.otherPrices, "reason": "r"])
      }
      let books = bed.books
      for user in books.catalog.allUsers {
        let statement = try bed.command("statement", ["user": user.name, "month": "2026-01"])
        let balance = books.balances.balance(of: user.id).balance
        #expect(statement["closing_usd"]?.string == Self.text(balance), "seed \(seed)")
        let lines = statement["lines"]?.array ?? []
        let sum = try lines.reduce(Int64(0)) { sum, line in
          sum + (try #require(Self.nano(line["amount_usd"]?.string)))
        }
        #expect(sum == balance.value, "seed \(seed), \(user.name)")
      }
    }
  }

  @Test(arguments: seeds)
  func `a fold with a thread that reads ahead is the fold of one thread`(seed: UInt64) throws {
    let bed = try HistoryBed(seed: seed)
    var ahead = try Self.fold(bed, readingAhead: 1)
    var alone = try Self.fold(bed, readingAhead: .max)
    var live = bed.books
    #expect(ahead.differences(from: &alone) == [], "seed \(seed)")
    #expect(live.differences(from: &alone) == [], "seed \(seed)")
  }

  /// - Parameter distance: events from which on a second thread reads.
  private static func fold(_ bed: HistoryBed, readingAhead distance: UInt64) throws -> Books {
    var replay = Replay(files: bed.live.files, store: nil)
    replay.readAheadDistance = distance
    var books = Books()
    _ = try replay.fold(&books, through: bed.live.durable)
    return books
  }

  @Test func `many threads find what one finds`() throws {
    let bed = try HistoryBed(seed: 5, requests: 300)
    let book = try PriceImport(file: "b.json", bytes: Array(HistoryBed.otherPrices.utf8)).book
    let results = try [1, 4].map { threads in
      try Repricing(
        bed.live.files, bed.books, through: bed.live.durable, with: book, RepricingFilter(),
        threads: threads
      ).cells
    }
    #expect(results[0] == results[1] && !results[0].isEmpty)
  }

  @Test func `a filter re-prices its own days, users and models only`() throws {
    let bed = try HistoryBed(seed: 5)
    let all = try bed.command("reprice", ["text": HistoryBed.otherPrices])
    let row = try #require(all["rows"]?.array?.first)
    let day = try #require(row["day"]?.string)
    let some = try bed.command(
      "reprice",
      [
        "text": HistoryBed.otherPrices, "from": day, "to": day,
        "user": row["user"]?.string ?? "", "model": row["model"]?.string ?? "",
      ])
    let rows = try #require(some["rows"]?.array)
    #expect(!rows.isEmpty && rows.count < all["rows"]?.array?.count ?? 0)
    #expect(
      rows.allSatisfy {
        $0["day"] == row["day"] && $0["user"] == row["user"] && $0["model"] == row["model"]
      })
  }

  @Test func `a model that the book does not price stays as booked and is named`() throws {
    let bed = try HistoryBed(seed: 5, requests: 300)
    let book = #"{"claude-haiku-5-5": {"input_cost_per_token": 0.1, "output_cost_per_token": 1}}"#
    let answer = try bed.command("reprice", ["text": book])
    let models = Set((answer["rows"]?.array ?? []).compactMap { $0["model"]?.string })
    let named = (answer["unmatched_models"]?.array ?? []).compactMap { $0["model"]?.string }
    #expect(models.isSubset(of: ["claude-haiku-5-5"]))
    #expect(named.contains("claude-sonnet-5-5") && !named.contains("claude-haiku-5-5"))
  }

  @Test func `what an earlier job corrected stays where the book prices nothing`() throws {
    let bed = try HistoryBed(seed: 5, requests: 300)
    try bed.command("reprice/apply", ["text": HistoryBed.otherPrices, "reason": "first"])
    let before = bed.money
    let other = #"{"gpt-5": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}}"#
    let answer = try bed.command("reprice/apply", ["text": other, "reason": "second"])
    #expect(answer["applied"] == .bool(false) && answer["difference_usd"]?.string == "0")
    #expect(bed.money == before)
    let kept = (answer["unmatched_models"]?.array ?? []).compactMap {
      Self.nano($0["charged_usd"]?.string)
    }
    #expect(kept.reduce(0, +) == Self.nano(answer["booked_usd"]?.string))
  }

  @Test func `the sum of a re-pricing at the greatest prices is that of its rows`() throws {
    let bed = try HistoryBed(seed: 5, requests: 300)
    let dear = #"{"claude-sonnet-5-5": {"input_cost_per_token": 0.5, "output_cost_per_token": 1}}"#
    let answer = try bed.command("reprice", ["text": dear])
    let rows = (answer["rows"]?.array ?? []).compactMap {
      Self.nano($0["difference_usd"]?.string).map { Int128($0) }
    }
    #expect(!rows.isEmpty && rows.allSatisfy { $0 > 0 })
    let sum = DecimalText.text(rows.reduce(0, +), scale: 9)
    #expect(answer["difference_usd"]?.string == sum)
  }

  @Test func `a job is taken back only when no later one shares a charge with it`() throws {
    let bed = try HistoryBed(seed: 5, requests: 300)
    let before = bed.money
    try bed.command("reprice/apply", ["text": HistoryBed.otherPrices, "reason": "first"])
    let dearer = HistoryBed.otherPrices.replacing("9e-06", with: "8e-06")
      .replacing("2.1e-06", with: "2.2e-06")
    try bed.command("reprice/apply", ["text": dearer, "reason": "second"])
    let refused = bed.ask("reprice/revert", ["job": "1"])
    #expect(refused.status == 409)
    #expect(String(decoding: refused.body, as: UTF8.self).contains("job 2"))
    try bed.command("reprice/revert", ["job": "2"])
    try bed.command("reprice/revert", ["job": "1"])
    #expect(bed.money == before)
    #expect(bed.ask("reprice/revert", ["job": "1"]).status == 409)
    #expect(bed.ask("reprice/revert", ["job": "99"]).status == 404)
  }

  @Test func `a damaged snapshot is not used`() throws {
    let bed = try HistoryBed(seed: 5, requests: 300)
    let last = bed.live.durable
    _ = try bed.live.snapshots.books(at: last)
    let place = try #require(bed.live.snapshots.stored.last)
    let folder = bed.live.files.directory.snapshots
    let name = try #require(RealFileSystem().list(folder).sorted().last)
    let bytes = try RealFileSystem().readFile("\(folder)/\(name)")
    for offset in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 60)) {
      var bad = bytes
      bad[offset] ^= 0x10
      let file = try RealFileSystem().open("\(folder)/\(name)", .replace)
      try file.writeFully(bad.span, at: 0)
      let newest = bed.live.snapshots.newest(through: last)
      #expect(newest.map { $0.lastSequence < place } ?? true, "byte \(offset)")
    }
    var live = bed.books
    var folded = try bed.live.snapshots.books(at: last)
    #expect(live.differences(from: &folded) == [])
  }

  @Test func `as-of answers as the balance stood then, and refuses what there is not`() throws {
    let bed = try HistoryBed(seed: 5, requests: 300)
    let user = try #require(bed.books.catalog.allUsers.first)
    let middle = SequenceNumber(bed.live.durable.value / 2)
    var books = Books()
    try books.fold(bed.live.files, through: middle)
    let answer = try bed.command(
      "as-of", ["sequence": "\(middle)", "what": "balance", "name": user.name])
    #expect(
      answer["balance_usd"]?.string == Self.text(books.balances.balance(of: user.id).balance))
    #expect(answer["as_of"]?["sequence"]?.integer == Int64(middle.value))
    let name = user.name
    for (arguments, status) in [
      (["what": "balance", "name": name, "sequence": "999999"], 404),
      (["what": "balance", "name": name, "time": "1999-01-01T00:00:00Z"], 404),
      (["what": "balance", "name": name], 400),
      (["what": "weather", "name": name, "sequence": "1"], 400),
      (["what": "balance", "name": name, "time": "yesterday"], 400),
    ] as [(KeyValuePairs<String, String>, Int)] {
      #expect(bed.ask("as-of", arguments).status == status)
    }
  }

  private static func text(_ amount: NanoUSD) -> String {
    DecimalText.text(Int128(amount.value), scale: 9)
  }
  private static func nano(_ text: String?) -> Int64? {
    guard let text else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let digits = parts.count > 1 ? String(parts[1]) : ""
    let fraction = digits + String(repeating: "0", count: 9 - digits.count)
    return Int64("\(parts[0])\(fraction)")
  }
}
