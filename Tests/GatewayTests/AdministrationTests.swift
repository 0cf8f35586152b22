// The verbs of administration on books of their own: what they record, answer, refuse.
import Base
import Ledger
import Projections
import Testing

@testable import Gateway

/// Books with a configuration, and verbs on them at a time that tests move.
struct Office {
  var books = Books()
  var now = Timestamp(seconds: 1_800_000_000)
  /// Counts up: every key and salt is another one.
  private let bytes = RandomCounter()

  init(_ configuration: String = Office.configuration) throws {
    let parsed = try Configuration(parsing: Array(configuration.utf8), folder: "/")
    _ = try parsed.declare(in: &books, reason: "test", now: now)
  }

  static let configuration = """
    {"groups": [{"name": "default", "platform": "anthropic", "type": "balance"},
                {"name": "pro", "platform": "anthropic", "type": "subscription",
                 "rate_multiplier": 0.8, "daily_limit_usd": 10, "fallback_group": "default"}],
     "accounts": [{"name": "main", "platform": "anthropic", "groups": ["default", "pro"],
                   "base_url": "https://x.example", "credential": "env:K"}]}
    """

  /// Carries a verb out; its answer as a tree.
  @discardableResult
  mutating func perform(
    _ verb: AdministrationVerb, _ arguments: [(String, String)] = []
  ) throws -> JSONValue {
    let object = JSONObject(
      arguments.map { JSONObject.Member(name: $0.0, value: .string($0.1)) })
    let bytes = self.bytes
    let context = AdministrationContext(
      actor: "tester", now: now, randomBytes: { bytes.next($0) })
    return try JSONParser().parse(try verb.perform(&books, object, context))
  }

  /// Refused with this error; nothing was recorded.
  mutating func refuses(
    _ verb: AdministrationVerb, _ arguments: [(String, String)] = []
  ) -> AdministrationError? {
    let before = books.nextSequence
    do {
      try perform(verb, arguments)
      return nil
    } catch {
      #expect(books.nextSequence == before)
      return error as? AdministrationError
    }
  }
}

private final class RandomCounter {
  private var state: UInt64 = 1
  func next(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }
}

@Suite struct UserVerbTests {
  @Test func `an added user is found by id and by name`() throws {
    var office = try Office()
    let added = try office.perform(.userAdd, [("name", "ann"), ("concurrency", "3")])
    let id = try #require(added["id"]?.string)
    #expect(id.hasPrefix("usr_") && added["concurrency"] == .number("3"))
    #expect(try office.perform(.balance, [("user", id)])["user"] == .string("ann"))
    #expect(try office.perform(.balance, [("user", "ann")])["id"] == .string(id))
  }

  @Test func `an added user without a number gets the configured concurrency`() throws {
    var office = try Office()
    #expect(try office.perform(.userAdd, [("name", "ann")])["concurrency"] == .number("5"))
  }

  @Test func `a second user of one name is refused`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    let error = office.refuses(.userAdd, [("name", "ann")])
    #expect(error == .conflict("a user named \"ann\" exists; choose another name"))
  }

  @Test func `an unknown user is answered with the nearest name`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "annabel")])
    let error = office.refuses(.balance, [("user", "anabel")])
    #expect(
      error
        == .unknown("no user \"anabel\"; did you mean \"annabel\"?; see `daybook user list`"))
  }

  @Test func `setting what is set already records nothing`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    let before = office.books.nextSequence
    try office.perform(.userSet, [("user", "ann"), ("status", "active")])
    #expect(office.books.nextSequence == before)
    let changed = try office.perform(.userSet, [("user", "ann"), ("status", "inactive")])
    #expect(changed["status"] == .string("inactive"))
  }

  @Test(arguments: [
    [("name", "")], [("name", "a\u{1}")], [("name", "x"), ("concurrency", "many")],
    [("name", "x"), ("concurrency", "-1")], [("name", "x"), ("colour", "red")],
  ])
  func `wrong arguments of a new user are wrong usage`(arguments: [(String, String)]) throws {
    var office = try Office()
    guard case .usage? = office.refuses(.userAdd, arguments) else {
      Issue.record("not refused as wrong usage")
      return
    }
  }
}

