// Administration of a live ledger: every command, from its path and JSON arguments to its JSON
// answer, given only when what it tells is durable. Blocks: never called on a reactor.
//
// POST /admin/PATH with a JSON object as body. 200 with the answer, else
// {"error": {"code": ..., "message": ...}}. Paths are the verbs' (AdministrationVerb) and:
//
//   usage     {key}                what GET /v1/usage says
//   status    {}                   health of ledger and projections
//   events    {from, to, ...}      a page of the log as JSON lines (EventQuery); header
//                                  `x-next-sequence` names where the next page begins
//   reload    {}                   reads the configuration file again
//   rebuild   {}                   folds the log anew, compares, swaps
//   verify    {}                   checks the whole log
//   reconcile/*                    the ledger's side of a bill (ReconcileCommands)
//   prices/*                       books of prices (PriceAnswers, PriceCommands)
//   reprice, reprice/*             history with other prices (RepricingCommands)
public import Base
import Ledger
public import Projections

/// The answer to a command.
public struct AdministrationAnswer: Sendable {
  public var status = 200
  /// One JSON value, or JSON lines of a page of events.
  public var body: [UInt8]
  /// Where the next page of events begins; nil at the end, and of other commands.
  public var nextSequence: UInt64?
  /// The command was carried out before; this is its first answer, or tells of it.
  public var isReplayed = false
  public init(body: [UInt8]) { self.body = body }

  /// - Parameter firstAnswer: what the first of two equal commands was told, without its secret.
  init(_ error: AdministrationError, firstAnswer: JSONValue? = nil) {
    self.init(error.status, error.code, error.description, firstAnswer: firstAnswer)
  }
  /// The one shape of all errors of administration.
  init(_ status: Int, _ code: String, _ message: String, firstAnswer: JSONValue? = nil) {
    self.status = status
    body = JSONWriter.text {
      $0.object {
        $0.section("error") {
          $0.member("code", code)
          $0.member("message", message)
          if let firstAnswer {
            $0.name("first_answer")
            $0.value(firstAnswer)
          }
        }
      }
    }
  }
}

public final class AdministrationService: Sendable {
  public typealias Report = @Sendable (_ done: UInt64, _ total: UInt64) -> Void
  /// Reads the configuration again and puts it in force; gives the answer's JSON.
  public typealias Reload = @Sendable () throws(AdministrationError) -> [UInt8]

  let live: LiveLedger
  let clock: any WallClock
  let log: Log
  private let reload: Reload
  private let accountsChanged: @Sendable () -> Void
  let underWay = CommandsUnderWay()
  let unkept = UnkeptAnswers()
  let repricingTurn = CommandTurn()
  let statementTurn = CommandTurn()

  /// - Parameters:
  ///   - accountsChanged: called when an account was enabled or disabled.
  ///   - reload: puts the configuration in force as it is now.
  public init(
    live: LiveLedger, clock: any WallClock = SystemWallClock(), log: Log = .silent,
    accountsChanged: @escaping @Sendable () -> Void = {}, reload: @escaping Reload
  ) {
    self.accountsChanged = accountsChanged
    self.live = live
    self.clock = clock
    self.log = log
    self.reload = reload
  }

  /// Carries a command out and waits until what it tells is durable.
  /// - Parameters:
  ///   - path: `user/add`, without `/admin/`.
  ///   - body: a JSON object; empty = {}.
  ///   - actor: recorded with the events.
  ///   - key: the same command under the same key is carried out once.
  ///   - report: told of progress, on the calling thread or others.
  public func answer(
    _ path: String, _ body: [UInt8], actor: String, key: IdempotencyKey? = nil,
    report: @escaping Report = { _, _ in }
  ) -> AdministrationAnswer {
    let answer = outcome(of: path, body, actor: actor, key: key, report: report)
    tell(path, actor: actor, answer)
    return answer
  }

  private func outcome(
    of path: String, _ body: [UInt8], actor: String, key: IdempotencyKey?,
    report: @escaping Report
  ) -> AdministrationAnswer {
    do throws(AdministrationError) {
      let arguments = try Self.object(body)
      guard let key else { return try carryOut(path, arguments, actor: actor, nil, report) }
      return try answer(key, path, arguments, actor: actor, report)
    } catch {
      return AdministrationAnswer(error)
    }
  }

