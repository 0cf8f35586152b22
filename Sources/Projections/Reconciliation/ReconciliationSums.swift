// Sums of one side of a comparison, and how one row of theirs compares with one of ours.
public import Base
public import Ledger

/// Counts and cost of some rows. What no row stated stays nil.
public struct ReconciliationSums: Equatable, Sendable {
  public var rows: Int64 = 0
  public var input: Int64?
  public var output: Int64?
  public var cacheRead: Int64?
  public var cacheWrite: Int64?
  public var cost: Int64?
  public init() {}

  /// Adds a row of theirs.
  mutating func add(_ row: InvoiceRow) throws(InvoiceError) {
    rows += 1
    try Self.add(row.counts.input, to: &input, row.line)
    try Self.add(row.counts.output, to: &output, row.line)
    try Self.add(row.counts.cacheRead, to: &cacheRead, row.line)
    try Self.add(row.counts.cacheWrite, to: &cacheWrite, row.line)
    try Self.add(row.cost?.value, to: &cost, row.line)
  }

  /// Adds a settlement of ours. Within the ledger's limits sums cannot overflow.
  mutating func add(_ booked: BookedRequest) throws(InvoiceError) {
    rows += 1
    try Self.add(Int64(booked.input), to: &input, 0)
    try Self.add(Int64(booked.output), to: &output, 0)
    try Self.add(Int64(booked.cacheRead), to: &cacheRead, 0)
    try Self.add(Int64(booked.cacheWrite), to: &cacheWrite, 0)
    try Self.add(booked.cost.value, to: &cost, 0)
  }

  mutating func add(_ other: ReconciliationSums) throws(InvoiceError) {
    rows += other.rows
    try Self.add(other.input, to: &input, 0)
    try Self.add(other.output, to: &output, 0)
    try Self.add(other.cacheRead, to: &cacheRead, 0)
    try Self.add(other.cacheWrite, to: &cacheWrite, 0)
    try Self.add(other.cost, to: &cost, 0)
  }

  /// The sum of both.
  public func adding(_ other: ReconciliationSums) throws(InvoiceError) -> ReconciliationSums {
    var sum = self
    try sum.add(other)
    return sum
  }

  private static func add(
    _ value: Int64?, to sum: inout Int64?, _ line: Int
  ) throws(InvoiceError) {
    guard let value else { return }
    let (total, overflow) = (sum ?? 0).addingReportingOverflow(value)
    guard !overflow else { throw InvoiceError(line, "the sums leave the range of 64 bits") }
    sum = total
  }

  /// What of `theirs` is not what it is here: only what they state is compared.
  /// - Parameter tolerance: of the cost.
  func differences(from theirs: ReconciliationSums, tolerance: NanoUSD) -> [ReconciledPart] {
    var parts: [ReconciledPart] = []
    func compare(_ part: ReconciledPart, _ ours: Int64?, _ theirs: Int64?) {
      guard let theirs, theirs != ours ?? 0 else { return }
      let (difference, overflow) = theirs.subtractingReportingOverflow(ours ?? 0)
      if part == .cost, !overflow, difference.magnitude <= tolerance.value.magnitude { return }
      parts.append(part)
    }
    compare(.input, input, theirs.input)
    compare(.output, output, theirs.output)
    compare(.cacheRead, cacheRead, theirs.cacheRead)
    compare(.cacheWrite, cacheWrite, theirs.cacheWrite)
    compare(.cost, cost, theirs.cost)
    return parts
  }
}

/// What may differ.
public enum ReconciledPart: String, CaseIterable, Sendable {
  case input = "input_tokens"
  case output = "output_tokens"
  case cacheRead = "cache_read_tokens"
  case cacheWrite = "cache_write_tokens"
  case cost = "cost_usd"
}

/// What a comparison finds.
public enum ReconciledClass: String, CaseIterable, Sendable {
  case matched
  case differing
  case oursOnly = "ours_only"
  case theirsOnly = "theirs_only"
}

/// One finding that is no match.
public struct ReconciledRow: Equatable, Sendable {
  public var kind = ReconciledClass.differing
  /// The row repeats an id: it was counted in no sum.
  public var isDuplicate = false
  /// Of the file; 0 = none.
  public var line = 0
  /// Of the ledger; `.none` for sums, and where there is none.
  public var sequence = SequenceNumber.none
  public var messageID = ""
  public var requestID = ""
  public var day: DayNumber?
  public var model = ""
  public var ours = ReconciliationSums()
  public var theirs = ReconciliationSums()
  public var differing: [ReconciledPart] = []
  /// What the ledger knows of a request that it has no settlement of.
  public var state: UnsettledState?
  public init() {}
}

/// Where a request stands that was admitted and not settled.
public enum UnsettledState: String, Sendable {
  /// Under way, or its end was not recorded yet.
  case open
  /// Its outcome is unknown: an upstream's bill may settle it.
  case outcomeUnknown = "outcome_unknown"
}
