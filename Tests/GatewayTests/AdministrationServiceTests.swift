// Administration of a live ledger: answers are durable, pages of events, verify, prices.
import Base
import Ledger
import Projections
import Synchronization
import TestSupport
import Testing

@testable import Gateway

@Suite struct AdministrationServiceTests {
  private let directory = TemporaryDirectory()

  private func open(segmentBytes: Int = 256 << 20) throws -> LiveLedger {
    var options = LiveLedgerOptions(directory: directory.path + "/data")
    options.segmentBytes = segmentBytes
    options.runsKeeper = false
    return try LiveLedger.open(options)
  }
  private func service(_ live: LiveLedger) -> AdministrationService {
    AdministrationService(live: live) { () throws(AdministrationError) in
      throw .failed("nothing to reload")
    }
  }
  private func ask(
    _ service: AdministrationService, _ path: String, _ body: String = "{}"
  ) throws -> JSONValue {
    let answer = service.answer(path, Array(body.utf8), actor: "tester")
    try #require(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
    return try JSONParser().parse(answer.body)
  }

  @Test func `an answer is given when its event is durable`() throws {
    let live = try open()
    _ = try ask(service(live), "user/add", #"{"name": "ann"}"#)
    #expect(live.durable == live.withBooks { books in books.lastSequence })
    try live.close()
  }

  @Test(arguments: [
    ("user/ad", "{}", 404, "not_found"), ("user/add", "{", 400, "wrong_usage"),
    ("user/add", "[]", 400, "wrong_usage"), ("balance", #"{"user": "x"}"#, 404, "not_found"),
    ("usage", #"{"key": "x"}"#, 404, "not_found"), ("reload", "{}", 500, "failed"),
    ("events", #"{"type": "x"}"#, 400, "wrong_usage"),
  ])
  func `a refused command says why`(
    path: String, body: String, status: Int, code: String
  ) throws {
    let live = try open()
    let answer = service(live).answer(path, Array(body.utf8), actor: "tester")
    let error = try JSONParser().parse(answer.body)["error"]
    #expect(answer.status == status && error?["code"] == .string(code))
    try live.close()
  }

  @Test func `pages of events together are the log`() throws {
    let live = try open()
    let service = service(live)
    _ = try ask(service, "user/add", #"{"name": "ann"}"#)
    let reason = String(repeating: "r", count: 1000)
    for _ in 0..<1500 {
      let body = #"{"user": "ann", "usd": 1, "reason": "\#(reason)"}"#
      _ = service.answer("credit/add", Array(body.utf8), actor: "tester")
    }
    var sequences: [Int64] = []
    var pages = 0
    var next: UInt64? = 1
    while let from = next {
      let page = service.answer("events", Array(#"{"from": \#(from)}"#.utf8), actor: "tester")
      pages += 1
      for line in page.body.split(separator: 10) {
        sequences.append(try #require(try JSONParser().parse(Array(line))["sequence"]?.integer))
      }
      next = page.nextSequence
    }
    #expect(pages > 1 && sequences == Array(1...1501))
    try live.close()
  }

  @Test func `verify finds a sealed segment's money in order, beside a live writer`() throws {
    let live = try open(segmentBytes: 1 << 20)
    let service = service(live)
    _ = try ask(service, "user/add", #"{"name": "ann"}"#)
    _ = try ask(service, "credit/add", #"{"user": "ann", "usd": "12.5", "reason": "r"}"#)
    var random = SystemRandomNumberGenerator()
    while live.files.segments.count < 2 {
      var event = SettingsDeclared()
      event.settings =
        "{" + (0..<3000).map { _ in "\(random.next() as UInt64)" }.joined() + "}"
      let settings = event
      let last = try live.withBooks { books in
        try books.append(settings, now: Timestamp(seconds: 0))
      }
      try live.waitUntilDurable(last)
    }
    live.keep()
    let found = try ask(service, "verify")
    #expect(found["intact"] == .bool(true), "\(found.text)")
    #expect(found["sealed_segments"] == .number("1"))
    try live.close()
  }

  @Test func `a price file is recorded once, and again when it changed`() throws {
    let live = try open()
    func prices(_ input: String) throws -> PriceImport {
      let text = #"{"m": {"input_cost_per_token": \#(input), "output_cost_per_token": 2e-06}}"#
      return try PriceImport(file: "/p/prices.json", bytes: Array(text.utf8))
    }
    let clock = SystemWallClock()
    #expect(try prices("1e-06").record(in: live, clock: clock))
    #expect(try !prices("1e-06").record(in: live, clock: clock))
    #expect(try prices("3e-06").record(in: live, clock: clock))
    let books = live.withBooks { books in books.prices.all }
    #expect(books.map(\.version) == ["prices.json", "prices.json"])
    #expect(live.withBooks { books in books.modelID("m") } != nil)
    try live.close()
  }

  @Test func `the built-in book is recorded`() throws {
    let live = try open()
    #expect(try PriceImport.builtIn().record(in: live, clock: SystemWallClock()))
    #expect(try !PriceImport.builtIn().record(in: live, clock: SystemWallClock()))
    try live.close()
  }

  @Test func `an unusable price file is refused with its place`() throws {
    let broken = #expect(throws: ConfigurationError.self) {
      try PriceImport(file: "/p/x.json", bytes: Array("{\n\"a\": }".utf8))
    }
    #expect(broken?.line == 2)
    #expect(throws: ConfigurationError.self) {
      try PriceImport(file: "/p/x.json", bytes: Array("{}".utf8))
    }
  }

  @Test func `a first start makes a user, credit and key, and does so once`() throws {
    var books = Books()
    let now = Timestamp(seconds: 1_800_000_000)
    _ = try Configuration.initial(usesAnthropic: false).declare(
      in: &books, reason: "first start", now: now)
    let context = AdministrationContext(actor: "daybook", now: now)
    let start = try #require(try FirstStart.prepare(&books, context))
    let hash = try #require(Hash256(sha256(start.key.utf8)))
    let key = try #require(books.catalog.key(hash: hash))
    #expect(books.balances.balance(of: key.user).balance == NanoUSD(10 * NanoUSD.perUSD))
    #expect(try FirstStart.prepare(&books, context) == nil)
  }
}

@Suite struct LedgerReadingTests {
  @Test func `a ledger without a server is read without changing a byte`() throws {
    let directory = TemporaryDirectory()
    let path = directory.path + "/data"
    let live = try LiveLedger.open(LiveLedgerOptions(directory: path))
    let user = AdministrationService(live: live) { () throws(AdministrationError) in
      throw .failed("")
    }.answer("user/add", Array(#"{"name": "ann"}"#.utf8), actor: "tester")
    #expect(user.status == 200)
    let state = live.withBooks { books in books.catalog.allUsers }
    try live.close()
    let files = RealFileSystem()
    let before = try files.list(path + "/segments").map {
      try files.readFile(path + "/segments/" + $0)
    }
    let reading = try LedgerReading(directory: path)
    #expect(reading.books.catalog.allUsers == state && reading.problem == nil)
    let after = try files.list(path + "/segments").map {
      try files.readFile(path + "/segments/" + $0)
    }
    #expect(before == after)
  }
}
