// POST /v1/messages/count_tokens: one account is asked what a prompt counts (spec: gateway, 1, 5).
// Eligibility is looked at, by settled values; nothing is held or charged, no slot is taken, no
// other account is tried, and a failure lets no account rest: upstreams limit counting apart from
// messages, so it says nothing about the next message.
import Base
import HTTP
import Ledger
import Projections

extension Gateway {
  /// From sending the request to the end of its answer (KEEP).
  private static let countingSeconds = 30
  private static let countingAnswerLimit = 1 << 20

  func countTokens(
    _ request: Request, _ client: Client, _ trace: RequestTrace, forced: Platform?
  ) async throws(Answer) {
    let caller = try authenticate(trace, forced: forced, check: .spending)
    do throws(Answer) {
      let body = HeldBody(try await readBody(request, client), in: budget)
      defer { body.free() }
      let call = try MessagesCall(body.bytes)
      trace.asks(model: call.model, stream: false, bodyBytes: body.bytes.count)
      try checkEligibility(of: caller)
      let snapshot = snapshot
      let account = try account(for: call, caller, snapshot)
      trace.tries(account.name, model: account.models.sent(for: call.model) ?? call.model)
      let settings = snapshot.configuration.gateway
      let started = client.reactor.now
      // Antigravity has no way to count (KEEP).
      var answered: Counted? = Counted.nothing
      if let outgoing = try countRequest(call, body.bytes, from: request, to: account) {
        answered = await count(outgoing, account, client, settings)
      }
      guard let counted = answered else { return trace.left() }
      let duration = Milliseconds(nanoseconds: client.reactor.now.nanoseconds(since: started))
      record(counted, call, caller, account, duration)
      try answer(counted, client, trace.id)
    } catch {
      note(error, by: caller)
      throw error
    }
  }

  /// What an account answered.
  private struct Counted {
    static let nothing = Counted(status: 200, input: 0, body: Array(#"{"input_tokens":0}"#.utf8))
    /// 0 when there was no answer.
    var status = 0
    /// nil when the answer is no count.
    var input: Int64?
    /// The answer as it came.
    var body: [UInt8] = []
    /// What of its head goes to the caller.
    var headers: [(name: String, value: String)] = []
  }

  private func answer(_ counted: Counted, _ client: Client, _ id: ULID) throws(Answer) {
    let passed = counted.headers.filter { $0.name != "content-type" }
    guard counted.input != nil else {
      var answer = Answer.countFailed(status: counted.status)
      answer.headers = passed
      throw answer
    }
    var headers = ResponseHeaders.json(id)
    for field in passed { headers.add(field.name, field.value) }
    client.respond(status: 200, headers: headers, body: counted.body)
  }

  private func checkEligibility(of caller: Caller) throws(Answer) {
    let now = wallClock.now()
    let refusal = live.withBooks { books in
      FundsCheck(caller, hold: .zero, books: books, at: now).settledRefusal
    }
    if refusal != .none { throw Answer(refusal) }
  }

  private func account(
    for call: MessagesCall, _ caller: Caller, _ snapshot: Snapshot
  ) throws(Answer) -> UpstreamAccount {
    let now = wallClock.now()
    let wish = AccountWish(group: caller.group.id, platform: caller.platform, model: call.model)
    guard let id = scheduler.withLock({ $0.choose(wish, now: now) }),
      let account = snapshot.accounts[id]
    else { throw .noAccount }
    return account
  }

  /// Asks the account. nil when the caller left meanwhile.
  private func count(
    _ outgoing: UpstreamRequest, _ account: UpstreamAccount, _ client: Client,
    _ settings: GatewaySettings
  ) async -> Counted? {
    var upstream = outgoing
    upstream.connectMilliseconds = settings.connect.milliseconds
    let transfer = client.reactor.start(upstream)
    let deadline = client.reactor.now.advanced(seconds: Self.countingSeconds)
    var counted = Counted()
    switch await transfer.head(until: deadline, watching: client) {
    case .head(let head):
      counted.status = head.status
      counted.headers = ForwardedHeaders.toCaller(
        head.headers, rateLimits: settings.passRateLimits)
    case .callerGone: return nil
    case .failed, .deadlinePassed: return counted
    }
    guard (200..<300).contains(counted.status) else { return counted }
    var answer: [UInt8] = []
    while true {
      switch await transfer.next(until: deadline, watching: client) {
      case .bytes(let bytes):
        answer += bytes
        if answer.count > Self.countingAnswerLimit { return counted }
      case .end:
        if account.isTranslated {
          counted.input = GeminiCount.read(answer)
          counted.body = GeminiCount.answer(counted.input ?? 0)
        } else {
          counted.input = Self.count(in: answer)
          counted.body = answer
        }
        return counted
      case .callerGone: return nil
      case .failed, .deadlinePassed: return counted
      }
    }
  }

  /// `input_tokens` of an answer; nil when it has none that can be one.
  private static func count(in answer: [UInt8]) -> Int64? {
    guard let scanner = try? JSONScanner(object: answer.span, maxDepth: 16),
      let count = scanner.integer(scanner.member("input_tokens", of: scanner.root)),
      (0...TokenUsage.countLimit).contains(count)
    else { return nil }
    return count
  }

  private func record(
    _ counted: Counted, _ call: MessagesCall, _ caller: Caller, _ account: UpstreamAccount,
    _ duration: Milliseconds
  ) {
    var event = TokensCounted()
    event.party = Party(
      user: caller.user.id, key: caller.key.id, admission: .none, serviceDay: DayNumber(0))
    event.group = caller.group.id
    event.account = account.id
    event.model = live.withBooks { $0.modelID(call.model) } ?? .none
    event.status = UInt16(clamping: counted.status)
    event.input = counted.input ?? 0
    event.duration = duration
    append(event)
  }
}
