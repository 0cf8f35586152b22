// A projection is a pure fold: state = fold(events). It knows no clock, no file, no randomness;
// time is the event's time or an argument of the question. Two folds of the same prefix are equal.
public import Ledger

/// State that is folded from the log.
public protocol Projection {
  /// Raise it and everything is rebuilt from the log at the next start.
  static var version: Int { get }
  /// Folds one event.
  /// - Throws: `FoldFault` when the event contradicts the state: the log is damaged.
  mutating func apply(_ record: RecordView, sequence: SequenceNumber) throws(FoldFault)
}

/// An event that no correct log can hold at its place.
public struct FoldFault: Error, Equatable, CustomStringConvertible {
  public let sequence: SequenceNumber
  public let problem: Problem

  public enum Problem: Equatable, Sendable {
    /// A type this version does not know and must not skip.
    case unknownType(UInt16)
    /// The event names something that does not exist, or exists already.
    case unknown(String)
    /// It closes an admission that is not open.
    case notOpen(admission: SequenceNumber)
    /// A total would leave the range the ledger allows.
    case outOfRange(String)
    /// A text of the event cannot be read.
    case unreadable(String)
  }
  init(_ sequence: SequenceNumber, _ problem: Problem) {
    self.sequence = sequence
    self.problem = problem
  }
  public var description: String {
    let what =
      switch problem {
      case .unknownType(let type): "has the type \(type), which this version does not know"
      case .unknown(let what): "does not fit what came before: \(what)"
      case .notOpen(let admission): "closes the request \(admission), which is not open"
      case .outOfRange(let total): "takes \(total) out of range"
      case .unreadable(let what): "cannot be read: \(what)"
      }
    return "event \(sequence) \(what)"
  }
}

/// Sums of money that events build up: every total stays below 2^62 (spec: ledger, section 4),
/// its parts below 2^61, so that no sum of three of them overflows.
enum Totals {
  static let limit: Int64 = 1 << 61

  /// The sum, or nil when it reaches the limit.
  static func sum(_ a: NanoUSD, _ b: NanoUSD) -> NanoUSD? {
    let (sum, overflow) = a.value.addingReportingOverflow(b.value)
    return overflow || sum >= limit || sum <= -limit ? nil : NanoUSD(sum)
  }
}

extension NanoUSD {
  /// Adds an event's amount to a total.
  mutating func add(
    _ amount: NanoUSD, _ name: StaticString, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    guard let sum = Totals.sum(self, amount) else {
      throw FoldFault(sequence, .outOfRange("\(name)"))
    }
    self = sum
  }
}
