// usageMetadata (https://ai.google.dev/api/generate-content#UsageMetadata) as what is metered.
//
//   input       promptTokenCount - cachedContentTokenCount, + toolUsePromptTokenCount
//   cache read  cachedContentTokenCount
//   output      candidatesTokenCount + thoughtsTokenCount
//   searches    of groundingMetadata
//
// The counts are running totals: of each field the last value holds. Fields of value 0 are left
// out on the wire.
import Base
import Ledger

struct GeminiUsage {
  private var prompt = ReportedCount.absent
  private var cached = ReportedCount.absent
  private var toolUse = ReportedCount.absent
  private var candidates = ReportedCount.absent
  private var thoughts = ReportedCount.absent
  private var unknown: [String: String] = [:]
  /// Searches that have a fee.
  var searches: Int64 = 0

  /// Takes a `usageMetadata` object.
  mutating func read(_ metadata: JSONSlice?, _ scanner: borrowing JSONScanner) {
    var members = scanner.members(of: metadata)
    while let member = members.next() {
      let value = member.value
      switch scanner.decoded(member.name) {
      case "promptTokenCount": take(value, scanner, into: &prompt)
      case "cachedContentTokenCount": take(value, scanner, into: &cached)
      case "toolUsePromptTokenCount": take(value, scanner, into: &toolUse)
      case "candidatesTokenCount": take(value, scanner, into: &candidates)
      case "thoughtsTokenCount": take(value, scanner, into: &thoughts)
      case nil, "totalTokenCount": break
      case let name?:
        if value.kind == .number, unknown.count < 16, name.utf8.count <= 64 {
          unknown[name] = String(scanner.text(value).prefix(32))
        }
      }
    }
  }

  private func take(
    _ value: JSONSlice, _ scanner: borrowing JSONScanner, into count: inout ReportedCount
  ) {
    guard value.kind != .null else { return }
    guard let number = scanner.integer(value), (0...TokenUsage.countLimit).contains(number) else {
      count = .invalid
      return
    }
    count = .count(number)
  }

  /// What is known so far.
  /// - Parameter isEmptyAnswer: the answer is complete and has no content: no output is 0 then.
  func reported(isEmptyAnswer: Bool) -> ReportedUsage {
    var usage = ReportedUsage()
    usage.input = Self.input(prompt: prompt, cached: cached, toolUse: toolUse)
    usage.cacheRead = cached
    usage.output = Self.sum(candidates, thoughts)
    if usage.output == .absent, isEmptyAnswer, prompt != .absent { usage.output = .count(0) }
    if searches > 0 { usage.webSearches = .count(searches) }
    usage.unknown = unknown
    return usage
  }

  private static func input(
    prompt: ReportedCount, cached: ReportedCount, toolUse: ReportedCount
  ) -> ReportedCount {
    if prompt == .absent { return .absent }
    guard let all = prompt.value, cached != .invalid else { return .invalid }
    return sum(.count(max(0, all - (cached.value ?? 0))), toolUse)
  }

  private static func sum(_ a: ReportedCount, _ b: ReportedCount) -> ReportedCount {
    if a == .absent { return b }
    if b == .absent { return a }
    guard let first = a.value, let second = b.value, first + second <= TokenUsage.countLimit else {
      return .invalid
    }
    return .count(first + second)
  }
}

extension JSONWriter {
  /// The `usage` object of a message.
  /// - Parameter unknown: stands in for counts that nobody knows; nil leaves them out.
  mutating func usage(_ usage: ReportedUsage, unknown: Int64? = nil) {
    beginObject()
    if let input = usage.input.value ?? unknown { member("input_tokens", input) }
    member("cache_creation_input_tokens", 0)
    member("cache_read_input_tokens", usage.cacheRead.value ?? 0)
    if let output = usage.output.value ?? unknown { member("output_tokens", output) }
    if let searches = usage.webSearches.value {
      key("server_tool_use")
      beginObject()
      member("web_search_requests", searches)
      endObject()
    }
    endObject()
  }
}
