// An answer as one whole message: from the JSON of generateContent, or gathered from a stream when
// the upstream streams and the caller does not.
import Base
import HTTP
import Ledger

struct GeminiMessage {
  /// A complete message.
  struct Whole {
    /// The JSON the caller gets.
    let body: [UInt8]
    let meter: UsageMeter
  }

  private enum Kind { case text, thinking }

  private var turn: GeminiTurn
  private let shownModel: String
  /// Elements of `content`, the last one open if `open` says so.
  private var content = JSONWriter()
  private var open: Kind?
  /// Escaped text of the open block.
  private var text: [UInt8] = []
  /// JSON string of the open block's signature.
  private var signature: [UInt8] = []

  init(shownModel: String, model: String, signatures: ThoughtSignatures, ids: AnswerIDs) {
    self.shownModel = shownModel
    turn = GeminiTurn(model: model, signatures: signatures, ids: ids)
    content.beginArray()
  }

  var meter: UsageMeter { turn.meter }
  /// True once the upstream said how its answer ended.
  var isComplete: Bool { turn.stopReason != nil }

  /// Takes one answer of the upstream, or one event of its stream.
  mutating func take(
    _ scanner: borrowing JSONScanner, now: Timestamp
  ) throws(GeminiFailure) {
    switch turn.read(scanner, now: now) {
    case .error(let error): throw .error(error)
    case .malformed(let what): throw .malformed(what)
    case .pieces(let pieces):
      for piece in pieces { append(piece, scanner) }
    }
  }

  /// The message; `stop_reason` is null when the upstream gave none.
  mutating func finish() -> Whole {
    close()
    for block in turn.grounding.blocks(turn.ids) { content.raw(block.span) }
    content.endArray()
    var json = JSONWriter()
    json.beginObject()
    json.member("id", turn.ids.message(turn.responseID))
    json.member("type", "message")
    json.member("role", "assistant")
    json.member("model", shownModel)
    json.key("content")
    json.raw(content.bytes.span)
    if let reason = turn.stopReason {
      json.member("stop_reason", reason)
    } else {
      json.member(null: "stop_reason")
    }
    json.member(null: "stop_sequence")
    json.key("usage")
    json.usage(turn.reported, unknown: 0)
    json.endObject()
    return Whole(body: json.bytes, meter: turn.meter)
  }

  private mutating func append(_ piece: GeminiTurn.Piece, _ scanner: borrowing JSONScanner) {
    switch piece {
    case .text(let text): add(text, to: .text, scanner)
    case .thinking(let text): add(text, to: .thinking, scanner)
    case .signature(let signature):
      self.signature = Array(scanner.bytes.extracting(signature.range))
      close()
    case .call(let id, let name, let arguments):
      close()
      content.beginObject()
      content.member("type", "tool_use")
      content.member("id", id)
      content.key("name")
      content.copy(name, from: scanner)
      content.key("input")
      if let arguments { content.copy(arguments, from: scanner) } else { content.raw("{}") }
      content.endObject()
    }
  }

  /// The contents of JSON strings can be joined as they stand.
  private mutating func add(
    _ piece: JSONSlice, to kind: Kind, _ scanner: borrowing JSONScanner
  ) {
    if open != kind {
      close()
      open = kind
      text = [0x22]
    }
    text.append(contentsOf: scanner.bytes.extracting(piece.contents))
  }

  private mutating func close() {
    guard let kind = open else { return }
    open = nil
    let text = self.text + [0x22]
    let signature = self.signature
    content.beginObject()
    switch kind {
    case .text:
      content.member("type", "text")
      content.key("text")
      content.raw(text.span)
    case .thinking:
      content.member("type", "thinking")
      content.key("thinking")
      content.raw(text.span)
      content.key("signature")
      if signature.isEmpty { content.string("") } else { content.raw(signature.span) }
    }
    content.endObject()
    self.text = []
    self.signature = []
  }
}

/// Gathers a stream into one message.
struct GeminiAccumulator {
  private var scanner = EventScanner()
  private var message: GeminiMessage
  private var room: Int
  private(set) var failure: GeminiFailure?

  /// - Parameter limit: bytes of the stream; more is malformed.
  init(message: GeminiMessage, limit: Int) {
    self.message = message
    room = limit
  }

  /// What is charged for, whole or cut.
  var meter: UsageMeter { message.meter }
  /// True once the upstream said how its answer ended.
  var isComplete: Bool { message.isComplete }

  mutating func take(_ bytes: [UInt8], now: Timestamp) {
    guard failure == nil else { return }
    room -= bytes.count
    do {
      guard room >= 0 else { throw GeminiFailure.malformed("the stream is over the limit") }
      scanner.append(bytes)
      while let event = try scanner.next() {
        guard !event.data.isEmpty else { continue }
        try message.take(try GeminiStream.scan(event), now: now)
      }
    } catch let failure as GeminiFailure {
      self.failure = failure
    } catch {
      failure = .malformed("\(error)")
    }
  }

  /// The message, once the stream is at its end.
  mutating func end() throws(GeminiFailure) -> GeminiMessage.Whole {
    if let failure { throw failure }
    return message.finish()
  }
}

/// A whole answer to a request that does not stream.
enum GeminiAnswer {
  /// - Parameters:
  ///   - shownModel: the name the caller asked for.
  ///   - model: the name the upstream knows.
  static func read(
    _ body: [UInt8], shownModel: String, model: String, signatures: ThoughtSignatures,
    ids: AnswerIDs, now: Timestamp
  ) throws(GeminiFailure) -> GeminiMessage.Whole {
    let scanner: JSONScanner
    do { scanner = try JSONScanner(body.span) } catch {
      throw .malformed("the answer is not JSON: \(error)")
    }
    var message = GeminiMessage(
      shownModel: shownModel, model: model, signatures: signatures, ids: ids)
    try message.take(scanner, now: now)
    return message.finish()
  }
}
