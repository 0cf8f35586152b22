// Sessions stay with their account: what names one, how long it is bound, and what ends it.
import Base
import Ledger
import Sandbox
import Testing

@testable import Gateway

private func call(_ json: String) throws -> (call: MessagesCall, body: [UInt8]) {
  let body = Array(json.utf8)
  return (try MessagesCall(body), body)
}
private func session(
  _ json: String, header: String? = nil, key: UInt32 = 1, group: UInt32 = 1,
  platform: Platform = .anthropic
) throws -> SessionKey? {
  let (call, body) = try call(json)
  return call.session(
    header: header, body: body, key: KeyID(key), group: GroupID(group), platform: platform)
}
private func body(
  userID: String? = nil, system: String = "",
  messages: String = #"[{"role":"user","content":"hi"}]"#
) -> String {
  let metadata = userID.map { #""metadata":{"user_id":\#($0)},"# } ?? ""
  let instruction = system.isEmpty ? "" : #""system":\#(system),"#
  return #"{"model":"m",\#(metadata)\#(instruction)"messages":\#(messages)}"#
}
private let uuid = "0a1b2c3d-0000-1111-2222-333344445555"

@Suite struct SessionNames {
  @Test func `the header names a session before anything else`() throws {
    let named = try session(body(), header: uuid)
    let other = try session(
      body(userID: #""session_ffffffff-0000-1111-2222-333344445555""#),
      header: uuid, key: 2)
    #expect(named != nil && named == other, "an identifier needs no salt")
    let malformed = try session(body(), header: "short")
    #expect(try malformed == session(body()))
  }

  @Test func `today's clients name it inside of a JSON text`() throws {
    let json = #""{\"device_id\":\"d\",\"account_uuid\":\"\",\"session_id\":\"\#(uuid)\"}""#
    let named = try session(body(userID: json))
    #expect(try named == session(body(), header: uuid))
  }

  @Test func `older ones name it behind session_`() throws {
    let named = try session(body(userID: #""user_abc_account__session_\#(uuid)""#))
    #expect(try named == session(body(), header: uuid))
    let tooShort = try session(body(userID: #""session_0a1b""#))
    #expect(try tooShort == session(body()))
  }

  @Test func `a conversation without a name is known by its marked text`() throws {
    let marked = #"[{"type":"text","text":"rules","cache_control":{"type":"ephemeral"}}]"#
    let first = try session(body(system: marked))
    let later = try session(
      body(
        system: marked,
        messages: #"[{"role":"user","content":"hi"},{"role":"user","content":"more"}]"#))
    #expect(first != nil && first == later)
    #expect(try first != session(body(system: marked), key: 2), "texts are salted with the key")
  }

  @Test func `then by its system text, then by its first message`() throws {
    let system = try session(body(system: #""rules""#))
    #expect(
      try system
        == session(
          body(system: #""rules""#, messages: #"[{"role":"user","content":"another"}]"#)))
    let blocks = #"[{"role":"user","content":[{"type":"text","text":"hi"}]}]"#
    #expect(try session(body()) == session(body(messages: blocks)))
    #expect(try session(#"{"model":"m","messages":[]}"#) == nil)
  }

  @Test func `groups and platforms keep their sessions apart`() throws {
    let one = try session(body(), header: uuid)
    #expect(try one != session(body(), header: uuid, group: 2))
    #expect(try one != session(body(), header: uuid, platform: .gemini))
  }
}

@Suite struct StickySessionsTests {
  private let now = Timestamp(microseconds: 1_000_000_000_000)
  private func key(_ number: UInt64, group: UInt32 = 1) -> SessionKey {
    SessionKey(group: GroupID(group), high: number, low: number)
  }

  @Test func `a binding lasts an hour from its last use`() {
    var sessions = StickySessions()
    sessions.bind(key(1), to: AccountID(7), at: now)
    sessions.bind(key(1), to: AccountID(7), at: now.advanced(bySeconds: 30))
    #expect(sessions.account(of: key(1), at: now.advanced(bySeconds: 3629)) == AccountID(7))
    #expect(sessions.account(of: key(1), at: now.advanced(bySeconds: 3630)) == nil)
  }

  @Test func `ending a binding leaves a newer one alone`() {
    var sessions = StickySessions()
    sessions.bind(key(1), to: AccountID(7), at: now)
    sessions.bind(key(1), to: AccountID(8), at: now)
    sessions.unbind(key(1), from: AccountID(7))
    #expect(sessions.account(of: key(1), at: now) == AccountID(8))
    sessions.unbind(key(1), from: AccountID(8))
    #expect(sessions.account(of: key(1), at: now) == nil)
  }

  @Test func `those unused for longest leave when there are too many`() {
    var sessions = StickySessions(limit: 10)
    for number in 0..<15 as Range<UInt64> {
      sessions.bind(key(number), to: AccountID(1), at: now.advanced(bySeconds: Int64(number)))
      sessions.bind(key(0), to: AccountID(1), at: now.advanced(bySeconds: Int64(number)))
    }
    #expect(sessions.count == 10)
    let later = now.advanced(bySeconds: 15)
    #expect(sessions.account(of: key(0), at: later) != nil, "it was used all the time")
    #expect(sessions.account(of: key(1), at: later) == nil)
    #expect(sessions.account(of: key(14), at: later) != nil)
  }

  @Test func `sessions used again and again take no more room`() {
    var sessions = StickySessions(limit: 50)
    for round in 0..<200 as Range<Int64> {
      for number in 0..<50 as Range<UInt64> {
        sessions.bind(key(number), to: AccountID(1), at: now.advanced(bySeconds: round * 600))
      }
    }
    #expect(sessions.count == 50 && sessions.queued <= 100)
  }

  @Test func `what is over is forgotten as others come`() {
    var sessions = StickySessions()
    for number in 0..<100 as Range<UInt64> { sessions.bind(key(number), to: AccountID(1), at: now) }
    let later = now.advanced(bySeconds: 4_000)
    for number in 1_000..<1_100 as Range<UInt64> {
      sessions.bind(key(number), to: AccountID(1), at: later)
    }
    #expect(sessions.count == 100)
  }
}

@Suite struct SessionScheduling {
  private let now = Timestamp(microseconds: 1_000_000_000)
  private let key = SessionKey(group: GroupID(1), high: 1, low: 1)

  private func scheduler(concurrency: Int) -> Scheduler {
    var scheduler = Scheduler()
    _ = scheduler.adopt(
      (1...2).map { id in
        AccountPlan(
          id: AccountID(id), name: "account-\(id)", platform: .anthropic, groups: [GroupID(1)],
          models: ModelMap([:]), priority: 1, concurrency: concurrency, isMixed: false)
      })
    return scheduler
  }
  private func wish(excluding: Set<AccountID> = [], session: Bool = true) -> AccountWish {
    AccountWish(
      group: GroupID(1), platform: .anthropic, model: "m", session: session ? key : nil,
      excluded: excluding)
  }
  private func acquired(_ selection: Scheduler.Selection) -> UInt32? {
    if case .acquired(let id) = selection { id.value } else { nil }
  }

  @Test func `a session stays where it began, others take turns`() {
    var scheduler = scheduler(concurrency: 10)
    let first = acquired(scheduler.select(wish(), now: now))
    for second in 1...6 as ClosedRange<Int64> {
      let time = now.advanced(bySeconds: second)
      #expect(acquired(scheduler.select(wish(), now: time)) == first)
    }
    let other = acquired(scheduler.select(wish(session: false), now: now.advanced(bySeconds: 9)))
    #expect(other != nil && other != first)
  }

  @Test func `three of a session wait for its account, the next goes elsewhere`() {
    var scheduler = scheduler(concurrency: 1)
    #expect(acquired(scheduler.select(wish(), now: now)) == 1)
    for _ in 0..<3 {
      guard case .wait(AccountID(1), _, isSticky: true) = scheduler.select(wish(), now: now) else {
        return #expect(Bool(false), "it should wait for the session's account")
      }
    }
    #expect(acquired(scheduler.select(wish(), now: now)) == 2)
    #expect(scheduler.waitingForAccounts == 3)
  }

  @Test func `a session leaves an account that failed it or cannot be used`() {
    var scheduler = scheduler(concurrency: 10)
    #expect(acquired(scheduler.select(wish(), now: now)) == 1)
    #expect(acquired(scheduler.select(wish(excluding: [AccountID(1)]), now: now)) == 2)
    #expect(acquired(scheduler.select(wish(), now: now)) == 2, "it is bound to the second now")
    scheduler.setCondition(AccountID(2), .error, until: now.advanced(bySeconds: 60))
    #expect(acquired(scheduler.select(wish(), now: now)) == 1)
    scheduler.setCondition(AccountID(2), .ready, until: nil)
    #expect(acquired(scheduler.select(wish(), now: now)) == 1, "the old binding is gone")
  }
}

@Suite struct SessionsOverLoopback {
  @Test func `requests of a session go to one account until that fails`() async throws {
    let bed = try GatewayBed([SandboxOptions(), SandboxOptions(), SandboxOptions()]) {
      for index in $0.accounts.indices { $0.accounts[index].priority = 1 }
    }
    func accounts() throws -> [AccountID] {
      try bed.events(ForwardSettled.self).map(\.settlement.account)
    }
    let headers = "x-api-key: sk-test-key\r\nx-claude-code-session-id: \(uuid)"
    for _ in 0..<4 { _ = try await bed.ask(body: GatewayBed.body(), headers: headers) }
    #expect(Set(try accounts()).count == 1)
    let first = try #require(try accounts().first)
    bed.scheduler.withLock {
      $0.setCondition(first, .error, until: SystemWallClock().now().advanced(bySeconds: 60))
    }
    for _ in 0..<3 { _ = try await bed.ask(body: GatewayBed.body(), headers: headers) }
    let moved = Set(try accounts().dropFirst(4))
    #expect(moved.count == 1 && !moved.contains(first))
  }
}
