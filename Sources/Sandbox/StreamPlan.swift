// A stream as it will be sent: which events, where it ends, and what of it is to be billed. Pure.
//
// A stream that breaks is billed by what has been received of it: the input of message_start and,
// of the output, the count of message_start or a quarter of the content's bytes, whichever is more.
// One that breaks before any content is not billed.

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

  /// The plan of `answer` under `fate`; `dice` says where a break falls.
  init(_ answer: Answer, fate: Fate, requestID: String, dice: inout Dice) {
    let hasUsage = fate != .missingUsage
    let content = answer.contentEvents(hasUsage: hasUsage)
    switch fate {
    case .cutInside, .stall, .streamError(isEarly: false):
      let last = Self.breakPoint(content, &dice)
      let sent = Array(content[...last])
      billed = answer.usageOfBroken(sent)
      isComplete = false
      if fate == .stall {
        (events, closing, end) = (Array(sent.dropLast()), content[last].bytes, .silence)
      } else if fate == .cutInside {
        let next = content[last + 1].bytes
        (events, closing, end) = (sent, Array(next[..<dice.within(1...next.count - 1)]), .cut)
      } else {
        let error = ErrorAnswer(status: 529).streamEvent(requestID: requestID)
        (events, closing, end) = (sent, error.bytes, .finished)
      }
    case .streamError(isEarly: true):
      events = Array(content[..<1])
      closing = ErrorAnswer(status: 529).streamEvent(requestID: requestID).bytes
      (end, isComplete, billed) = (.finished, false, nil)
    default:
      events = content
      closing = answer.endEvents(hasUsage: hasUsage).flatMap(\.bytes)
      (end, isComplete, billed) = (.finished, true, hasUsage ? answer.usage : nil)
    }
  }
  /// The place of a content event; the event behind it, which always exists, is not sent whole.
  private static func breakPoint(_ content: [StreamEvent], _ dice: inout Dice) -> Int {
    let places = content.indices.filter { content[$0].isContent }
    return places.isEmpty ? content.count - 2 : places[dice.below(places.count)]
  }
}

extension Answer {
  /// What a caller owes who received just `events`; nil when there is no content among them.
  func usageOfBroken(_ events: some Sequence<StreamEvent>) -> Usage? {
    let bytes = events.reduce(0) { $0 + $1.contentBytes }
    guard bytes > 0 else { return nil }
    return Usage(input: usage.input, output: max(firstOutput, (bytes + 3) / 4))
  }
}
