// What the ledger says after the crashes, read with `daybook cat`, beside the upstream's record.

import Base
import Foundation
import TestSupport
import Testing

/// One charge of an answer.
struct Settlement: Sendable {
  let messageID: String
  let tokens: Tokens
  let charged: Int64
  let isPartial: Bool
}

/// The events that matter here.
struct CrashBooks {
  private(set) var settlements: [Settlement] = []
  /// Closing events by the admission they close.
  private(set) var closings: [Int64: [String]] = [:]
  private(set) var admissions: Set<Int64> = []
  private(set) var credited: Int64 = 0

  var charged: Int64 { settlements.reduce(0) { $0 + $1.charged } }
  var unknown: Int { closings.values.filter { $0 == ["outcome_unknown"] }.count }

  init(_ bed: CrashBed) async throws {
    let closingTypes: Set = [
      "forward_settled", "forward_failed", "request_intercepted", "fallback_group_used",
      "outcome_unknown",
    ]
    for line in try await bed.command("cat").split(separator: "\n") {
      let event = try object(line)
      let type = try #require(event["type"] as? String)
      let sequence = try #require((event["sequence"] as? NSNumber)?.int64Value)
      if type == "billing_checked", event["allowed"] as? Bool == true {
        admissions.insert(sequence)
      }
      if type == "credit_added" { credited += try money(event, "amount_usd") }
      if closingTypes.contains(type) {
        let admission = try #require((event["admission_sequence"] as? NSNumber)?.int64Value)
        closings[admission, default: []].append(type)
      }
      if type == "forward_settled" { settlements.append(try settlement(event)) }
    }
  }
  private func settlement(_ event: [String: Any]) throws -> Settlement {
    func count(_ name: String) -> Int64 { (event[name] as? NSNumber)?.int64Value ?? 0 }
    return Settlement(
      messageID: event["upstream_message_id"] as? String ?? "",
      tokens: Tokens(
        input: count("input_tokens"), output: count("output_tokens"),
        cacheRead: count("cache_read_tokens"),
        cacheWrite: count("cache_write_5m_tokens") + count("cache_write_1h_tokens")),
      charged: try money(event, "charged_usd"), isPartial: event["partial"] as? Bool ?? false)
  }
  private func money(_ event: [String: Any], _ name: String) throws -> Int64 {
    try nanoUSD(try #require(event[name] as? String, "\(name) is missing in \(event)"))
  }
}

/// The upstream's record: what each whole answer used, by message id.
func recordedAnswers(_ bed: CrashBed) throws -> [String: Tokens] {
  var answers: [String: Tokens] = [:]
  for line in try String(contentsOfFile: bed.record, encoding: .utf8).split(separator: "\n") {
    let record = try JSONParser().parse(String(line))
    guard record["complete"]?.bool == true, let id = record["message_id"]?.string else { continue }
    answers[id] = Tokens(usage: record["usage"])
  }
  return answers
}

/// What tokens of claude-opus-5-5 cost, nano-USD: 4, 20, 0.2 and 5 USD a million.
func price(_ tokens: Tokens) -> Int64 {
  tokens.input * 4_000 + tokens.output * 20_000 + tokens.cacheRead * 200 + tokens.cacheWrite * 5_000
}

private func object(_ line: Substring) throws -> [String: Any] {
  let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
  return try #require(value as? [String: Any])
}

/// What `sqlite3` answers, without the line's end.
func askSQLite(_ database: String, _ query: String) async throws -> String {
  try await onThread {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["sqlite3", "-readonly", database, query]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw ServerFailure(description: "sqlite3 failed (is it installed?): \(query)")
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
