// streamGenerateContent?alt=sse -> the events of the Messages API. No I/O: bytes in, bytes out.
//
// The usage is a running total and may still grow behind the last content, so message_delta and
// message_stop wait for the end of the upstream's stream.
import Base
import HTTP
import Ledger

/// Why a stream of an upstream goes no further.
enum GeminiFailure: Error {
  /// The upstream reported an error.
  case error(GeminiError)
  /// What came is no stream of answers.
  case malformed(String)
}

struct GeminiStream {
  private var scanner = EventScanner()
  private var turn: GeminiTurn
  private var events = ClaudeEvents()
  /// The name the caller asked for.
  private let shownModel: String
  private(set) var failure: GeminiFailure?
  private var isEnded = false

  /// - Parameters:
  ///   - shownModel: the name the caller asked for.
  ///   - model: the name the upstream knows.
  init(shownModel: String, model: String, signatures: ThoughtSignatures, ids: AnswerIDs) {
    self.shownModel = shownModel
    turn = GeminiTurn(model: model, signatures: signatures, ids: ids)
  }

  /// The upstream's id of the answer; "" when it gave none.
  var responseID: String { turn.responseID }
  /// The model that answered, as the upstream calls it; "" when it did not say.
  var modelVersion: String { turn.modelVersion }
  /// The usage as last seen: a stream that is cut is metered by it.
  var reported: ReportedUsage { turn.reported }
  /// True once the upstream said how its answer ended.
  var isComplete: Bool { turn.stopReason != nil }
  /// What is charged for, whole or cut. Unlike a meter fed with the events it does not take the 0
  /// of message_start for a report.
  var meter: UsageMeter { turn.meter }

  /// Takes what came; returns the events it makes. An error, and what is malformed, becomes one
  /// `error` event, and nothing follows it.
  mutating func take(_ bytes: [UInt8], now: Timestamp) -> [UInt8] {
    guard failure == nil, !isEnded else { return [] }
    scanner.append(bytes)
    do {
      while failure == nil, let event = try scanner.next() { handle(event, now: now) }
    } catch {
      fail(.malformed("an event is longer than \(error.limit) bytes"))
    }
    return events.takeOutput()
  }

  /// The upstream's stream is at its end: the last events of a complete answer. An answer without
  /// a finish reason gets no end.
  mutating func end() -> [UInt8] {
    guard failure == nil, !isEnded else { return [] }
    isEnded = true
    guard let stopReason = turn.stopReason else {
      events.closeBlock()
      return events.takeOutput()
    }
    start()
    for block in turn.grounding.blocks(turn.ids) { events.write(block: block) }
    events.finish(stopReason: stopReason, usage: turn.reported)
    return events.takeOutput()
  }

  private mutating func start() {
    events.start(id: turn.ids.message(turn.responseID), model: shownModel)
  }

  private mutating func handle(_ event: ServerSentEvent, now: Timestamp) {
    guard !event.data.isEmpty else { return }
    do throws(GeminiFailure) {
      let scanner = try GeminiStream.scan(event)
      switch turn.read(scanner, now: now) {
      case .error(let error): throw .error(error)
      case .malformed(let what): throw .malformed(what)
      case .pieces(let pieces):
        start()
        for piece in pieces { events.write(piece, from: scanner) }
      }
    } catch {
      fail(error)
    }
  }

  private mutating func fail(_ failure: GeminiFailure) {
    self.failure = failure
    events.closeBlock()
    switch failure {
    case .error(let error): events.error(error.kind, error.message)
    case .malformed: events.error("api_error", "The upstream's stream is malformed")
    }
  }

  @_lifetime(borrow event)
  static func scan(_ event: borrowing ServerSentEvent) throws(GeminiFailure) -> JSONScanner {
    do { return try JSONScanner(event.data.span) } catch {
      throw .malformed("an event is not JSON: \(error)")
    }
  }
}
