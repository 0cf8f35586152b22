// The sums behind a re-pricing, added up from the log: every settlement up to the base is rated
// with the other book, and what earlier jobs corrected is taken into account.
//
// Which price a settlement has in the other book: that of the model whose price was used. Where
// that was a guess (by family, or the default model), the model asked for or sent upstream is
// looked up first: a price that was missing then may be there now.
import Base
import Ledger

struct RepricingScan: LogScanPart {
  let filter: RepricingFilter
  let book: PriceBook
  /// Jobs whose corrections took effect.
  let jobs: Set<UInt32>
  let names: EventNames
  private(set) var cells: [RepricedCell] = []
  /// Settlements that the book's prices put out of the ledger's range: they keep their charge.
  private(set) var outOfRange: Int64 = 0
  private var places: [CellKey: Int] = [:]
  /// The cell each key used last: the next settlement's is mostly the same one.
  private var lastOfKey: [Int32] = []
  private var cards: [ModelID: RateCard?] = [:]
  private var lastCard: (model: ModelID, card: RateCard?)?

  init(_ filter: RepricingFilter, _ book: PriceBook, jobs: Set<UInt32>, names: EventNames) {
    self.filter = filter
    self.book = book
    self.jobs = jobs
    self.names = names
  }

  mutating func take(_ record: RecordView, sequence: SequenceNumber) throws(FoldFault) {
    switch record.type {
    case RecordType.forwardSettled.rawValue, RecordType.lateSettled.rawValue: settle(record)
    case RecordType.chargeCorrected.rawValue: correct(ChargeCorrected(record))
    default: break
    }
  }

  // MARK: - Corrections

  private mutating func correct(_ event: ChargeCorrected) {
    guard jobs.contains(event.job) else { return }
    let key = CellKey(of: event)
    guard filter.takes(key) else { return }
    let place = find(key)
    cells[place].subscription = event.subscription
    cells[place].correctedList.value &+= event.listDelta.value
    cells[place].correctedCharged.value &+= event.chargedDelta.value
  }

  // MARK: - Settlements

  private mutating func settle(_ record: RecordView) {
    let settled = ForwardSettledView(record)
    let key = CellKey(ofSettlement: record)
    guard filter.takes(key) else { return }
    let place = find(key)
    let (list, charged) = (settled.list, settled.charged)
    cells[place].requests &+= 1
    cells[place].subscription = settled.subscription
    cells[place].bookedList.value &+= list.value
    cells[place].bookedCharged.value &+= charged.value
    let rated = rate(record)
    if let rated {
      cells[place].matched &+= 1
      cells[place].newList += Int128(rated.list.value)
      cells[place].newCharged += Int128(rated.charged.value)
    } else {
      cells[place].newList += Int128(list.value)
      cells[place].newCharged += Int128(charged.value)
      cells[place].unmatchedCharged.value &+= charged.value
    }
  }

  /// nil = it keeps its charge.
  private mutating func rate(_ record: RecordView) -> (list: NanoUSD, charged: NanoUSD)? {
    let settled = ForwardSettledView(record)
    guard let card = card(of: record) else { return nil }
    do throws(RatingError) {
      var list = try card.list(settled.usage)
      for line in Self.lines(of: record) {
        list.value += try self.list(of: line).value
      }
      guard list <= NanoUSD.chargeLimit else { throw .outOfRange }
      return (list, try Rating.charge(list: list, multiplier: settled.multiplier))
    } catch {
      outOfRange &+= 1
      return nil
    }
  }

  /// Usage that was billed at another model's price; nearly always none.
  private static func lines(of record: RecordView) -> [SettledLine] {
    let text = ForwardSettledView(record).lines
    return text.isEmpty ? [] : SettledLines.parse(text) ?? []
  }

  private func list(of line: SettledLine) throws(RatingError) -> NanoUSD {
    guard let match = book.match(line.model) else { return line.list }
    return try Rating.rate(line.usage, at: match.model).list
  }

  private mutating func card(of record: RecordView) -> RateCard? {
    let settled = ForwardSettledView(record)
    if settled.isPriceGuessed, let card = cardOfModelAsked(record) { return card }
    let model = settled.pricedModel
    if let lastCard, lastCard.model == model { return lastCard.card }
    let card = card(model)
    lastCard = (model, card)
    return card
  }

  private mutating func card(_ model: ModelID) -> RateCard? {
    if let known = cards[model] { return known }
    let card = names.model(model).flatMap { book.match($0) }.map { RateCard($0.model) }
    cards[model] = .some(card)
    return card
  }

  private mutating func cardOfModelAsked(_ record: RecordView) -> RateCard? {
    let settled = ForwardSettledView(record)
    for id in [settled.model, settled.upstreamModel] where !id.isNone {
      if let card = card(id) { return card }
    }
    guard settled.model.isNone else { return nil }
    return book.match(settled.modelText).map { RateCard($0.model) }
  }

  // MARK: - Cells

  private mutating func find(_ key: CellKey) -> Int {
    let keyIndex = Int(key.key.value)
    if keyIndex < lastOfKey.count {
      let place = Int(lastOfKey[keyIndex])
      if place >= 0, cells[place].key == key { return place }
    }
    let place: Int
    if let known = places[key] {
      place = known
    } else {
      var cell = RepricedCell()
      cell.key = key
      place = cells.count
      cells.append(cell)
      places[key] = place
    }
    while lastOfKey.count <= keyIndex { lastOfKey.append(-1) }
    lastOfKey[keyIndex] = Int32(truncatingIfNeeded: place)
    return place
  }

  mutating func merge(_ other: RepricingScan) {
    for cell in other.cells { cells[find(cell.key)].merge(cell) }
    outOfRange &+= other.outOfRange
  }
}

extension ForwardSettledView {
  /// Whether the price was found by a name that stands for many models.
  var isPriceGuessed: Bool {
    let rule = record.u8(74)
    return rule == PriceRule.family.rawValue || rule == PriceRule.defaultModel.rawValue
  }
  var multiplier: PartsPerMillion { PartsPerMillion(record.u32(64)) }
  var usage: TokenUsage {
    var usage = TokenUsage()
    usage.input = input
    usage.output = output
    usage.cacheRead = cacheRead
    usage.cacheWrite5m = cacheWrite5m
    usage.cacheWrite1h = cacheWrite1h
    usage.webSearches = Int64(record.u32(108))
    usage.serviceTier = ServiceTier(rawValue: record.u8(76)) ?? .unrecognized
    usage.speed = Speed(rawValue: record.u8(77)) ?? .unrecognized
    usage.geography = Geography(rawValue: record.u8(78)) ?? .unrecognized
    return usage
  }
}

extension CellKey {
  /// The cell of a settlement.
  init(ofSettlement record: RecordView) {
    let settled = ForwardSettledView(record)
    self.init()
    day = record.serviceDay
    user = record.user
    key = record.key
    group = settled.group
    model = settled.pricedModel
    target = settled.target
  }
  /// The cell that a correction changes.
  init(of event: ChargeCorrected) {
    self.init()
    day = event.party.serviceDay
    user = event.party.user
    key = event.party.key
    group = event.group
    model = event.model
    target = event.target
  }
}