@Suite struct KeyVerbTests {
  private func officeWithAnn() throws -> Office {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    return office
  }

  @Test func `an issued key is found by the hash of its text and never stored itself`() throws {
    var office = try officeWithAnn()
    let issued = try office.perform(.keyIssue, [("user", "ann"), ("group", "default")])
    let text = try #require(issued["key"]?.string)
    let hash = try #require(Hash256(sha256(text.utf8)))
    #expect(text.hasPrefix("sk-") && text.count == 51)
    #expect(office.books.catalog.key(hash: hash)?.suffix == String(text.suffix(4)))
    #expect(try office.perform(.keyList).text.contains(text) == false)
  }

  @Test func `two keys are never the same`() throws {
    var office = try officeWithAnn()
    let keys = try (0..<50).map { _ in
      try office.perform(.keyIssue, [("user", "ann"), ("group", "default")])["key"]
    }
    #expect(Set(keys).count == 50)
  }

  @Test func `a key's limits are recorded, and removed with none`() throws {
    var office = try officeWithAnn()
    let issued = try office.perform(
      .keyIssue,
      [
        ("user", "ann"), ("group", "default"), ("name", "k"), ("quota", "10.25"),
        ("expires", "2028-01-01T00:00:00Z"), ("allow", "10.0.0.0/8, ::1"), ("deny", "10.1.1.1"),
      ])
    #expect(issued["quota_usd"] == .string("10.25"))
    #expect(issued["allow"] == .string("10.0.0.0/8,::1") && issued["deny"] == .string("10.1.1.1"))
    let set = try office.perform(
      .keySet, [("key", "k"), ("quota", "none"), ("expires", "none"), ("allow", "none")])
    #expect(set["quota_usd"] == .null && set["expires"] == .null && set["allow"] == .string(""))
    #expect(set["deny"] == .string("10.1.1.1"))
  }

  @Test func `a revoked key never comes back, and its name is free again`() throws {
    var office = try officeWithAnn()
    let arguments = [("user", "ann"), ("group", "default"), ("name", "k")]
    try office.perform(.keyIssue, arguments)
    guard case .conflict? = office.refuses(.keyIssue, arguments) else {
      Issue.record("two live keys of one name")
      return
    }
    #expect(try office.perform(.keyRevoke, [("key", "k")])["status"] == .string("revoked"))
    let before = office.books.nextSequence
    try office.perform(.keyRevoke, [("key", "k")])
    #expect(office.books.nextSequence == before)
    guard case .conflict? = office.refuses(.keySet, [("key", "k"), ("status", "active")]) else {
      Issue.record("a revoked key was changed")
      return
    }
    try office.perform(.keyIssue, arguments)
  }

  @Test(arguments: [
    ("quota", "0"), ("quota", "-5"), ("quota", "1.0000000001"), ("expires", "yesterday"),
    ("allow", "10.0.0.1/8"), ("deny", "office"),
  ])
  func `wrong limits of a key are wrong usage`(name: String, value: String) throws {
    var office = try officeWithAnn()
    let arguments = [("user", "ann"), ("group", "default"), (name, value)]
    guard case .usage? = office.refuses(.keyIssue, arguments) else {
      Issue.record("not refused as wrong usage")
      return
    }
  }

  @Test func `a key text in place of a name is not repeated in the error`() throws {
    var office = try officeWithAnn()
    let error = office.refuses(.keyRevoke, [("key", "sk-secret")])
    #expect(error?.description.contains("secret") == false)
  }
}

