// A stream on its way from an upstream to a caller: event by event, metered as it passes. No I/O:
// bytes in, bytes out, and what it all means.
//
// message_start is withheld until the same answer's first content_block_start, message_delta or
// ping: until then another account may still take over. message_stop is withheld for good: the
// gateway sends its own once the charge is durable.
import Base
import HTTP
import Ledger

struct StreamRelay {
  private var scanner = EventScanner()
  private(set) var meter = UsageMeter()
  /// Events that wait for the first sign of content.
  private var held: [UInt8] = []
  /// More than this before any content is no answer.
  static let heldLimit = 8 << 20
  /// True once bytes of this answer may have gone out: no failover any more.
  private(set) var isReleased = false
  /// Bytes to send.
  private var output: [UInt8] = []
  /// Model name to put back into message_start; nil = as it comes.
  private let restoredModel: String?
  private(set) var hasContent = false
  private(set) var end = End.open

  enum End: Equatable {
    case open
    /// message_stop came.
    case stopped
    /// An error event came: its type, and its bytes as they came.
    case error(type: String, event: [UInt8])
    /// What came is no stream of events.
    case malformed(String)
  }

  init(restoring model: String?) { restoredModel = model }

  /// True when nothing more of it can be used.
  var isBroken: Bool {
    switch end {
    case .error, .malformed: true
    case .open, .stopped: false
    }
  }

  /// True while nothing has been sent and something waits.
  var holdsBack: Bool { !isReleased && !held.isEmpty }

  /// Lets withheld events go (the wait for content has lasted long enough).
  mutating func release() {
    guard !isReleased else { return }
    isReleased = true
    output.append(contentsOf: held)
    held = []
  }

  /// What is to be sent now.
  mutating func takeOutput() -> [UInt8] {
    var bytes: [UInt8] = []
    swap(&bytes, &output)
    return bytes
  }

  /// Takes what came. Behind the end nothing is kept.
  mutating func take(_ bytes: [UInt8]) {
    guard end == .open else { return }
    // Nearly all of it goes out as it came.
    if isReleased { output.reserveCapacity(output.count + bytes.count) }
    scanner.append(bytes)
    while end == .open {
      do {
        guard let event = try scanner.next() else { return }
        handle(event)
      } catch {
        end = .malformed("\(error)")
      }
    }
  }

  private mutating func handle(_ event: ServerSentEvent) {
    switch EventKind(event) {
    case .messageStart:
      pass(messageStart(event))
    case .content:
      noteContent(event)
      release()
      pass(event.raw)
    case .messageDelta:
      messageDelta(event)
      release()
      pass(event.raw)
    case .ping:
      // A ping before message_start belongs to no answer yet.
      if !meter.messageID.isEmpty { release() }
      pass(event.raw)
    case .messageStop:
      release()
      end = .stopped
    case .error:
      end = .error(type: Self.errorType(event), event: Self.named(event))
    case .other:
      pass(event.raw)
    }
  }

  private mutating func pass(_ bytes: some Collection<UInt8>) {
    if isReleased {
      output.append(contentsOf: bytes)
    } else if held.count + bytes.count > Self.heldLimit {
      end = .malformed("\(Self.heldLimit) bytes came without content")
    } else {
      held.append(contentsOf: bytes)
    }
  }

  /// An error as it came, with the event line that clients look for.
  private static func named(_ event: ServerSentEvent) -> [UInt8] {
    if !event.name.isEmpty { return Array(event.raw) }
    var bytes: [UInt8] = []
    appendEvent(name: "error", data: event.data, to: &bytes)
    return bytes
  }

  private mutating func messageStart(_ event: ServerSentEvent) -> [UInt8] {
    let data = Array(event.data)
    guard let scanner = try? JSONScanner(data.span) else { return Array(event.raw) }
    let message = scanner.member("message", of: scanner.root)
    let model = scanner.member("model", of: message)
    meter.messageStart(
      id: scanner.decoded(scanner.member("id", of: message)) ?? "",
      model: scanner.decoded(model) ?? "",
      usage: ReportedUsage(anthropic: scanner.member("usage", of: message), scanner)
        ?? ReportedUsage())
    guard let restoredModel, let model, model.kind == .string else { return Array(event.raw) }
    var renamed = data
    var quoted: [UInt8] = []
    JSONWriter.appendQuoted(restoredModel, to: &quoted)
    renamed.replaceSubrange(model.range, with: quoted)
    var bytes: [UInt8] = []
    appendEvent(name: "message_start", data: renamed, to: &bytes)
    return bytes
  }

  /// The hot path: once for each piece of text.
  private mutating func noteContent(_ event: ServerSentEvent) {
    hasContent = true
    meter.content(bytes: ContentText.byteCount(event.data.span))
  }

  private mutating func messageDelta(_ event: ServerSentEvent) {
    let data = Array(event.data)
    guard let scanner = try? JSONScanner(data.span) else { return }
    let root = scanner.root
    let delta = scanner.member("delta", of: root)
    meter.messageDelta(
      stopReason: scanner.decoded(scanner.member("stop_reason", of: delta)),
      usage: ReportedUsage(anthropic: scanner.member("usage", of: root), scanner))
  }

  private static func errorType(_ event: ServerSentEvent) -> String {
    let data = Array(event.data)
    guard let scanner = try? JSONScanner(data.span) else { return "" }
    let error = scanner.member("error", of: scanner.root)
    return scanner.decoded(scanner.member("type", of: error)) ?? ""
  }
}

/// What an event is, by its name; without one, by the `type` of its data.
private enum EventKind {
  case messageStart, content, messageDelta, messageStop, ping, error, other

  init(_ event: ServerSentEvent) {
    if !event.name.isEmpty {
      self.init(name: event.name.span)
      return
    }
    let scanner = JSONScanner(trusting: event.data.span)
    let type = scanner.decoded(scanner.member("type", of: scanner.root)) ?? ""
    self.init(name: Array(type.utf8).span)
  }
  /// The most frequent first.
  private init(name: Span<UInt8>) {
    if name.isEqual(to: "content_block_delta") {
      self = .content
    } else if name.isEqual(to: "ping") {
      self = .ping
    } else if name.isEqual(to: "content_block_start") {
      self = .content
    } else if name.isEqual(to: "message_start") {
      self = .messageStart
    } else if name.isEqual(to: "message_delta") {
      self = .messageDelta
    } else if name.isEqual(to: "message_stop") {
      self = .messageStop
    } else if name.isEqual(to: "error") {
      self = .error
    } else {
      self = .other
    }
  }
}

/// What a piece of content counts for: the data of content_block_start and content_block_delta.
enum ContentText {
  /// UTF-8 bytes of text, thinking and tool input. Data that is no JSON counts up to where it stops
  /// being JSON; it passes all the same.
  static func byteCount(_ data: Span<UInt8>) -> Int {
    var cursor = JSONCursor(data)
    var count = 0
    do throws(JSONFault) { try add(&cursor, to: &count) } catch {}
    return count
  }

  private static func add(_ cursor: inout JSONCursor, to count: inout Int) throws(JSONFault) {
    try cursor.enterObject()
    while let name = try cursor.nextName() {
      guard cursor.isText(name, "delta") || cursor.isText(name, "content_block"),
        cursor.nextKind() == .object
      else {
        try cursor.skip()
        continue
      }
      try cursor.enterObject()
      while let name = try cursor.nextName() {
        if cursor.isText(name, "text") || cursor.isText(name, "thinking")
          || cursor.isText(name, "partial_json")
        {
          count += try cursor.textByteCount() ?? 0
        } else {
          try cursor.skip()
        }
      }
    }
  }
}