  /// - Parameter keyed: the command's event, appended with its own.
  func carryOut(
    _ path: String, _ arguments: JSONObject, actor: String, _ keyed: KeyedCommand?,
    _ report: @escaping Report
  ) throws(AdministrationError) -> AdministrationAnswer {
    if let verb = AdministrationVerb(rawValue: path) {
      return AdministrationAnswer(body: try perform(verb, arguments, actor: actor, keyed))
    }
    switch path {
    case "usage": return AdministrationAnswer(body: try usage(arguments))
    case "status":
      _ = try AdministrationArguments(arguments, known: [])
      return AdministrationAnswer(body: StatusReport(live: live).json)
    case "events": return try events(arguments)
    case "reload":
      _ = try AdministrationArguments(arguments, known: [])
      return AdministrationAnswer(body: try reload(keyed))
    case "rebuild":
      _ = try AdministrationArguments(arguments, known: [])
      return AdministrationAnswer(body: try rebuild(report))
    case "verify":
      return AdministrationAnswer(body: try verify(arguments, report))
    case "prices/list", "prices/show", "prices/diff", "prices/explain":
      return AdministrationAnswer(body: try prices(path, arguments))
    case "prices/import":
      return AdministrationAnswer(body: try importPrices(arguments, actor: actor, keyed))
    case "statement": return AdministrationAnswer(body: try statement(arguments, report))
    case "as-of": return AdministrationAnswer(body: try asOf(arguments, report))
    case "reprice": return AdministrationAnswer(body: try reprice(arguments, report))
    case "reprice/apply":
      return AdministrationAnswer(body: try applyRepricing(arguments, actor: actor, report))
    case "reprice/revert":
      return AdministrationAnswer(body: try revertRepricing(arguments, actor: actor))
    case "reprice/list":
      _ = try AdministrationArguments(arguments, known: [])
      return AdministrationAnswer(body: RepricingJobs.json(try copyOfBooks()))
    case "compact":
      _ = try AdministrationArguments(arguments, known: [])
      return AdministrationAnswer(body: try compact(report))
    case "backup": return AdministrationAnswer(body: try backup(arguments, report))
    case "receipt": return AdministrationAnswer(body: try receipt(arguments))
    case "audit": return AdministrationAnswer(body: try audit(arguments, report))
    case "reconcile/scope", "reconcile/page", "reconcile/settle":
      return try reconcile(path, arguments, actor: actor)
    default:
      let known = AdministrationVerb.allCases.map(\.rawValue) + Self.otherPaths
      let shown = path.clipped(toBytes: 128)
      throw .unknown("no command \"\(shown)\"\(NearestName.hint(path, among: known))")
    }
  }

  /// A configuration that is read again changes nothing: what a crash leaves unrecorded here does
  /// no harm when the command is repeated.
  private func reload(_ keyed: KeyedCommand?) throws(AdministrationError) -> [UInt8] {
    let now = clock.now()
    try live.withBooks { books throws(AdministrationError) in try keyed?.check(books, at: now) }
    let answer = try reload()
    guard let keyed else { return answer }
    let context = AdministrationContext(actor: keyed.actor, now: clock.now())
    let last = try live.withBooks { books throws(AdministrationError) in
      _ = try keyed.record(answer, kept: nil, &books, context)
      return books.lastSequence
    }
    try wait(for: last)
    return answer
  }

  static let otherPaths = [
    "usage", "status", "events", "reload", "rebuild", "verify", "prices/list", "prices/show",
    "prices/diff", "prices/explain", "prices/import", "receipt", "audit", "compact",
    "backup", "as-of", "statement", "reprice", "reprice/apply", "reprice/revert", "reprice/list",
    "reconcile/scope", "reconcile/page", "reconcile/settle",
  ]

  /// The JSON object of a body.
  static func object(_ body: [UInt8]) throws(AdministrationError) -> JSONObject {
    if body.isEmpty { return JSONObject() }
    let value: JSONValue
    do {
      value = try JSONParser(maxDepth: 16).parse(body)
    } catch {
      throw .usage("the arguments are no JSON: \(error)")
    }
    guard let object = value.object else { throw .usage("the arguments must be a JSON object") }
    return object
  }

  private func perform(
    _ verb: AdministrationVerb, _ arguments: JSONObject, actor: String, _ keyed: KeyedCommand?
  ) throws(AdministrationError) -> [UInt8] {
    var attempts = 0
    while true {
      do throws(AdministrationError) {
        return try once(verb, arguments, actor: actor, keyed)
      } catch .busy where attempts < 100 {
        // The batch was full: what is in it gets durable, then there is room.
        attempts += 1
        try wait(for: live.withBooks { books in books.lastSequence })
      } catch {
        throw error
      }
    }
  }

  private func once(
    _ verb: AdministrationVerb, _ arguments: JSONObject, actor: String, _ keyed: KeyedCommand?
  ) throws(AdministrationError) -> [UInt8] {
    let now = clock.now()
    let (answer, last, isKept) = try live.withBooks { books throws(AdministrationError) in
      let context = AdministrationContext(
        actor: actor, now: now, defaultConcurrency: Self.defaultConcurrency(books))
      try keyed?.check(books, at: now)
      let answer = try verb.perform(&books, arguments, context)
      let isKept = try keyed?.record(
        answer, kept: verb.withoutSecret(answer), &books, context)
      return (answer, books.lastSequence, isKept)
    }
    if isKept == false { unkept.keep(answer, of: last, at: now) }
    try wait(for: last)
    if verb == .accountEnable || verb == .accountDisable { accountsChanged() }
    return answer
  }

  func wait(for sequence: SequenceNumber) throws(AdministrationError) {
    guard sequence > .none else { return }
    do {
      try live.waitUntilDurable(sequence)
    } catch {
      throw .failed("\(error)")
    }
  }

  /// As the configuration recorded last says.
  static func defaultConcurrency(_ books: borrowing Books) -> Int32 {
    let settings = try? Configuration(parsing: Array(books.settings.utf8), folder: "/")
    return (settings ?? Configuration()).gateway.defaultUserConcurrency
  }
}
