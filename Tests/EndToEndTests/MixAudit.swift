// The books after the mix, beside the records of the upstreams, with a calculation of its own.
import Base
import Foundation
import TestSupport
import Testing

/// What an upstream's record says of one answer.
private struct Billed {
  /// nil: nothing is to be charged.
  let usage: Tokens?
  let hourWrites: Int64
  let isComplete: Bool
}

/// A charge as the ledger has it.
private struct Charge {
  let user: String
  let messageID: String
  let model: String
  let tokens: Tokens
  let hourWrites: Int64
  let list: Int64
  let charged: Int64
  let multiplier: Int64
  let isPartial: Bool
  let isBalance: Bool
}

struct MixAudit {
  private var charges: [Charge] = []
  private var closings: [Int64: [String]] = [:]
  private var admissions: Set<Int64> = []
  private var credits: [String: Int64] = [:]
  private var billed: [String: Billed] = [:]
  /// Types of events that came up.
  private(set) var kinds: Set<String> = []

  static let expectedKinds: Set = [
    "billing_checked", "forward_settled", "forward_failed", "attempt_failed",
    "request_intercepted", "fallback_group_used", "tokens_counted", "request_rejected",
    "account_state_changed",
  ]
  private static let closingKinds: Set = [
    "forward_settled", "forward_failed", "request_intercepted", "fallback_group_used",
    "outcome_unknown",
  ]

  init(_ bed: MixBed) async throws {
    for line in try await bed.command("cat").split(separator: "\n") {
      try read(try JSONParser().parse(String(line)))
    }
    for name in ["steady", "shaky", "google"] {
      let text = try String(contentsOfFile: "\(bed.folder)/\(name).jsonl", encoding: .utf8)
      for line in text.split(separator: "\n") {
        let record = try JSONParser().parse(String(line))
        guard let id = record["message_id"]?.string else { continue }
        let writes = record["usage"]?["cache_creation"]?["ephemeral_1h_input_tokens"]?.integer
        billed[id] = Billed(
          usage: Tokens(usage: record["usage"]), hourWrites: writes ?? 0,
          isComplete: record["complete"]?.bool == true)
      }
    }
  }

  private mutating func read(_ event: JSONValue) throws {
    let type = event["type"]?.string ?? ""
    kinds.insert(type)
    if type == "billing_checked", event["allowed"]?.bool == true {
      admissions.insert(event["sequence"]?.integer ?? 0)
    }
    if type == "credit_added" {
      let amount = try nanoUSD(event["amount_usd"]?.string ?? "")
      credits[event["user"]?.string ?? "", default: 0] += amount
    }
    if Self.closingKinds.contains(type) {
      closings[event["admission_sequence"]?.integer ?? 0, default: []].append(type)
    }
    if type == "forward_settled" { charges.append(try charge(event)) }
  }
  private func charge(_ event: JSONValue) throws -> Charge {
    func count(_ name: String) -> Int64 { event[name]?.integer ?? 0 }
    let write1h = count("cache_write_1h_tokens")
    return Charge(
      user: event["user"]?.string ?? "", messageID: event["upstream_message_id"]?.string ?? "",
      model: event["priced_model"]?.string ?? "",
      tokens: Tokens(
        input: count("input_tokens"), output: count("output_tokens"),
        cacheRead: count("cache_read_tokens"),
        cacheWrite: count("cache_write_5m_tokens") + write1h),
      hourWrites: write1h, list: try nanoUSD(event["list_usd"]?.string ?? ""),
      charged: try nanoUSD(event["charged_usd"]?.string ?? ""),
      multiplier: try millionths(event["multiplier"]), isPartial: event["partial"]?.bool == true,
      isBalance: event["target"]?.string == "balance")
  }
  private func millionths(_ value: JSONValue?) throws -> Int64 {
    let text = value?.string ?? value?.numberText ?? ""
    return try #require(Int64(exactly: try DecimalText.parse(text, scale: 6).value))
  }

  /// Balances as they must be: credits less charges to the balance.
  var balances: [(user: String, nanoUSD: Int64)] {
    credits.map { user, credit in
      let spent = charges.filter { $0.user == user && $0.isBalance }.reduce(0) { $0 + $1.charged }
      return (user, credit - spent)
    }
  }

  // MARK: What must hold

