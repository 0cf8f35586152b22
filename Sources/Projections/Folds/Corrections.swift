// Re-pricing jobs and their corrections. A charge_corrected changes nothing by itself: the closing
// event of its job makes all of them take effect as one, or drops them.
import Base
public import Ledger

/// How far a job has come.
public enum RepricingProgress: UInt8, RecordCode {
  /// Its corrections are being written; nothing has taken effect.
  case pending = 1
  case applied = 2
  case abandoned = 3
  /// Applied, and taken back by a later job.
  case reverted = 4
  case unrecognized = 255
}

/// A re-pricing job.
public struct RepricingJob: StoredRow {
  public internal(set) var job: UInt32 = 0
  public internal(set) var progress = RepricingProgress.pending
  public internal(set) var book = PriceBookID.none
  public internal(set) var base = SequenceNumber.none
  public internal(set) var count: Int64 = 0
  public internal(set) var listDelta = NanoUSD.zero
  public internal(set) var chargedDelta = NanoUSD.zero
  /// The job whose corrections this one takes back; 0 = none.
  public internal(set) var reverts: UInt32 = 0
  public init() {}
  public static var table: String { "repricing_jobs" }
  public static var keyColumn: String { "job" }
  public var isVacant: Bool { job == 0 }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &job)
    try coder.code("progress", &progress)
    try coder.field("price_book", &book)
    try coder.field("base_sequence", &base)
    try coder.column("corrections", &count)
    try coder.money("list_delta_nano_usd", &listDelta)
    try coder.money("charged_delta_nano_usd", &chargedDelta)
    try coder.field("reverts", &reverts)
  }
}

/// A correction that has not taken effect.
struct PendingCorrection: StoredRow {
  var job: UInt32 = 0
  var cell = CellKey()
  var subscription = SubscriptionID.none
  var listDelta = NanoUSD.zero
  var chargedDelta = NanoUSD.zero
  static var table: String { "pending_corrections" }
  static var keyColumn: String { "slot" }
  var isVacant: Bool { job == 0 }
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("job", &job)
    try coder.field("day", &cell.day)
    try coder.field("user", &cell.user)
    try coder.field("key", &cell.key)
    try coder.field("group_id", &cell.group)
    try coder.field("model", &cell.model)
    try coder.code("target", &cell.target)
    try coder.field("subscription", &subscription)
    try coder.money("list_delta_nano_usd", &listDelta)
    try coder.money("charged_delta_nano_usd", &chargedDelta)
  }
}

public struct Corrections: Sendable {
  var jobs = Table<RepricingJob>()
  var pending = Table<PendingCorrection>()
  private var free: [Int32] = []
  /// Slots of each pending job's corrections, in the order of the log.
  private var slots: [UInt32: [Int32]] = [:]
  init() {}

  public func job(_ number: UInt32) -> RepricingJob? {
    jobs.holds(Int(number)) ? jobs[Int(number)] : nil
  }
  public var allJobs: [RepricingJob] { jobs.occupied.map(\.row) }
  /// Jobs whose corrections have neither taken effect nor been dropped.
  public var pendingJobs: [RepricingJob] { allJobs.filter { $0.progress == .pending } }
  public var nextJob: UInt32 { UInt32(jobs.count) }

  private mutating func add(
    _ event: ChargeCorrected, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    if event.job == nextJob, event.job != 0 {
      var job = RepricingJob()
      job.job = event.job
      jobs.append(job)
    }
    guard let job = job(event.job), job.progress == .pending else {
      throw FoldFault(sequence, .unknown("re-pricing job \(event.job)"))
    }
    var row = PendingCorrection(job: event.job, subscription: event.subscription)
    row.cell.day = event.party.serviceDay
    row.cell.user = event.party.user
    row.cell.key = event.party.key
    row.cell.group = event.group
    row.cell.model = event.model
    row.cell.target = event.target
    row.listDelta = event.listDelta
    row.chargedDelta = event.chargedDelta
    var (list, charged) = (job.listDelta, job.chargedDelta)
    try list.add(event.listDelta, "a job's list corrections", sequence)
    try charged.add(event.chargedDelta, "a job's corrections", sequence)
    jobs.update(Int(event.job)) {
      $0.count += 1
      $0.listDelta = list
      $0.chargedDelta = charged
    }
    let slot: Int
    if let last = free.popLast() {
      slot = Int(last)
      pending.set(slot, row)
    } else {
      slot = pending.append(row)
    }
    slots[event.job, default: []].append(Int32(truncatingIfNeeded: slot))
  }

  /// Ends a job.
  /// - Returns: its corrections, in the order of the log.
  mutating func close(
    _ state: RepricingState, as progress: RepricingProgress, _ sequence: SequenceNumber
  ) throws(FoldFault) -> [PendingCorrection] {
    if state.job == nextJob, state.job != 0, state.count == 0 {
      var job = RepricingJob()
      job.job = state.job
      jobs.append(job)
    }
    guard let job = job(state.job), job.progress == .pending else {
      throw FoldFault(sequence, .unknown("re-pricing job \(state.job)"))
    }
    if progress != .abandoned {
      guard UInt64(job.count) == state.count, job.listDelta == state.listDelta,
        job.chargedDelta == state.chargedDelta
      else { throw FoldFault(sequence, .unknown("the sums of re-pricing job \(state.job)")) }
    }
    if state.reverts != 0, progress != .abandoned {
      guard self.job(state.reverts)?.progress == .applied else {
        throw FoldFault(sequence, .unknown("the reverted job \(state.reverts)"))
      }
      jobs.update(Int(state.reverts)) { $0.progress = .reverted }
    }
    jobs.update(Int(state.job)) {
      $0.progress = progress
      $0.book = state.book
      $0.base = state.base
      $0.reverts = state.reverts
    }
    let closed = slots.removeValue(forKey: state.job) ?? []
    let rows = closed.map { pending[Int($0)] }
    for slot in closed { pending.set(Int(slot), PendingCorrection()) }
    free += closed.reversed()
    return progress == .abandoned ? [] : rows
  }

  mutating func reindex() {
    for slot in (1..<pending.count).reversed() {
      let job = pending[slot].job
      if job == 0 { free.append(Int32(truncatingIfNeeded: slot)) }
    }
    for (slot, row) in pending.occupied {
      slots[row.job, default: []].append(Int32(truncatingIfNeeded: slot))
    }
  }
}

extension Corrections: Projection {
  public static let version = 1

  /// Collects; closing a job goes through `close`, which gives back what takes effect.
  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    if record.type == RecordType.chargeCorrected.rawValue {
      try add(ChargeCorrected(record), sequence)
    }
  }
}
