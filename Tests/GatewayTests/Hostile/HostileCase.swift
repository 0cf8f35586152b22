// Upstreams that answer what no upstream should: what each does, and what becomes of the request.
import Base
import Ledger
import TestSupport
import Testing

@testable import Gateway

struct HostileCase: Sendable, CustomTestStringConvertible {
  enum Outcome: Sendable {
    /// The caller gets an error, the payer pays nothing.
    case refused(Int)
    /// The caller's stream ends with an error event, the payer pays nothing.
    case endedForNothing
    /// A whole answer, charged for these tokens as reported.
    case charged(input: Int64, output: Int64)
    /// A whole answer, charged by an estimate of at least one of its counts.
    case estimated(SettlementReason)
    /// A stream that ends with an error event, charged for what came.
    case partial(SettlementReason)
  }
  let name: String
  let isStream: Bool
  let outcome: Outcome
  let behaviour: BareUpstream.Behaviour
  var testDescription: String { name }

  /// An answer that is not a stream.
  static func json(
    _ name: String, _ outcome: Outcome, _ behaviour: @escaping BareUpstream.Behaviour
  ) -> HostileCase {
    HostileCase(name: name, isStream: false, outcome: outcome, behaviour: behaviour)
  }
  static func json(_ name: String, _ outcome: Outcome, _ answer: String) -> HostileCase {
    json(name, outcome) { try $0.send(answer) }
  }
  /// A stream: these events, each a chunk of its own, then the last chunk.
  static func stream(_ name: String, _ outcome: Outcome, _ events: [String]) -> HostileCase {
    raw(
      name, outcome,
      BareUpstream.streamHead + events.map(BareUpstream.chunk).joined() + BareUpstream.streamEnd)
  }
  /// The bytes of an answer to a request for a stream.
  static func raw(_ name: String, _ outcome: Outcome, _ answer: String) -> HostileCase {
    HostileCase(name: name, isStream: true, outcome: outcome) { try $0.send(answer) }
  }

  /// Body of a message with 10 tokens in and 5 out.
  static let good = BareUpstream.message()
  /// The events of a good stream.
  static let goodEvents = [
    BareUpstream.start(), BareUpstream.blockStart, BareUpstream.delta(), BareUpstream.delta(),
    BareUpstream.messageDelta(), BareUpstream.messageStop,
  ]
  static func deep(_ levels: Int) -> String {
    String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
  }
}