  /// Everything that is not as it must be, in words.
  func problems(seen: Seen) -> [String] {
    var problems: [String] = []
    if Set(closings.keys) != admissions { problems.append("admissions are not all closed") }
    problems += closings.filter { $0.value.count != 1 }.map { "\($0.key) ended as \($0.value)" }
    if closings.values.contains(["outcome_unknown"]) { problems.append("an unknown outcome") }
    let byMessage = Dictionary(grouping: charges, by: \.messageID)
    for (id, group) in byMessage where group.count > 1 && !id.isEmpty {
      problems.append("\(id) was charged \(group.count) times")
    }
    for charge in charges { problems += check(charge) }
    for (id, record) in billed where record.isComplete && record.usage != nil {
      if byMessage[id] == nil { problems.append("\(id) was billed whole and not charged") }
    }
    for (id, tokens) in seen.complete {
      let upstreamID = byMessage[id] == nil && id.hasPrefix("msg_") ? String(id.dropFirst(4)) : id
      guard let charge = byMessage[upstreamID]?.first else {
        problems.append("\(id) was seen whole and not charged")
        continue
      }
      if charge.tokens != tokens { problems.append("\(id): \(charge.tokens), seen \(tokens)") }
    }
    return problems
  }

  private func check(_ charge: Charge) -> [String] {
    guard let price = Self.prices[charge.model] else {
      return ["\(charge.messageID): priced as \(charge.model)"]
    }
    let t = charge.tokens
    let list =
      t.input * price.input + t.output * price.output + t.cacheRead * price.cacheRead
      + (t.cacheWrite - charge.hourWrites) * price.write5m + charge.hourWrites * price.write1h
    var problems: [String] = []
    if list != charge.list { problems.append("\(charge.messageID): list \(charge.list)") }
    if Self.rounded(list, charge.multiplier) != charge.charged {
      problems.append("\(charge.messageID): charged \(charge.charged) of \(list)")
    }
    guard !charge.isPartial else { return problems }
    guard let record = billed[charge.messageID] else {
      return problems + ["\(charge.messageID) is in no upstream's record"]
    }
    if record.usage != t { problems.append("\(charge.messageID): billed \(record.usage as Any)") }
    return problems
  }

  /// Nano-dollars a token, as the test's price file has them.
  private static let prices: [String: Price] = [
    "claude-opus-5-5": Price(4_000, 20_000, 200, 5_000, 8_000),
    "claude-sonnet-5-5": Price(2_000, 10_000, 100, 2_500, 4_000),
    "gemini-2.5-pro": Price(1_250, 10_000, 125, 1_250, 1_250),
  ]
  private struct Price {
    let input, output, cacheRead, write5m, write1h: Int64
    init(_ input: Int64, _ output: Int64, _ read: Int64, _ write5m: Int64, _ write1h: Int64) {
      (self.input, self.output, cacheRead) = (input, output, read)
      (self.write5m, self.write1h) = (write5m, write1h)
    }
  }

  /// A list price times millionths, rounded half to even.
  private static func rounded(_ list: Int64, _ millionths: Int64) -> Int64 {
    let (quotient, rest) = (list * millionths).quotientAndRemainder(dividingBy: 1_000_000)
    if rest * 2 == 1_000_000 { return quotient + quotient % 2 }
    return quotient + (rest * 2 > 1_000_000 ? 1 : 0)
  }

  // MARK: Rest

  /// Waits until nothing is under way any more; what still is after half a minute, else nil.
  static func comesToRest(_ bed: MixBed) async throws -> String? {
    let gauges = [
      "requests_active", "requests_waiting", "open_requests", "open_holds_usd",
      "user_slots_running", "account_running", "account_waiting", "drains_running",
    ]
    let port = bed.metricsPort
    return try await onThread {
      let clock = SystemMonotonicClock()
      let bell = Doorbell()
      let deadline = clock.now.advanced(seconds: 30)
      while true {
        let socket = try RawSocket.connect(port: port, timeoutSeconds: 60)
        try socket.send("GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        let page = Received(try socket.receiveAll()).text.split(separator: "\n")
        let busy = page.filter { line in
          gauges.contains { line.hasPrefix("daybook_\($0) ") || line.hasPrefix("daybook_\($0){") }
            && !(line.hasSuffix(" 0") || line.hasSuffix(" 0.0"))
        }
        if busy.isEmpty { return nil }
        if clock.now >= deadline { return busy.joined(separator: "; ") }
        bell.wait(until: clock.now.advanced(milliseconds: 50))
      }
    }
  }
}
