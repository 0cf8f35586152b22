// The fold of the whole state: which event goes to which projections, in which order.
import Base
public import Ledger

extension Books: Projection {
  /// Raised when the way events are handed to the projections changes.
  public static let version = 1

  /// Folds one event: the next one of the log.
  /// - Precondition: `sequence` is `nextSequence`.
  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    precondition(sequence == nextSequence, "events are folded in order, without a gap")
    switch RecordType(rawValue: record.type) {
    case .billingChecked:
      try openRequests.apply(record, sequence: sequence)
      try balances.apply(record, sequence: sequence)
      try quotas.apply(record, sequence: sequence)
      try subscriptions.apply(record, sequence: sequence)
    case .forwardSettled:
      try release(try openRequests.close(record.admission, sequence), sequence)
      try settle(record, sequence)
    case .lateSettled:
      try openRequests.settleLate(record.admission, sequence)
      try settle(record, sequence)
    case .forwardFailed, .requestIntercepted, .fallbackGroupUsed:
      try release(try openRequests.close(record.admission, sequence), sequence)
    case .outcomeUnknown:
      try release(try openRequests.loseTrack(record.admission, sequence), sequence)
    case .attemptFailed, .tokensCounted, .accountDeclared, .accountStateChanged:
      try accounts.apply(record, sequence: sequence)
    default:
      try applyRare(record, sequence)
    }
    lastTime = record.time
    nextSequence = sequence.next
  }

  private mutating func settle(
    _ record: RecordView, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    try balances.apply(record, sequence: sequence)
    try quotas.apply(record, sequence: sequence)
    try subscriptions.apply(record, sequence: sequence)
    try keyStatistics.apply(record, sequence: sequence)
    try dailyCells.apply(record, sequence: sequence)
    try accounts.apply(record, sequence: sequence)
  }

  /// Gives back what a request held.
  private mutating func release(
    _ request: OpenRequest, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    try quotas.release(request.key, request.hold, sequence)
    switch request.target {
    case .balance: try balances.release(request.user, request.hold, sequence)
    case .subscription:
      try subscriptions.release(request.subscription, request.hold, sequence)
    case .unrecognized: throw FoldFault(sequence, .unreadable("a payment target"))
    }
  }

  private mutating func applyRare(
    _ record: RecordView, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    switch RecordType(stored: record.type) {
    case .nameDefined, .userChanged, .keyChanged, .keyRevoked, .groupDeclared:
      try catalog.apply(record, sequence: sequence)
    case .userAdded, .creditAdded:
      try catalog.apply(record, sequence: sequence)
      try balances.apply(record, sequence: sequence)
    case .keyIssued:
      try catalog.apply(record, sequence: sequence)
      try quotas.apply(record, sequence: sequence)
      try keyStatistics.apply(record, sequence: sequence)
    case .subscriptionGranted, .subscriptionExtended, .subscriptionRevoked:
      try subscriptions.apply(record, sequence: sequence)
    case .priceSet, .priceBookPublished:
      try prices.apply(record, sequence: sequence)
    case .timeZoneSet: zoneName = TimeZoneSet(record).name
    case .settingsDeclared: settings = SettingsDeclared(record).settings
    case .commandAnswered: try commands.apply(record, sequence: sequence)
    case .chargeCorrected: try corrections.apply(record, sequence: sequence)
    case .repricingApplied:
      try closeJob(RepricingApplied(record).state, as: .applied, sequence)
    case .repricingReverted:
      try closeJob(RepricingReverted(record).state, as: .applied, sequence)
    case .repricingAbandoned:
      try closeJob(RepricingAbandoned(record).state, as: .abandoned, sequence)
    case nil where record.type & RecordType.skippableBit == 0:
      throw FoldFault(sequence, .unknownType(record.type))
    default: break
    }
  }

  /// A job's corrections take effect as one: each goes where the charge went.
  private mutating func closeJob(
    _ state: RepricingState, as progress: RepricingProgress, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    for row in try corrections.close(state, as: progress, sequence) {
      try quotas.correct(row.cell.key, by: row.chargedDelta, sequence)
      switch row.cell.target {
      case .balance: try balances.correct(row.cell.user, by: row.chargedDelta, sequence)
      case .subscription:
        try subscriptions.count(
          row.chargedDelta, row.subscription, on: row.cell.day, sequence)
      case .unrecognized: throw FoldFault(sequence, .unreadable("a payment target"))
      }
      try keyStatistics.correct(
        row.cell.key, on: row.cell.day, list: row.listDelta, charged: row.chargedDelta, sequence)
      try dailyCells.correct(
        row.cell, list: row.listDelta, charged: row.chargedDelta, sequence)
    }
  }
}

extension Projection {
  /// Folds a batch.
  public mutating func apply(batch: consuming RecordBatch) throws(FoldFault) {
    while let record = batch.next() { try apply(record, sequence: batch.sequence) }
  }
}
