// A stream as it will be sent: which events, where it ends, and what of it is to be billed. Pure.
//
// A stream that breaks is billed by what has been received of it. Anthropic's: the input of
// message_start and, of the output, the count of message_start or a quarter of the content's bytes,
// whichever is more. Google's: the counts of the last whole chunk. One that breaks before any
// content is not billed.

/// The events of a stream up to its end.
struct StreamPlan: Sendable {
  enum End: Hashable, Sendable {
    /// The chunked body ends properly.
    case finished
    /// The connection is closed.
    case cut
    /// Nothing more comes.
    case silence
  }
  let events: [StreamEvent]
  /// The last bytes, sent after the answer is in the record. Never empty.
  let closing: [UInt8]
  let end: End
  let isComplete: Bool
  /// What the caller should be billed once the closing bytes are out.
  let billed: Usage?
  private let answer: Answer
  private let hasUsage: Bool

  /// The plan of `answer` under `fate`; `dice` says where a break falls.
  init(_ answer: Answer, fate: Fate, requestID: String, dice: inout Dice) {
    let hasUsage = fate != .missingUsage
    (self.answer, self.hasUsage) = (answer, hasUsage)
    let (content, ending) = answer.script(hasUsage: hasUsage)
    switch fate {
    case .cutInside, .stall, .streamError(isEarly: false):
      let last = Self.breakPoint(content, &dice)
      let sent = Array(content[...last])
      billed = answer.usageOfBroken(sent)
      isComplete = false
      if fate == .stall {
        (events, closing, end) = (Array(sent.dropLast()), content[last].bytes, .silence)
      } else if fate == .cutInside {
        let next = (content + ending)[last + 1].bytes
        (events, closing, end) = (sent, Array(next[..<dice.within(1...next.count - 1)]), .cut)
      } else {
        (events, end) = (sent, .finished)
        closing = answer.error(isEarly: false, requestID: requestID)
      }
    case .streamError(isEarly: true):
      // Anthropic's begins with message_start, Google's with the error.
      events = answer.wire.isGoogle ? [] : Array(content[..<1])
      closing = answer.error(isEarly: true, requestID: requestID)
      (end, isComplete, billed) = (.finished, false, nil)
    default:
      events = content
      closing = ending.flatMap(\.bytes)
      (end, isComplete, billed) = (.finished, true, hasUsage ? answer.usage : nil)
    }
  }
  /// What a caller should be billed who left when so many events were sent.
  func billed(afterEvents count: Int) -> Usage? {
    hasUsage ? answer.usageOfBroken(events[..<count]) : nil
  }
  /// The place of a content event; the event behind it, or the end, is not sent whole.
  private static func breakPoint(_ content: [StreamEvent], _ dice: inout Dice) -> Int {
    let places = content.indices.filter { content[$0].isContent }
    precondition(!places.isEmpty, "every answer that can break has content before its end")
    return places[dice.below(places.count)]
  }
}

extension Answer {
  /// The body of an answer that is not streamed.
  func body(hasUsage: Bool) -> [UInt8] {
    wire.isGoogle ? response(hasUsage: hasUsage) : message(hasUsage: hasUsage)
  }
  /// The events before the end, and the end: never empty.
  fileprivate func script(hasUsage: Bool) -> (content: [StreamEvent], ending: [StreamEvent]) {
    guard wire.isGoogle else {
      return (contentEvents(hasUsage: hasUsage), endEvents(hasUsage: hasUsage))
    }
    let chunks = chunks(hasUsage: hasUsage)
    return (Array(chunks.dropLast()), Array(chunks.suffix(1)))
  }
  /// What breaks a stream, before any content or behind some.
  fileprivate func error(isEarly: Bool, requestID: String) -> [UInt8] {
    let error = ErrorAnswer.overloaded(on: wire)
    guard wire.isGoogle else { return error.streamEvent(requestID: requestID).bytes }
    return error.googleStreamError(asEvent: isEarly, form: form, isFirst: isEarly)
  }
  /// What a caller owes who received just `events`; nil when there is no content among them.
  func usageOfBroken(_ events: some BidirectionalCollection<StreamEvent>) -> Usage? {
    let bytes = events.reduce(0) { $0 + $1.contentBytes }
    guard bytes > 0 else { return nil }
    if wire.isGoogle { return events.last?.usage }
    return Usage(input: usage.input, output: max(firstOutput, (bytes + 3) / 4))
  }
}
