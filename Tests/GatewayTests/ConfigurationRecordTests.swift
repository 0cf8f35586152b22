// What the ledger records of a configuration, and the configuration restored from it.
import Base
import Ledger
import Projections
import Testing

@testable import Gateway

@Suite struct ConfigurationRecordTests {
  private let now = Timestamp(seconds: 1_800_000_000)

  private func parse(_ text: String) throws -> Configuration {
    try Configuration(parsing: Array(text.utf8), folder: "/etc")
  }

  @Test func `declaring the same configuration again records nothing`() throws {
    var books = Books()
    let configuration = try parse(ConfigurationTests.example)
    #expect(try configuration.declare(in: &books, reason: "first", now: now) == 7)
    #expect(try configuration.declare(in: &books, reason: "again", now: now) == 0)
  }

  @Test func `only what changed is recorded`() throws {
    var books = Books()
    var configuration = try parse(ConfigurationTests.example)
    _ = try configuration.declare(in: &books, reason: "first", now: now)
    configuration.groups[1].multiplier = PartsPerMillion(900_000)
    #expect(try configuration.declare(in: &books, reason: "changed", now: now) == 1)
    #expect(books.catalog.group(named: "pro")?.multiplier == PartsPerMillion(900_000))
    configuration.timeZone = "Europe/Berlin"
    #expect(try configuration.declare(in: &books, reason: "moved", now: now) == 1)
    #expect(books.zone.name == "Europe/Berlin")
  }

  @Test func `what the file no longer names becomes inactive and keeps its number`() throws {
    var books = Books()
    var configuration = try parse(ConfigurationTests.example)
    _ = try configuration.declare(in: &books, reason: "first", now: now)
    let full = configuration
    let group = try #require(books.catalog.group(named: "pro"))
    configuration.groups.removeLast()
    configuration.accounts.removeLast()
    #expect(try configuration.declare(in: &books, reason: "less", now: now) == 2)
    #expect(books.catalog.group(named: "pro")?.isActive == false)
    #expect(books.accounts.account(named: "main-1")?.declared.isActive == false)
    #expect(try full.declare(in: &books, reason: "back", now: now) == 2)
    #expect(books.catalog.group(named: "pro")?.id == group.id)
    #expect(books.catalog.group(named: "pro")?.isActive == true)
  }

  @Test func `a fallback group that stands behind its user is declared first`() throws {
    var books = Books()
    var configuration = try parse(ConfigurationTests.example)
    configuration.groups.reverse()
    _ = try configuration.declare(in: &books, reason: "first", now: now)
    let fallback = try #require(books.catalog.group(named: "default"))
    #expect(books.catalog.group(named: "pro")?.fallback == fallback.id)
  }

  @Test func `the recorded configuration is restored whole`() throws {
    var books = Books()
    #expect(try Configuration(recordedIn: books) == nil)
    var configuration = try parse(ConfigurationTests.example)
    configuration.timeZone = "Asia/Tokyo"
    configuration.accounts[0].usesBearer = true
    configuration.accounts[0].proxy = "http://proxy:3128"
    configuration.gateway.shutdown = .milliseconds(1500)
    _ = try configuration.declare(in: &books, reason: "first", now: now)
    #expect(try Configuration(recordedIn: books) == configuration)
  }

  @Test func `the first configuration of all passes its own checks and is restored`() throws {
    for usesAnthropic in [false, true] {
      var books = Books()
      let initial = Configuration.initial(usesAnthropic: usesAnthropic)
      _ = try initial.declare(in: &books, reason: "first start", now: now)
      #expect(try Configuration(recordedIn: books) == initial)
    }
  }

  @Test func `no credential gets into the ledger`() throws {
    var books = Books()
    let configuration = try parse(ConfigurationTests.example)
    _ = try configuration.declare(in: &books, reason: "first", now: now)
    let declared = try #require(books.accounts.account(named: "main-1")?.declared)
    #expect(declared.credential == "env:ANTHROPIC_API_KEY")
  }
}
