// The Anthropic wire's `usage` object and the parts of answers that metering reads
// (https://docs.anthropic.com/en/api/messages, /en/docs/build-with-claude/streaming).
import Base
import Ledger

extension ReportedUsage {
  /// Reads a `usage` object; nil when the value is none.
  init?(anthropic value: JSONSlice?, _ scanner: borrowing JSONScanner) {
    guard let value, value.kind == .object else { return nil }
    var members = scanner.members(of: value)
    while let member = members.next() {
      guard let name = scanner.decoded(member.name) else { continue }
      read(name, member.value, scanner)
    }
  }

  private mutating func read(
    _ name: String, _ value: JSONSlice, _ scanner: borrowing JSONScanner
  ) {
    switch name {
    case "input_tokens": input = Self.count(value, scanner)
    case "output_tokens": output = Self.count(value, scanner)
    case "cache_read_input_tokens": cacheRead = Self.count(value, scanner)
    case "cache_creation_input_tokens": cacheCreation = Self.count(value, scanner)
    case "cache_creation":
      ephemeral5m = Self.count(scanner.member("ephemeral_5m_input_tokens", of: value), scanner)
      ephemeral1h = Self.count(scanner.member("ephemeral_1h_input_tokens", of: value), scanner)
    case "server_tool_use":
      webSearches = Self.count(scanner.member("web_search_requests", of: value), scanner)
    case "service_tier": serviceTier = Self.tier(scanner.decoded(value))
    case "speed": speed = Self.speed(scanner.decoded(value))
    case "inference_geo": geography = Self.geography(scanner.decoded(value))
    case "iterations": lines = Self.lines(value, scanner)
    default:
      // A number that is cut off would be another one.
      if value.kind == .number && value.range.count <= 32 && unknown.count < 16
        && name.utf8.count <= 64
      {
        unknown[name] = scanner.text(value)
      }
    }
  }

  private static func count(
    _ value: JSONSlice?, _ scanner: borrowing JSONScanner
  ) -> ReportedCount {
    guard let value, value.kind != .null else { return .absent }
    guard let count = scanner.integer(value), count >= 0, count <= TokenUsage.countLimit else {
      return .invalid
    }
    return .count(count)
  }

  private static func tier(_ text: String?) -> ServiceTier {
    switch text {
    case nil: .none
    case "standard": .standard
    case "priority": .priority
    case "batch": .batch
    case "flex": .flex
    default: .other
    }
  }
  private static func speed(_ text: String?) -> Speed {
    switch text {
    case nil: .none
    case "standard": .standard
    case "fast": .fast
    default: .other
    }
  }
  private static func geography(_ text: String?) -> Geography {
    switch text {
    case nil, "not_available": .none
    case "global": .global
    case "us": .us
    default: .other
    }
  }

  /// Iterations of type compaction, or naming a model (UsageMeter decides which of them count).
  private static func lines(_ value: JSONSlice, _ scanner: borrowing JSONScanner) -> [Line] {
    var lines: [Line] = []
    var iterations = scanner.elements(of: value)
    while let iteration = iterations.next(), lines.count < 16 {
      let model = scanner.decoded(scanner.member("model", of: iteration)) ?? ""
      let isCompaction = scanner.isString(scanner.member("type", of: iteration), "compaction")
      guard isCompaction || !model.isEmpty,
        let reported = ReportedUsage(nested: iteration, scanner)
      else { continue }
      var usage = TokenUsage()
      usage.input = reported.input.value ?? 0
      usage.output = reported.output.value ?? 0
      usage.cacheRead = reported.cacheRead.value ?? 0
      usage.cacheWrite1h = reported.ephemeral1h.value ?? 0
      usage.cacheWrite5m = max(0, (reported.cacheCreation.value ?? 0) - usage.cacheWrite1h)
      lines.append(
        Line(model: model.clipped(toBytes: 256), isCompaction: isCompaction, usage: usage))
    }
    return lines
  }

  /// Like `init(anthropic:)`, without looking for iterations inside an iteration.
  private init?(nested value: JSONSlice, _ scanner: borrowing JSONScanner) {
    guard value.kind == .object else { return nil }
    var members = scanner.members(of: value)
    while let member = members.next() {
      guard let name = scanner.decoded(member.name), name != "iterations" else { continue }
      read(name, member.value, scanner)
    }
  }
}

/// A whole answer to a request that does not stream.
enum AnthropicAnswer {
  /// The parts of a message that the gateway reads.
  struct Message {
    var meter = UsageMeter()
    /// Bytes of the model's value in the body, quotes included.
    var modelRange: Range<Int>?
  }
  enum Reading {
    case message(Message)
    /// `{"type":"error"}` under a status of success.
    case error(type: String)
    case malformed
  }

  static func read(_ body: [UInt8]) -> Reading {
    guard let scanner = try? JSONScanner(body.span), scanner.root.kind == .object else {
      return .malformed
    }
    let parts = Parts(scanner)
    if scanner.isString(parts.type, "error") {
      return .error(type: scanner.decoded(scanner.member("type", of: parts.error)) ?? "")
    }
    var message = Message()
    message.modelRange = parts.model?.kind == .string ? parts.model?.range : nil
    message.meter.wholeAnswer(
      id: scanner.decoded(parts.id) ?? "",
      model: scanner.decoded(parts.model) ?? "",
      stopReason: scanner.decoded(parts.stopReason),
      usage: ReportedUsage(anthropic: parts.usage, scanner),
      contentBytes: contentBytes(parts.content, scanner))
    return .message(message)
  }

  /// The members that are read, found in one walk.
  private struct Parts {
    var type, error, id, model, stopReason, usage, content: JSONSlice?

    init(_ scanner: borrowing JSONScanner) {
      var members = scanner.members(of: scanner.root)
      while let member = members.next() {
        func take(_ name: StaticString, _ part: inout JSONSlice?) {
          if part == nil && scanner.isString(member.name, name) { part = member.value }
        }
        take("type", &type)
        take("error", &error)
        take("id", &id)
        take("model", &model)
        take("stop_reason", &stopReason)
        take("usage", &usage)
        take("content", &content)
      }
    }
  }

  /// UTF-8 bytes of all text, thinking and tool input of the content.
  private static func contentBytes(
    _ content: JSONSlice?, _ scanner: borrowing JSONScanner
  ) -> Int {
    var total = 0
    var blocks = scanner.elements(of: content)
    while let block = blocks.next() {
      var members = scanner.members(of: block)
      while let member = members.next() {
        if scanner.isString(member.name, "text") || scanner.isString(member.name, "thinking") {
          total += scanner.decodedByteCount(member.value) ?? 0
        } else if scanner.isString(member.name, "input") {
          total += member.value.range.count
        }
      }
    }
    return total
  }
}