@Suite struct CreditVerbTests {
  @Test func `credits and debits add up to the nano-dollar`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    for amount in ["10.25", "-5", "0.000000001"] {
      try office.perform(.creditAdd, [("user", "ann"), ("usd", amount), ("reason", "test")])
    }
    let balance = try office.perform(.balance, [("user", "ann")])
    #expect(balance["balance_usd"] == .string("5.250000001"))
  }

  @Test func `the same external id adds money once`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    let credit = [("user", "ann"), ("usd", "7"), ("reason", "card"), ("external_id", "ch_1")]
    let first = try office.perform(.creditAdd, credit)
    let again = try office.perform(.creditAdd, credit)
    #expect(first["repeated"] == .bool(false) && again["repeated"] == .bool(true))
    #expect(first["sequence"] == again["sequence"])
    #expect(again["balance_usd"] == .string("7"))
  }

  @Test func `an external id with another amount or user is refused`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    try office.perform(.userAdd, [("name", "bob")])
    func credit(_ user: String, _ amount: String) -> [(String, String)] {
      [("user", user), ("usd", amount), ("reason", "card"), ("external_id", "ch_1")]
    }
    try office.perform(.creditAdd, credit("ann", "7"))
    for wrong in [credit("ann", "8"), credit("bob", "7")] {
      guard case .conflict? = office.refuses(.creditAdd, wrong) else {
        Issue.record("\(wrong) was not refused")
        return
      }
    }
  }

  @Test(arguments: [
    [("usd", "5")], [("usd", "0"), ("reason", "r")], [("usd", "five"), ("reason", "r")],
    [("usd", "0.0000000001"), ("reason", "r")], [("usd", "2000000000"), ("reason", "r")],
    [("usd", "1e400"), ("reason", "r")], [("reason", "r")],
  ])
  func `a credit without reason or with a wrong amount is wrong usage`(
    arguments: [(String, String)]
  ) throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    guard case .usage? = office.refuses(.creditAdd, [("user", "ann")] + arguments) else {
      Issue.record("not refused as wrong usage")
      return
    }
  }
}

@Suite struct SubscriptionVerbTests {
  private let parties = [("user", "ann"), ("group", "pro")]

  @Test func `a subscription is granted, extended, revoked and granted again`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    let granted = try office.perform(.subscriptionGrant, parties + [("days", "30")])
    #expect(granted["status"] == .string("active"))
    guard case .conflict? = office.refuses(.subscriptionGrant, parties + [("days", "1")]) else {
      Issue.record("granted twice")
      return
    }
    let extended = try office.perform(.subscriptionExtend, parties + [("days", "1")])
    let end = office.now.advanced(bySeconds: 31 * 86_400).text()
    #expect(extended["expires"] == .string(end))
    #expect(try office.perform(.subscriptionRevoke, parties)["status"] == .string("revoked"))
    guard case .conflict? = office.refuses(.subscriptionExtend, parties + [("days", "1")]) else {
      Issue.record("extended after it was revoked")
      return
    }
    let again = try office.perform(.subscriptionGrant, parties + [("days", "1")])
    #expect(again["id"] == granted["id"] && again["status"] == .string("active"))
  }

  @Test func `an ended subscription is extended from now on`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    try office.perform(.subscriptionGrant, parties + [("days", "1")])
    office.now = office.now.advanced(bySeconds: 10 * 86_400)
    #expect(try office.perform(.subscriptionList).text.contains("expired"))
    let extended = try office.perform(.subscriptionExtend, parties + [("days", "2")])
    let end = office.now.advanced(bySeconds: 2 * 86_400).text()
    #expect(extended["expires"] == .string(end) && extended["status"] == .string("active"))
  }

  @Test func `only subscription groups can be subscribed to`() throws {
    var office = try Office()
    try office.perform(.userAdd, [("name", "ann")])
    let error = office.refuses(
      .subscriptionGrant, [("user", "ann"), ("group", "default"), ("days", "3")])
    #expect(error?.description.contains("paid from the balance") == true)
  }
}

@Suite struct AccountVerbTests {
  @Test func `a disabled account stays so until it is enabled`() throws {
    var office = try Office()
    let disabled = try office.perform(.accountDisable, [("account", "main"), ("reason", "test")])
    #expect(disabled["condition"] == .string("disabled"))
    office.now = office.now.advanced(bySeconds: 1_000_000)
    #expect(try office.perform(.accountList).array?.first?["condition"] == .string("disabled"))
    let enabled = try office.perform(.accountEnable, [("account", "main")])
    #expect(enabled["condition"] == .string("ready"))
  }

  @Test func `groups are listed as declared`() throws {
    var office = try Office()
    let groups = try #require(try office.perform(.groupList).array)
    #expect(groups.map { $0["name"] } == [.string("default"), .string("pro")])
    #expect(groups[1]["rate_multiplier"] == .number("0.8"))
    #expect(groups[1]["fallback_group"] == .string("default"))
  }
}
