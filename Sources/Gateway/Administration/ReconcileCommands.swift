// The ledger's side of `daybook reconcile`. The program that asks reads the bill, holds the
// comparison and asks for what it needs in bounded pieces; the server keeps nothing between them.
//
//   reconcile/scope  {account, user, key}
//                                     zone, last event, names of models, requests not settled
//   reconcile/page   {from_us, before_us, account, user, key, sequence, last}
//                                     settlements of a range of service times (SettlementQuery);
//                                     header `x-next-sequence` names where the next page begins
//   reconcile/settle {apply, reason, account, rows}
//                                     what requests of unknown outcome cost by these rows, and with
//                                     `apply`: settles them (LateSettlements)
public import Base
public import Ledger
public import Projections

/// What the commands answer from, as of one moment.
public struct ReconcileDesk: Sendable {
  let files: LedgerFiles
  let last: SequenceNumber
  private let catalog: Catalog
  private let accounts: Accounts
  private let open: OpenRequests
  private let zoneName: String
  let settlements: LateSettlements

  /// Copies what it needs: cheap, for under the lock.
  public init(_ books: borrowing Books, _ files: LedgerFiles) {
    self.files = files
    last = books.lastSequence
    catalog = books.catalog
    accounts = books.accounts
    open = books.openRequests
    zoneName = books.zoneName
    settlements = LateSettlements(books, files)
  }

  /// Names of what may be asked for alone.
  private static let parts = ["account", "user", "key"]

  private func narrow(
    _ query: inout SettlementQuery, _ given: AdministrationArguments
  ) throws(AdministrationError) {
    if let name = try given.text("account") {
      query.account = try accounts.account(called: name).declared.account
    }
    if let name = try given.text("user") { query.user = try catalog.user(called: name).id }
    if let name = try given.text("key") { query.key = try catalog.key(called: name).id }
  }

  public func answer(
    _ path: String, _ arguments: JSONObject
  ) throws(AdministrationError) -> AdministrationAnswer {
    switch path {
    case "reconcile/scope": return AdministrationAnswer(body: try scope(arguments))
    case "reconcile/page": return try page(arguments)
    default:
      let wanted = try LateSettlementRequest(arguments)
      guard !wanted.isApplied else { throw .usage("apply needs the ledger itself") }
      return AdministrationAnswer(body: try preview(wanted))
    }
  }

  private func scope(_ arguments: JSONObject) throws(AdministrationError) -> [UInt8] {
    var query = SettlementQuery(times: Timestamp(seconds: 0)..<Timestamp(seconds: 0), last: last)
    try narrow(&query, AdministrationArguments(arguments, known: Self.parts))
    return JSONWriter.text { json in
      json.object { json in
        json.member("time_zone", zoneName)
        json.member("last_sequence", last.value)
        json.member(
          "models",
          object: { json in
            for id in 1..<max(1, catalog.nextModel.value) {
              json.member("\(id)", catalog.modelText(ModelID(id)) ?? "")
            }
          })
        json.member("open", texts: open.allOpen.map(\.requestID.description))
        json.member("outcome_unknown", texts: open.allUnknown.map(\.requestID.description))
      }
    }
  }

  private func page(_ arguments: JSONObject) throws(AdministrationError) -> AdministrationAnswer {
    let given = try AdministrationArguments(
      arguments, known: ["from_us", "before_us", "sequence", "last"] + Self.parts)
    let from = try given.integer("from_us", in: 0...Int64.max) ?? 0
    let before = try given.integer("before_us", in: 0...Int64.max) ?? .max
    let last = try given.integer("last", in: 0...Int64.max) ?? .max
    var query = SettlementQuery(
      times: Timestamp(
        microseconds: from)..<Timestamp(microseconds: max(from, before)),
      last: SequenceNumber(UInt64(last)))
    try narrow(&query, given)
    query.position = try given.integer("sequence", in: 1...Int64.max)
      .map { SequenceNumber(UInt64($0)) }
    do throws(LedgerError) {
      let page = try query.page(of: files)
      var answer = AdministrationAnswer(body: page.bytes)
      answer.nextSequence = page.next?.value
      return answer
    } catch {
      throw AdministrationError(error)
    }
  }

  func preview(_ wanted: LateSettlementRequest) throws(AdministrationError) -> [UInt8] {
    var settlements = settlements
    var results: [LateSettlementResult] = []
    for row in wanted.rows {
      results.append(LateSettlementResult(row, try settlements.prepare(row, wanted.account)))
    }
    return LateSettlementResult.json(results)
  }
}

extension AdministrationService {
  func reconcile(
    _ path: String, _ arguments: JSONObject, actor: String
  ) throws(AdministrationError) -> AdministrationAnswer {
    let desk = live.withBooks { books in ReconcileDesk(books, live.files) }
    try wait(for: desk.last)
    if path == "reconcile/settle" {
      let wanted = try LateSettlementRequest(arguments)
      if wanted.isApplied {
        return AdministrationAnswer(body: try settleLate(wanted, desk, actor: actor))
      }
    }
    return try desk.answer(path, arguments)
  }

  /// Settles what can be settled, row by row: each is a whole event, so an interrupted command is
  /// simply repeated. What was settled before stays as it is.
  private func settleLate(
    _ wanted: LateSettlementRequest, _ desk: ReconcileDesk, actor: String
  ) throws(AdministrationError) -> [UInt8] {
    var settlements = desk.settlements
    var results: [LateSettlementResult] = []
    for row in wanted.rows {
      var result = LateSettlementResult(row, try settlements.prepare(row, wanted.account))
      if case .ready(let ready) = result.outcome {
        result.outcome = try append(ready, Authorship(actor: actor, reason: wanted.reason))
      }
      results.append(result)
    }
    try wait(for: live.withBooks { books in books.lastSequence })
    return LateSettlementResult.json(results)
  }

  private func append(
    _ ready: LateSettlements.Ready, _ authorship: Authorship
  ) throws(AdministrationError) -> LateSettlements.Outcome {
    var attempts = 0
    while true {
      do throws(BooksError) {
        return try live.withBooks { books throws(BooksError) in
          let now = clock.now()
          var settlement = ready.settlement
          settlement.pricedModel = try books.internModel(ready.pricedModel, now: now)
          let sequence = try books.append(LateSettled(settlement, by: authorship), now: now)
          return .settled(sequence, charged: settlement.charged)
        }
      } catch .refused(.notOpen) {
        return .notUnknown
      } catch .full where attempts < 100 {
        attempts += 1
        try wait(for: live.withBooks { books in books.lastSequence })
      } catch {
        throw AdministrationError(error)
      }
    }
  }
}
