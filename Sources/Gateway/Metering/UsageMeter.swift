// From what an upstream reports to what is charged. A state machine without I/O: the relay feeds
// it, the settlement asks it. Unknown usage is never silently zero (spec: gateway, section 4).
import Ledger

/// Meters one answer.
struct UsageMeter {
  /// What message_start said; its output count is only a floor.
  private(set) var reported = ReportedUsage()
  private var startOutput: Int64 = 0
  private var hasDelta = false
  /// UTF-8 bytes of text, thinking and partial JSON received.
  private(set) var contentBytes: Int64 = 0
  /// True once the upstream said anything that costs: content, or a usage report.
  private(set) var hasContent = false
  private(set) var messageID = ""
  private(set) var model = ""
  private(set) var stopReason = StopReason.none
  private(set) var stopReasonText = ""

  init() {}

  /// True when the upstream has sent something that must be settled.
  var hasAnything: Bool { hasContent || !reported.isEmpty }
  var hasStopReason: Bool { stopReason != .none }

  mutating func messageStart(id: String, model: String, usage: ReportedUsage) {
    messageID = id
    self.model = model
    startOutput = usage.output.value ?? 0
    reported = usage
    reported.output = .absent
  }
  mutating func content(bytes: Int) {
    contentBytes += Int64(bytes)
    hasContent = true
  }
  mutating func messageDelta(stopReason text: String?, usage: ReportedUsage?) {
    if let usage {
      hasDelta = true
      reported.merge(later: usage)
    }
    if let text { noteStop(text) }
  }
  /// A whole answer: its usage is final.
  mutating func wholeAnswer(
    id: String, model: String, stopReason text: String?, usage: ReportedUsage?, contentBytes: Int
  ) {
    messageID = id
    self.model = model
    hasContent = contentBytes > 0
    self.contentBytes = Int64(contentBytes)
    if let usage { reported = usage }
    if let text { noteStop(text) }
  }

  private mutating func noteStop(_ text: String) {
    stopReason = StopReason(wire: text)
    stopReasonText = stopReason == .other ? text.clipped(toBytes: 64) : ""
  }

  /// What is charged, and how sure that is.
  struct Reading: Equatable {
    var usage = TokenUsage()
    var isPartial = false
    var isEstimated = false
    var reason = SettlementReason.none
    var lines: [ReportedUsage.Line] = []
    var unknown: [String: String] = [:]
  }

  /// - Parameters:
  ///   - ending: why the answer is not whole; nil when it ended as it should.
  ///   - estimatedInput: the hold's estimate of input tokens, used when content came but no count.
  func reading(ending: SettlementReason?, estimatedInput: Int64) -> Reading {
    var reading = Reading()
    // Iterations of the answer's own model are in its totals already.
    reading.lines = reported.lines.filter {
      $0.isCompaction || (!$0.model.isEmpty && $0.model != model)
    }
    reading.unknown = reported.unknown
    if let ending {
      reading.isPartial = true
      reading.reason = ending
    }
    var usage = TokenUsage()
    usage.serviceTier = reported.serviceTier
    usage.speed = reported.speed
    usage.geography = reported.geography
    usage.cacheRead = reported.cacheRead.value ?? 0
    usage.webSearches = reported.webSearches.value ?? 0
    usage.cacheWrite1h = reported.ephemeral1h.value ?? 0
    let creation =
      reported.cacheCreation.value ?? usage.cacheWrite1h + (reported.ephemeral5m.value ?? 0)
    usage.cacheWrite5m = max(0, creation - usage.cacheWrite1h)

    if let output = reported.output.value {
      usage.output = output
    } else {
      let guess = (contentBytes + 3) / 4
      usage.output = min(max(startOutput, guess), TokenUsage.countLimit)
      estimate(&reading, reported.output)
    }
    if let input = reported.input.value {
      usage.input = input
    } else {
      // The estimate is of the whole prompt: what the caches took is part of it.
      let rest = max(0, estimatedInput - usage.cacheRead - creation)
      usage.input = min(rest, TokenUsage.countLimit)
      estimate(&reading, reported.input)
    }
    let rest = [
      reported.cacheRead, reported.cacheCreation, reported.ephemeral1h, reported.webSearches,
    ]
    if rest.contains(.invalid) { estimate(&reading, .invalid) }
    reading.usage = usage
    return reading
  }

  private func estimate(_ reading: inout Reading, _ field: ReportedCount) {
    reading.isPartial = true
    reading.isEstimated = true
    guard reading.reason == .none || field == .invalid else { return }
    reading.reason =
      field == .invalid ? .usageInvalid : !hasDelta && !reported.isEmpty ? .noDelta : .usageMissing
  }
}

extension StopReason {
  /// From the wire's `stop_reason`.
  init(wire text: String) {
    self =
      switch text {
      case "end_turn": .endTurn
      case "max_tokens": .maxTokens
      case "stop_sequence": .stopSequence
      case "tool_use": .toolUse
      case "pause_turn": .pauseTurn
      case "refusal": .refusal
      case "model_context_window_exceeded": .modelContextWindowExceeded
      case "compaction": .compaction
      default: .other
      }
  }
}
