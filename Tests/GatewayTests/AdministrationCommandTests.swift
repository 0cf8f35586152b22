// Commands of /admin: what is recorded, what bodies are refused, and idempotency keys: side by
// side, across a restart, with other arguments, after a day.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway
@testable import Projections

@Suite struct AdministrationCommandTests {
  @Test func `a command is an event with actor and reason`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann", "reason": "ticket 7"}"#)
    let event = try #require(try bed.events(UserAdded.self).first)
    #expect(
      event.state.authorship == Authorship(actor: "admin token, 127.0.0.1", reason: "ticket 7"))
  }

  @Test(arguments: [
    (GatewaySettings.AddressRecording.prefix, "admin token, 127.0.0.0/24"), (.none, "admin token"),
  ])
  func `the actor's address is recorded as addresses are`(
    recording: GatewaySettings.AddressRecording, actor: String
  ) async throws {
    let bed = try AdministrationBed { $0.gateway.recordAddresses = recording }
    try await bed.command("user/add", #"{"name": "ann"}"#)
    #expect(try bed.events(UserAdded.self).map(\.state.authorship.actor) == [actor])
  }

  @Test(arguments: [
    ("", "application/json", 400), ("[]", "application/json", 400),
    ("{", "application/json", 400), (#"{"name":"a","name":"b"}"#, "application/json", 400),
    (#"{"name": ["a"]}"#, "application/json", 400), ("null", "application/json", 400),
    (#"{"name": "a"} {}"#, "application/json", 400),
    (#"{"name": "a"}"#, "application/x-www-form-urlencoded", 415),
    (#"{"name": "a"}"#, "text/json", 415), (#"{"name": "a"}"#, "application/jsonx", 415),
    (#"{"name": "a"}"#, "APPLICATION/JSON; charset=utf-8", 200),
  ])
  func `a body is one JSON object`(body: String, type: String, status: Int) async throws {
    let bed = try AdministrationBed()
    let headers = [AdministrationBed.right, "content-type: \(type)"]
    let answer = try await bed.ask("POST", "/admin/user/add", body, headers: headers)
    #expect(answer.status == status, "\(answer.text)")
    #expect(try bed.events(UserAdded.self).count == (status == 200 ? 1 : 0))
  }

  @Test func `a body without a content type is taken as JSON`() async throws {
    let bed = try AdministrationBed()
    let answer = try await bed.ask(
      "POST", "/admin/user/add", #"{"name": "a"}"#,
      headers: [AdministrationBed.right, "x-content-type: none"])
    #expect(answer.status == 200)
  }

  @Test func `an unknown argument is refused with the nearest name`() async throws {
    let bed = try AdministrationBed()
    let answer = try await bed.ask("POST", "/admin/user/add", #"{"nmae": "ann"}"#)
    #expect(answer.status == 400 && answer.message.contains("did you mean \"name\"?"))
  }

  @Test func `arguments in the query of a command are refused`() async throws {
    let bed = try AdministrationBed()
    let answer = try await bed.ask("POST", "/admin/user/add?name=ann", #"{"name": "ann"}"#)
    #expect(answer.status == 400)
    #expect(try bed.events(UserAdded.self).isEmpty)
  }

  @Test func `an encoded or too large body is refused`() async throws {
    let bed = try AdministrationBed()
    let encoded = try await bed.ask(
      "POST", "/admin/user/add", "{}",
      headers: [AdministrationBed.right, "content-encoding: gzip"])
    #expect(encoded.status == 415)
    let large = #"{"name": "\#(String(repeating: "x", count: 1 << 20))"}"#
    let refused = try await bed.ask("POST", "/admin/user/add", large)
    #expect(refused.status == 413 && refused.code == "too_large")
    let limit = AdministrationRunner.bodyLimit(of: "user/add")
    let most = #"{"nam": ""}"# + String(repeating: " ", count: limit - 11)
    #expect(most.utf8.count == limit)
    #expect(try await bed.ask("POST", "/admin/user/add", most).status == 400)
  }

  @Test func `an answer is given when its event is durable`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann"}"#)
    #expect(bed.live.durable == bed.last)
  }

  @Test func `a refused long job is answered with its own status`() async throws {
    let bed = try AdministrationBed()
    let refused = try await bed.ask("POST", "/admin/verify", #"{"deep": true}"#)
    #expect(refused.status == 400 && refused.code == "wrong_usage")
    let done = try await bed.ask("POST", "/admin/verify")
    let lines = done.text.split(separator: "\n").map { try? JSONParser().parse(String($0)) }
    #expect(done.status == 200 && lines.last??["answer"]?["intact"] == .bool(true))
  }
}

@Suite struct IdempotencyTests {
  private static let add = "/admin/user/add"
  private func headers(_ key: String) -> [String] {
    [AdministrationBed.right, "idempotency-key: \(key)"]
  }

  @Test func `the same command under one key is carried out once and answers the same`()
    async throws
  {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann"}"#)
    let body = #"{"user": "ann", "usd": "5", "reason": "r"}"#
    let first = try await bed.ask("POST", "/admin/credit/add", body, headers: headers("c-1"))
    try await bed.command("credit/add", #"{"user": "ann", "usd": "7", "reason": "r"}"#)
    let last = bed.last
    let spelled = #"{ "usd": "5", "reason": "r",  "user": "ann" }"#
    for again in [body, spelled] {
      let answer = try await bed.ask("POST", "/admin/credit/add", again, headers: headers("c-1"))
      #expect(answer.status == first.status && answer.body == first.body)
      #expect(answer.header("idempotent-replayed") == "true")
    }
    #expect(first.status == 200 && first.header("idempotent-replayed") == nil)
    #expect(bed.last == last)
    #expect(try bed.events(CreditAdded.self).map(\.amount.value) == [5_000_000_000, 7_000_000_000])
  }

  @Test func `another command or other arguments under a used key are refused`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann"}"#, key: "k")
    let last = bed.last
    for (path, body) in [
      (Self.add, #"{"name": "bob"}"#), ("/admin/user/set", #"{"name": "ann"}"#),
      (Self.add, #"{"name": "ann", "reason": ""}"#),
    ] {
      let answer = try await bed.ask("POST", path, body, headers: headers("k"))
      #expect(answer.status == 422 && answer.code == "idempotency_key_reused", "\(answer.text)")
    }
    #expect(bed.last == last)
  }

  @Test(arguments: ["", " ", String(repeating: "k", count: 256), "a\u{e9}", "a\tb"])
  func `a key that is none is refused`(key: String) async throws {
    let bed = try AdministrationBed()
    let answer = try await bed.ask("POST", Self.add, #"{"name": "ann"}"#, headers: headers(key))
    #expect(answer.status == 400, "\(answer.text)")
    #expect(try bed.events(UserAdded.self).isEmpty)
  }

  @Test func `a key of 255 characters is taken, two keys are not`() async throws {
    let bed = try AdministrationBed()
    let long = String(repeating: "~", count: 255)
    try await bed.command("user/add", #"{"name": "ann"}"#, key: long)
    let two = try await bed.ask(
      "POST", Self.add, #"{"name": "bob"}"#, headers: headers("a") + ["idempotency-key: b"])
    #expect(two.status == 400)
  }

  @Test func `one key sent many times at once is carried out once`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann"}"#)
    let body = #"{"user": "ann", "usd": 1, "reason": "r"}"#
    let answers = try await withThrowingTaskGroup(of: Received.self) { group in
      for _ in 0..<16 {
        group.addTask {
          try await bed.ask("POST", "/admin/credit/add", body, headers: headers("once"))
        }
      }
      return try await group.reduce(into: [Received]()) { $0.append($1) }
    }
    let done = answers.filter { $0.status == 200 }
    #expect(done.filter { $0.header("idempotent-replayed") == nil }.count == 1)
    #expect(Set(done.map(\.text)).count == 1)
    let others = answers.filter { $0.status != 200 }
    #expect(others.allSatisfy { $0.status == 409 && $0.code == "idempotency_key_in_use" })
    #expect(try bed.events(CreditAdded.self).count == 1)
  }

  @Test func `a refused command leaves its key free`() async throws {
    let bed = try AdministrationBed()
    let early = try await bed.ask(
      "POST", "/admin/user/set", #"{"user": "ann", "concurrency": 2}"#, headers: headers("k"))
    #expect(early.status == 404)
    try await bed.command("user/add", #"{"name": "ann"}"#)
    try await bed.command("user/set", #"{"user": "ann", "concurrency": 2}"#, key: "k")
    #expect(try bed.events(UserChanged.self).count == 1)
  }

  @Test func `a command that changed nothing is not carried out later either`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("account/enable", #"{"account": "main"}"#, key: "k")
    try await bed.command("account/disable", #"{"account": "main"}"#)
    let again = try await bed.ask(
      "POST", "/admin/account/enable", #"{"account": "main"}"#, headers: headers("k"))
    #expect(again.header("idempotent-replayed") == "true")
    #expect(bed.live.withBooks { $0.accounts.all.map(\.condition) } == [.disabled])
  }

  @Test func `a key holds across a restart, with and without a checkpoint`() async throws {
    var bed = try AdministrationBed()
    let body = #"{"name": "ann", "reason": "r"}"#
    let first = try await bed.ask("POST", Self.add, body, headers: headers("k"))
    for dropsCheckpoint in [false, true] {
      let directory = bed.stopped()
      if dropsCheckpoint { directory.removeDatabase("data/projections.sqlite") }
      bed = try AdministrationBed(in: directory)
      let last = bed.last
      let again = try await bed.ask("POST", Self.add, body, headers: headers("k"))
      #expect(again.status == 200 && again.body == first.body, "\(again.text)")
      #expect(again.header("idempotent-replayed") == "true")
      #expect(bed.last == last)
    }
    let other = try await bed.ask("POST", Self.add, #"{"name": "bob"}"#, headers: headers("k"))
    #expect(other.status == 422)
  }

  @Test func `an issued key is told again until a restart, then where to get another`() async throws
  {
    let first = try AdministrationBed()
    try await first.command("user/add", #"{"name": "ann"}"#)
    let body = #"{"user": "ann", "group": "default"}"#
    let issued = try await first.command("key/issue", body, key: "k")
    let secret = try #require(issued["key"]?.string)
    #expect(try await first.command("key/issue", body, key: "k") == issued)
    let directory = first.stopped()
    #expect(!(try directory.holds(secret)), "the key stands in no file")
    let second = try AdministrationBed(in: directory)
    let again = try await second.ask("POST", "/admin/key/issue", body, headers: headers("k"))
    #expect(again.status == 409 && again.code == "answer_not_kept")
    let id = try #require(issued["id"]?.string)
    #expect(again.message.contains(id) && again.header("idempotent-replayed") == "true")
    let told = again.json?["error"]?["first_answer"]
    #expect(told?["id"] == issued["id"] && told?["key"] == nil)
    #expect(try second.events(KeyIssued.self).count == 1)
  }

  @Test func `an answer too long for the log is told again until a restart`() async throws {
    let models = (0..<1300).map { number in
      ModelMapping(asked: "model-asked-for-\(number)", sent: "model-that-is-sent-\(number)")
    }
    let first = try AdministrationBed { $0.accounts[0].models = models }
    let body = #"{"account": "main"}"#
    let done = try await first.command("account/disable", body, key: "k")
    #expect(done.text.utf8.count > KeyedCommand.longestAnswer)
    #expect(try await first.command("account/disable", body, key: "k") == done)
    let second = try AdministrationBed(in: first.stopped()) { $0.accounts[0].models = models }
    let again = try await second.ask("POST", "/admin/account/disable", body, headers: headers("k"))
    #expect(again.status == 409 && again.code == "answer_not_kept", "\(again.text)")
    #expect(again.message.contains("account/disable was carried out before"))
  }

  @Test func `when no more keys can be remembered, new ones wait and known ones answer`()
    async throws
  {
    let bed = try AdministrationBed()
    bed.live.withBooks { books in books.commands = Commands(limit: 1) }
    try await bed.command("user/add", #"{"name": "ann"}"#, key: "k")
    let full = try await bed.ask("POST", Self.add, #"{"name": "bob"}"#, headers: headers("l"))
    #expect(full.status == 503 && full.code == "busy" && full.header("retry-after") != nil)
    #expect(try bed.events(UserAdded.self).count == 1)
    let again = try await bed.ask("POST", Self.add, #"{"name": "ann"}"#, headers: headers("k"))
    #expect(again.header("idempotent-replayed") == "true")
    try await bed.command("user/add", #"{"name": "bob"}"#)
  }

  @Test func `a key is free again after a day`() async throws {
    let clock = ManualWallClock(Timestamp(seconds: 1_800_000_000))
    let bed = try AdministrationBed(clock: clock)
    try await bed.command("user/add", #"{"name": "ann"}"#, key: "k")
    clock.set(Timestamp(seconds: 1_800_000_000 + 86_399))
    let body = #"{"name": "bob"}"#
    #expect(try await bed.ask("POST", Self.add, body, headers: headers("k")).status == 422)
    clock.set(Timestamp(seconds: 1_800_000_000 + 86_400))
    #expect(try await bed.ask("POST", Self.add, body, headers: headers("k")).status == 200)
    #expect(try bed.events(UserAdded.self).count == 2)
  }

  @Test func `the command and its answer stand in the log, without key or secret`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann", "reason": "r"}"#, key: "my-own-key")
    let event = try #require(try bed.events(CommandAnswered.self).first)
    #expect(event.command == "user/add" && event.status == 200 && !event.isWithheld)
    #expect(event.authorship == Authorship(actor: "admin token, 127.0.0.1", reason: "r"))
    #expect(event.salt.contains { $0 != 0 })
    let lines = try await bed.ask("GET", "/admin/events?type=command_answered").text
    #expect(!lines.contains("my-own-key"))
    #expect(lines.contains(#""answer":{"id":"usr_"#))
  }

  @Test func `a key on a long job or a reload changes nothing about it`() async throws {
    let bed = try AdministrationBed()
    for _ in 0..<2 {
      let answer = try await bed.ask("POST", "/admin/verify", headers: headers("v"))
      #expect(answer.status == 200 && answer.header("idempotent-replayed") == nil)
    }
    let reload = try await bed.ask("POST", "/admin/reload", headers: headers("r"))
    let again = try await bed.ask("POST", "/admin/reload", headers: headers("r"))
    #expect(reload.status == 200 && again.body == reload.body)
    #expect(again.header("idempotent-replayed") == "true")
  }
}
