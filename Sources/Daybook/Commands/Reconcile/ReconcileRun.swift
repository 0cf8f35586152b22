// The comparison itself: two passes over the file, two over the ledger's side. Nothing is changed
// before all of both was read.
import Base
import Gateway
import Ledger
import Projections

/// What a comparison found, as much of it as is shown.
struct ReconcileReport {
  var file = ""
  var format = InvoiceFormat.csv
  var options: ReconciliationOptions
  var comparison: Reconciliation
  var unbilled = 0
  /// Findings by kind, the first ones of each.
  var shown: [ReconciledClass: [ReconciledRow]] = [:]
  var shownDuplicates: [ReconciledRow] = []
  /// How many there are.
  var counts: [ReconciledClass: Int] = [:]
  /// What became, or would become, of requests whose outcome is unknown.
  var late: [JSONValue] = []
  var isApplied = false
}

struct ReconcileRun {
  let path: String
  let source: ReconcileSource
  let options: ReconciliationOptions
  /// Findings of each kind that are kept for showing.
  let shownLimit: Int
  private var report: ReconcileReport
  private var csv: ReconcileCSV?
  private var candidates: [InvoiceRow] = []

  init(
    _ path: String, _ source: ReconcileSource, _ options: ReconciliationOptions, shownLimit: Int,
    csv: ReconcileCSV?
  ) {
    self.path = path
    self.source = source
    self.options = options
    self.shownLimit = shownLimit
    self.csv = csv
    report = ReconcileReport(options: options, comparison: Reconciliation(options))
    report.file = path
  }

  /// - Parameter reason: settles what can be settled; nil = only says what it would do.
  mutating func perform(reason: String?) throws -> ReconcileReport {
    do {
      try compare()
    } catch {
      csv?.discard()
      guard let error = error as? InvoiceError else { throw error }
      throw CommandFailure(
        error.line == 0 ? "\(path): \(error.problem)" : "\(path):\(error.line): \(error.problem)")
    }
    try csv?.close()
    report.late = try source.settle(candidates, reason: reason)
    report.isApplied = reason != nil
    return report
  }

  private func reader() throws(InvoiceError) -> InvoiceReader {
    try InvoiceReader(path, in: RealFileSystem(), zone: options.zone)
  }

  private mutating func compare() throws {
    let checksum = try survey()
    let progress = SharedProgress("reading the ledger")
    let times = report.comparison.times
    try source.settlements(times, progress) { sequence, settlement, model throws(InvoiceError) in
      try report.comparison.book(settlement, sequence, model: model)
    }
    report.comparison.endBooks()
    try compareRows(checksum)
    if report.comparison.isByID {
      try source.settlements(times, progress) { sequence, settlement, model throws(InvoiceError) in
        if let row = try report.comparison.ours(settlement, sequence, model: model) {
          try note(row)
        }
      }
    } else {
      var rows: [ReconciledRow] = []
      try report.comparison.compareDays { rows.append($0) }
      for row in rows { try note(row) }
    }
  }

  /// The first pass: every row is tested, nothing is compared.
  private mutating func survey() throws(InvoiceError) -> CRC32C {
    let progress = SharedProgress("reading \(path)", unit: "bytes")
    var reader = try reader()
    report.format = reader.format
    while let row = try reader.next() {
      try report.comparison.note(row)
      progress.show(UInt64(reader.position), of: UInt64(reader.size))
    }
    progress.finish()
    guard report.comparison.rowCount > 0 else {
      throw InvoiceError(0, "the file has no row with usage or a cost")
    }
    report.unbilled = reader.unbilled
    return reader.checksum
  }

  private mutating func compareRows(_ checksum: CRC32C) throws(InvoiceError) {
    let progress = SharedProgress("comparing", unit: "bytes")
    var reader = try reader()
    while let row = try reader.next() {
      let found = try report.comparison.compare(row) { source.state($0) }
      progress.show(UInt64(reader.position), of: UInt64(reader.size))
      guard let found else { continue }
      if found.state == .outcomeUnknown, !found.isDuplicate { candidates.append(row) }
      try note(found)
    }
    progress.finish()
    guard reader.checksum == checksum else {
      throw InvoiceError(0, "the file changed while it was read; try again")
    }
  }

  private mutating func note(_ row: ReconciledRow) throws(InvoiceError) {
    do { try csv?.add(row) } catch { throw InvoiceError(0, "\(error)") }
    if row.isDuplicate {
      if report.shownDuplicates.count < shownLimit { report.shownDuplicates.append(row) }
      return
    }
    report.counts[row.kind, default: 0] += 1
    if report.shown[row.kind, default: []].count < shownLimit {
      report.shown[row.kind, default: []].append(row)
    }
  }
}
