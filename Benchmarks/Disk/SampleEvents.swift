// Admissions and settlements of a generated history, as values and as records, to append again and
// again.
import Base
import Ledger
import Projections

struct SampleEvents: Sendable {
  private enum Sample: Sendable {
    case check(BillingChecked)
    case settled(ForwardSettled)
  }
  private var samples: [Sample] = []
  /// The same as canonical bytes.
  private(set) var records: [[UInt8]] = []

  init(seed: UInt64) throws {
    var options = HistoryOptions.realistic(requests: 2000, hasFailures: false, seed: seed)
    options.users = 100
    var books = Books()
    var generator = HistoryGenerator(options, after: books)
    try generator.append(.max, to: &books)
    let bytes = books.batch.bytes
    var batch = RecordBatch(bytes.span, first: books.batch.first, count: books.batch.count)
    while let record = batch.next() {
      switch RecordType(rawValue: record.type) {
      case .billingChecked: samples.append(.check(BillingChecked(record)))
      case .forwardSettled: samples.append(.settled(ForwardSettled(record)))
      default: continue
      }
      records.append(record.bytes.indices.map { record.bytes[$0] })
    }
  }

  func append(
    _ number: Int, to batch: inout PendingBatch, clock: Timestamp
  ) throws(RecordError) -> BatchAppend {
    switch samples[number % samples.count] {
    case .check(let event): try batch.append(event, clock: clock, reserve: .ordinary)
    case .settled(let event): try batch.append(event, clock: clock, reserve: .settlement)
    }
  }
}
