// Seals full segments behind the traffic, with control totals of their money: charges by their
// settlements, credits, and the corrections of re-pricing.
import Ledger
import Synchronization

final class Sealer: Sendable {
  private struct State {
    /// Segments there were when the last call found nothing to seal.
    var finished = 0
    var problem: String?
  }
  private let ledger: Ledger
  private let state = Mutex(State())

  init(_ ledger: Ledger) { self.ledger = ledger }

  /// Why the last segment could not be sealed; nil when none failed.
  var problem: String? { state.withLock { $0.problem } }

  /// Seals what is full. Returns early when told to.
  func seal(isStopping: @escaping @Sendable () -> Bool = { false }) {
    while !isStopping() {
      let count = ledger.files.segments.count
      if state.withLock({ $0.finished == count }) { return }
      do throws(LedgerError) {
        let outcome = try ledger.sealIfNeeded(
          counting: Self.count, isStopping: isStopping)
        state.withLock { $0.problem = outcome == .noRoom ? "the disk has no room" : nil }
        switch outcome {
        case .sealed: continue
        case .nothingToDo: state.withLock { $0.finished = count }
        case .noRoom, .stopped: break
        }
      } catch {
        state.withLock { $0.problem = "\(error)" }
      }
      return
    }
  }

  /// Adds a money event to its segment's control totals.
  static let count: ControlTotalsCounter = { record, totals in
    switch RecordType(rawValue: record.type) {
    case .forwardSettled, .lateSettled:
      totals.charges.add(ForwardSettledView(record).charged.value)
    case .creditAdded: totals.credits.add(record.money(36).value)
    case .chargeCorrected: totals.corrections.add(record.money(64).value)
    default: break
    }
  }
}
