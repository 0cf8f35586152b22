// Requests whose outcome is unknown, settled by what somebody else's books say they used: rated as
// a live settlement is, with the price book and the multiplier of the admission.
import Base
import Ledger
import Projections

/// A row of a bill that may settle a request.
struct LateSettlementRow {
  /// Of the bill, for the answer.
  var line: Int64 = 0
  var requestID = ULID.none
  var messageID = ""
  var upstreamRequestID = ""
  /// As the bill names it.
  var model = ""
  var status: UInt16 = 0
  /// The usage object's JSON.
  var usage: [UInt8] = []
}

/// The arguments of `reconcile/settle`.
struct LateSettlementRequest {
  /// Rows at a time, at most.
  static let rowLimit = 500
  var isApplied = false
  var reason = ""
  /// The account that served them, by name or id; nil = the only one of the request's group.
  var account: String?
  var rows: [LateSettlementRow] = []

  init(_ arguments: JSONObject) throws(AdministrationError) {
    var plain = arguments
    plain.members.removeAll { $0.name == "rows" || $0.name == "apply" }
    let given = try AdministrationArguments(plain, known: ["reason", "account"])
    isApplied = arguments["apply"]?.bool ?? false
    reason = try given.reason()
    account = try given.text("account")
    if isApplied, reason.isEmpty {
      throw .usage("reason is missing: say why requests are settled late")
    }
    guard let rows = arguments["rows"]?.array, rows.count <= Self.rowLimit else {
      throw .usage("rows must be an array of at most \(Self.rowLimit) rows")
    }
    for row in rows { self.rows.append(try Self.row(row)) }
  }

  private static func row(_ value: JSONValue) throws(AdministrationError) -> LateSettlementRow {
    var row = LateSettlementRow()
    guard let text = value["request_id"]?.string, let id = ULID(text) else {
      throw .usage("a row needs request_id, a request's id")
    }
    row.requestID = id
    row.line = value["line"]?.integer ?? 0
    row.messageID = (value["message_id"]?.string ?? "").clipped(toBytes: 256)
    row.upstreamRequestID = (value["upstream_request_id"]?.string ?? "").clipped(toBytes: 256)
    row.model = (value["model"]?.string ?? "").clipped(toBytes: 256)
    row.status = UInt16(clamping: value["status"]?.integer ?? 0)
    if let usage = value["usage"], usage.object != nil { row.usage = Array(usage.text.utf8) }
    return row
  }
}

/// Prices late settlements, as of one moment.
struct LateSettlements: Sendable {
  /// A settlement, but for the number of the model whose price was used.
  struct Ready {
    var settlement: Settlement
    var pricedModel: String
  }
  enum Outcome {
    case ready(Ready)
    case settled(SequenceNumber, charged: NanoUSD)
    /// The request is not one whose outcome is unknown, or no longer.
    case notUnknown
    case refused(String)
  }

  private let catalog: Catalog
  private let accounts: Accounts
  private let shelf: PriceShelf
  private let defaultModel: String?
  private let files: LedgerFiles
  private var unknown: [ULID: OpenRequest] = [:]
  private var made: [PriceBookID: PriceBook] = [:]

  init(_ books: borrowing Books, _ files: LedgerFiles) {
    catalog = books.catalog
    accounts = books.accounts
    shelf = books.prices
    self.files = files
    let settings = try? Configuration(parsing: Array(books.settings.utf8), folder: "/")
    defaultModel = (settings ?? Configuration()).gateway.defaultPriceModel
    for request in books.openRequests.allUnknown { unknown[request.requestID] = request }
  }

  /// What a row makes of its request.
  mutating func prepare(
    _ row: LateSettlementRow, _ account: String?
  ) throws(AdministrationError) -> Outcome {
    guard let request = unknown[row.requestID] else { return .notUnknown }
    guard let reading = Self.reading(row) else {
      return .refused("the row does not state how many tokens went in and out")
    }
    let event: Event?
    do throws(LedgerError) {
      event = try LedgerReader.event(at: request.sequence, in: files)
    } catch { throw AdministrationError(error) }
    guard let check = event?.payload as? BillingChecked else {
      throw .damaged("event \(request.sequence) is not the admission of request \(row.requestID)")
    }
    let served: AccountID
    switch try self.account(account, of: check) {
    case .success(let id): served = id
    case .failure(let why): return .refused(why.text)
    }
    guard let book = try book(check.priceBook) else {
      return .refused("the price book of its admission cannot be read by this version")
    }
    var settlement = Self.settlement(of: request, check, row)
    settlement.account = served
    settlement.upstreamModel = catalog.modelID(row.model) ?? .none
    let asked = check.model.isNone ? check.modelText : catalog.modelText(check.model) ?? ""
    let sent = row.model.isEmpty ? asked : row.model
    let quote = Quote(
      asked: asked, mapped: [sent], book: check.priceBook, prices: book, fallback: defaultModel)
    guard let quote, let price = quote.price(sent: sent) else {
      return .refused("no model named \(asked) has a price in the book of its admission")
    }
    Self.rate(&settlement, reading, quote, price)
    // Checked again by the books when the event is appended.
    return .ready(Ready(settlement: settlement, pricedModel: price.model.name))
  }

