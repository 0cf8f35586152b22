// Makes a statement: the balance as it stood before the month, then every event of the month.
public import Base
public import Ledger

/// Collects a user's lines from a part of the log.
struct StatementScan: LogScanPart {
  let user: UserID
  let zone: LocalZone
  let moments: Range<Timestamp>
  private(set) var lines: [StatementLine] = []
  private(set) var subscriptions: [GroupID: StatementSum] = [:]
  /// Corrections of the user by job; they count when and where the job is closed.
  private(set) var stated: [(sequence: SequenceNumber, event: ChargeCorrected)] = []
  /// Jobs closed with effect in the month.
  private(set) var closed: [UInt32: (sequence: SequenceNumber, time: Timestamp)] = [:]

  init(_ user: UserID, _ zone: LocalZone, _ moments: Range<Timestamp>) {
    self.user = user
    self.zone = zone
    self.moments = moments
  }

  mutating func take(_ record: RecordView, sequence: SequenceNumber) throws(FoldFault) {
    switch record.type {
    case RecordType.forwardSettled.rawValue, RecordType.lateSettled.rawValue:
      if record.user == user { settle(record, sequence) }
    case RecordType.creditAdded.rawValue:
      if record.user == user { credit(CreditAdded(record), record.time, sequence) }
    case RecordType.chargeCorrected.rawValue:
      if record.user == user { stated.append((sequence, ChargeCorrected(record))) }
    case RecordType.repricingApplied.rawValue:
      closed[RepricingApplied(record).state.job] = (sequence, record.time)
    case RecordType.repricingReverted.rawValue:
      closed[RepricingReverted(record).state.job] = (sequence, record.time)
    default: break
    }
  }

  private mutating func settle(_ record: RecordView, _ sequence: SequenceNumber) {
    let settled = ForwardSettledView(record)
    guard settled.target == .balance else {
      var sum = subscriptions[settled.group] ?? StatementSum()
      sum.requests &+= 1
      sum.tokens &+= settled.usage.total
      sum.charged.value &+= settled.charged.value
      subscriptions[settled.group] = sum
      return
    }
    lines.append(
      StatementLine(
        kind: .charge, sequence: sequence, time: record.time,
        amount: NanoUSD(-settled.charged.value), key: record.key, group: settled.group,
        model: settled.pricedModel, serviceDay: record.serviceDay, usage: settled.usage,
        requestID: settled.requestID, text: ""))
  }

  private mutating func credit(
    _ event: CreditAdded, _ time: Timestamp, _ sequence: SequenceNumber
  ) {
    lines.append(
      StatementLine(
        kind: .credit, sequence: sequence, time: time, amount: event.amount, key: .none,
        group: .none, model: .none, serviceDay: event.party.serviceDay, usage: TokenUsage(),
        requestID: .none, text: event.authorship.reason))
  }
}

extension Statement {
  /// A user's month as the log has it now.
  /// - Parameters:
  ///   - snapshots: of the ledger.
  ///   - last: durable; nothing behind it is looked at.
  public static func make(
    of user: UserID, _ period: StatementPeriod, zone: LocalZone, _ files: LedgerFiles,
    _ snapshots: Snapshots, through last: SequenceNumber,
    progress: (@Sendable (UInt64, UInt64) -> Void)? = nil
  ) throws(LiveLedgerError) -> Statement {
    var statement = Statement(user, period)
    let first = try place(period.moments.lowerBound, files)
    let end = min(last, SequenceNumber(try place(period.moments.upperBound, files).value - 1))
    statement.last = end
    let before =
      first > .first ? try snapshots.books(at: SequenceNumber(first.value - 1)) : Books()
    statement.opening = before.balances.balance(of: user).balance
    let empty = StatementScan(user, zone, period.moments)
    let parts = try LogScan.run(files, from: first, through: end, part: empty, progress: progress)
    statement.take(parts, pending: before.corrections, zone)
    return statement
  }

  /// The first event at or after a time.
  private static func place(
    _ time: Timestamp, _ files: LedgerFiles
  ) throws(LiveLedgerError) -> SequenceNumber {
    try asLive { () throws(LedgerError) in
      try RequestSearch.first(notBefore: time.microseconds, in: files) ?? files.durable.next
    }
  }

  private mutating func take(
    _ parts: [StatementScan], pending: Corrections, _ zone: LocalZone
  ) {
    var stated: [(sequence: SequenceNumber, event: ChargeCorrected)] = []
    var closed: [UInt32: (sequence: SequenceNumber, time: Timestamp)] = [:]
    for part in parts {
      lines += part.lines
      stated += part.stated
      closed.merge(part.closed) { first, _ in first }
      for (group, sum) in part.subscriptions { subscriptions[group, default: .init()].merge(sum) }
    }
    // A job may have begun before the month: what it stated then is in the books.
    for row in pending.pendingRows(of: user) {
      guard let end = closed[row.event.job] else { continue }
      stated.append((end.sequence, row.event))
    }
    for (sequence, event) in stated {
      guard let end = closed[event.job] else { continue }
      correct(event, sequence, end.time)
    }
    lines.sort { ($0.time, $0.sequence) < ($1.time, $1.sequence) }
    var caching = LocalDayCache(zone)
    for line in lines { count(line, on: caching.day(of: line.time)) }
  }

  private mutating func correct(
    _ event: ChargeCorrected, _ sequence: SequenceNumber, _ time: Timestamp
  ) {
    guard event.target == .balance else {
      subscriptions[event.group, default: .init()].charged.value &+= event.chargedDelta.value
      return
    }
    lines.append(
      StatementLine(
        kind: .correction, sequence: sequence, time: time,
        amount: NanoUSD(-event.chargedDelta.value), key: event.party.key, group: event.group,
        model: event.model, serviceDay: event.party.serviceDay, usage: TokenUsage(),
        requestID: .none, text: "re-pricing job \(event.job)"))
  }

  private mutating func count(_ line: StatementLine, on day: DayNumber) {
    switch line.kind {
    case .credit: credits.value &+= line.amount.value
    case .charge: charges.value &-= line.amount.value
    case .correction: corrections.value &-= line.amount.value
    }
    guard line.kind != .credit else { return }
    var sum = StatementSum()
    sum.requests = line.kind == .charge ? 1 : 0
    sum.tokens = line.usage.total
    sum.charged = NanoUSD(-line.amount.value)
    days[day, default: StatementSum()].merge(sum)
    models[line.model, default: StatementSum()].merge(sum)
  }
}

extension StatementSum {
  mutating func merge(_ other: StatementSum) {
    requests &+= other.requests
    tokens &+= other.tokens
    charged.value &+= other.charged.value
  }
}

extension Corrections {
  /// A user's corrections of jobs that are not closed.
  func pendingRows(of user: UserID) -> [(index: Int, event: ChargeCorrected)] {
    pending.occupied.compactMap { index, row in
      guard row.cell.user == user else { return nil }
      var event = ChargeCorrected()
      event.party = Party(
        user: row.cell.user, key: row.cell.key, admission: .none, serviceDay: row.cell.day)
      event.group = row.cell.group
      event.model = row.cell.model
      event.target = row.cell.target
      event.subscription = row.subscription
      event.job = row.job
      event.listDelta = row.listDelta
      event.chargedDelta = row.chargedDelta
      return (index, event)
    }
  }
}
