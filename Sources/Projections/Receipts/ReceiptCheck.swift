// What a receipt proves, from its bytes and a key alone: no ledger, no server, no clock. Every name
// that is shown comes from a record that is proven itself; a number without one stays a number.
public import Base
public import Ledger

/// A receipt whose signature and proofs are right.
public struct ReceiptCheck: Sendable {
  /// The signed head that covers everything in it.
  public let head: TreeHead
  public let receipt: Receipt
  /// How the charge of a settlement came about; nil for other events, and without its prices.
  public let explanation: ChargeExplanation?
  private let names: ReceiptNames

  /// - Throws: `.tree` with what is wrong.
  public init(_ receipt: Receipt, by verifier: NoteVerifier) throws(LedgerError) {
    head = try TreeHead(note: receipt.checkpoint, by: verifier)
    self.receipt = receipt
    for record in [receipt.main] + receipt.others {
      guard
        MerkleProof.isIncluded(
          .leaf(record.bytes.span), at: record.sequence.value - 1, in: head.size,
          root: head.root, path: record.path)
      else {
        throw .tree("event \(record.sequence) is not what was signed: its path does not lead there")
      }
    }
    var names = ReceiptNames()
    var events: [SequenceNumber: Event] = [:]
    for record in receipt.others {
      guard let event = Event(RecordView(record.bytes.span)) else { continue }
      events[record.sequence] = event
      names.note(event)
    }
    self.names = names
    guard let event = Event(RecordView(receipt.main.bytes.span)) else {
      throw .tree("the event is of a type that this version does not know")
    }
    explanation = try Self.explain(event, names, events)
  }

  private static func explain(
    _ event: Event, _ names: ReceiptNames, _ events: [SequenceNumber: Event]
  ) throws(LedgerError) -> ChargeExplanation? {
    guard let settlement = ReceiptMaker.settlement(of: event) else { return nil }
    if let check = events[settlement.party.admission]?.payload as? BillingChecked,
      check.requestID != settlement.requestID || check.party.key != settlement.party.key
    {
      throw .tree("the admission in the receipt is another request's")
    }
    var models: [PriceModel] = []
    for case let price as PriceSet in events.values.map(\.payload)
    where price.book == settlement.priceBook {
      guard let model = try? price.priceModel() else {
        throw .tree("the prices in the receipt cannot be read by this version")
      }
      models.append(model)
    }
    if models.isEmpty { return nil }
    return ChargeExplanation(
      settlement, pricedModel: names.model(settlement.pricedModel),
      book: PriceBook(models: models))
  }

  /// The event as `daybook cat` prints it, with the names that are proven.
  public func writeEvent(to json: inout JSONWriter) {
    EventText.write(
      RecordView(receipt.main.bytes.span), sequence: receipt.main.sequence, names: names,
      to: &json)
  }

  /// One JSON object: the log, the event, the explaining events, the charge computed again.
  public var json: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.member("valid", true)
      json.member("log", head.origin)
      json.member("events_signed", head.size)
      json.name("event")
      writeEvent(to: &json)
      json.member(
        "proven_with",
        array: { json in for record in receipt.others { json.integer(record.sequence.value) } })
      guard let explanation else { return json.member(null: "charge") }
      json.name("charge")
      json.object { json in
        json.member("recomputed_usd", DecimalText.text(Int128(explanation.charged.value), scale: 9))
        json.member(
          "recomputed_list_usd", DecimalText.text(Int128(explanation.list.value), scale: 9))
        json.member("agrees", explanation.agrees)
        if let caveat = explanation.caveat {
          json.member("caveat", caveat)
        } else {
          json.member(null: "caveat")
        }
      }
    }
    return json.bytes
  }
}

/// Names from proven records.
private struct ReceiptNames: EventNaming, Sendable {
  private var users: [UserID: String] = [:]
  private var keys: [KeyID: String] = [:]
  private var groups: [GroupID: String] = [:]
  private var accounts: [AccountID: String] = [:]
  private var models: [ModelID: String] = [:]
  private var agents: [UserAgentID: String] = [:]
  private var books: [PriceBookID: String] = [:]

  mutating func note(_ event: Event) {
    switch event.payload {
    case let event as UserAdded: users[event.state.user] = event.state.name
    case let event as UserChanged: users[event.state.user] = event.state.name
    case let event as KeyIssued: keys[event.state.key] = event.state.name
    case let event as KeyChanged: keys[event.state.key] = event.state.name
    case let event as GroupDeclared: groups[event.group] = event.name
    case let event as AccountDeclared: accounts[event.account] = event.name
    case let event as PriceBookPublished: books[event.book] = event.version
    case let event as NameDefined:
      if event.kind == .model { models[ModelID(event.id)] = event.text }
      if event.kind == .userAgent { agents[UserAgentID(event.id)] = event.text }
    default: break
    }
  }

  func user(_ id: UserID) -> String? { users[id] }
  func key(_ id: KeyID) -> String? {
    if id.isNone { return nil }
    let name = keys[id] ?? ""
    return name.isEmpty ? EventNames.publicID("key", id.value) : name
  }
  func group(_ id: GroupID) -> String? { groups[id] }
  func account(_ id: AccountID) -> String? { accounts[id] }
  func model(_ id: ModelID) -> String? { models[id] }
  func userAgent(_ id: UserAgentID) -> String? { agents[id] }
  func priceBook(_ id: PriceBookID) -> String? { books[id] }
}