  /// What the row says was used; nil when it does not say enough.
  private static func reading(_ row: LateSettlementRow) -> UsageMeter.Reading? {
    guard !row.usage.isEmpty, let scanner = try? JSONScanner(row.usage.span),
      let usage = ReportedUsage(anthropic: scanner.root, scanner)
    else { return nil }
    var meter = UsageMeter()
    meter.wholeAnswer(
      id: row.messageID, model: row.model, stopReason: nil, usage: usage, contentBytes: 0)
    let reading = meter.reading(ending: nil, estimatedInput: 0)
    return reading.isEstimated ? nil : reading
  }

  private struct Unclear: Error { let text: String }

  private func account(
    _ name: String?, of check: BillingChecked
  ) throws(AdministrationError) -> Result<AccountID, Unclear> {
    if let name { return .success(try accounts.account(called: name).declared.account) }
    let group = catalog.group(check.group)?.name ?? ""
    let candidates = accounts.all.filter { entry in
      let groups = (try? JSONParser().parse(Array(entry.declared.groups.utf8)))?.array ?? []
      return groups.contains(.string(group))
    }
    guard candidates.count == 1 else {
      return .failure(
        Unclear(
          text: "\(candidates.count) accounts serve group \(group): name the one with --account"))
    }
    return .success(candidates[0].declared.account)
  }

  private mutating func book(_ id: PriceBookID) throws(AdministrationError) -> PriceBook? {
    if let known = made[id] { return known }
    let book = try? shelf.book(id)
    made[id] = book
    return book
  }

  private static func settlement(
    of request: OpenRequest, _ check: BillingChecked, _ row: LateSettlementRow
  ) -> Settlement {
    var settlement = Settlement()
    settlement.party = request.party
    settlement.group = check.group
    settlement.model = check.model
    settlement.modelText = check.modelText
    settlement.priceBook = check.priceBook
    settlement.subscription = check.subscription
    settlement.multiplier = check.multiplier
    settlement.target = check.target
    settlement.isStream = check.isStream
    settlement.hold = request.hold
    settlement.serviceTime = request.serviceTime
    settlement.requestID = request.requestID
    settlement.status = row.status
    settlement.firstToken = .absent
    settlement.upstreamMessageID = row.messageID
    settlement.upstreamRequestID = row.upstreamRequestID
    return settlement
  }

  /// The same as a live settlement (Settling).
  private static func rate(
    _ settlement: inout Settlement, _ reading: UsageMeter.Reading, _ quote: Quote,
    _ price: PriceMatch
  ) {
    settlement.usage = reading.usage
    settlement.extraUsage = UsageText.unknown(reading.unknown)
    settlement.rate(reading, quote, at: price, multiplier: settlement.multiplier)
  }
}

/// What came of a row.
struct LateSettlementResult {
  let row: LateSettlementRow
  var outcome: LateSettlements.Outcome

  init(_ row: LateSettlementRow, _ outcome: LateSettlements.Outcome) {
    self.row = row
    self.outcome = outcome
  }

  static func json(_ results: [LateSettlementResult]) -> [UInt8] {
    JSONWriter.text { json in
      json.array { json in
        for result in results {
          json.object { json in
            json.member("line", result.row.line)
            json.member("request_id", result.row.requestID.description)
            switch result.outcome {
            case .ready(let ready):
              json.member("outcome", "can_be_settled")
              json.member("charged_usd", money: ready.settlement.charged)
            case .settled(let sequence, let charged):
              json.member("outcome", "settled")
              json.member("sequence", sequence.value)
              json.member("charged_usd", money: charged)
            case .notUnknown: json.member("outcome", "not_unknown")
            case .refused(let why):
              json.member("outcome", "refused")
              json.member("why", why)
            }
          }
        }
      }
    }
  }
}
