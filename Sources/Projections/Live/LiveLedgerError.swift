// What can keep a ledger from being served, told so that an operator knows what to do.
public import Base
public import Ledger

public enum LiveLedgerError: Error, CustomStringConvertible {
  case ledger(LedgerError)
  case store(StoreError)
  /// An event cannot be folded: the log is damaged, or a newer version wrote it.
  case fold(FoldFault)
  case refused(BooksError)
  /// The log is more than a day ahead of the clock.
  case clockBehind(now: Timestamp, last: Timestamp)
  case thread(SystemThread.StartError)

  /// Damage found in the ledger: exit code 3.
  public var isDamage: Bool {
    switch self {
    case .ledger(.damaged): true
    case .fold(let fault):
      if case .unknownType = fault.problem { false } else { true }
    default: false
    }
  }

  public var description: String {
    switch self {
    case .ledger(let error): "\(error)"
    case .store(let error): "\(error); delete projections.sqlite to have it made again"
    case .fold(let fault):
      if case .unknownType = fault.problem {
        "\(fault); use the version of daybook that wrote it, or only cat, verify and backup"
      } else {
        "the ledger is damaged: \(fault); run `daybook verify`"
      }
    case .refused(let error): "\(error)"
    case .clockBehind(let now, let last):
      "the clock says \(now), but the last event is of \(last): set the clock, or start with "
        + "--accept-clock"
    case .thread(let error): "\(error)"
    }
  }
}

/// Runs something of the ledger's and reports its failure as the live ledger's.
func asLive<Value: ~Copyable>(
  _ body: () throws(LedgerError) -> Value
) throws(LiveLedgerError) -> Value {
  do throws(LedgerError) { return try body() } catch { throw .ledger(error) }
}
func asLive<Value: ~Copyable>(
  _ body: () throws(StoreError) -> Value
) throws(LiveLedgerError) -> Value {
  do throws(StoreError) { return try body() } catch { throw .store(error) }
}
