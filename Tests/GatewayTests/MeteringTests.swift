// From what upstreams report to what is charged.
import Base
import Ledger
import Testing

@testable import Gateway

private struct NoUsage: Error {}
private func reported(_ json: String) throws -> ReportedUsage {
  let bytes = Array(json.utf8)
  let scanner = try JSONScanner(bytes.span)
  guard let usage = ReportedUsage(anthropic: scanner.root, scanner) else { throw NoUsage() }
  return usage
}
private func streamed(_ start: String, _ deltas: String..., content: Int = 40) throws -> UsageMeter
{
  var meter = UsageMeter()
  meter.messageStart(id: "msg_1", model: "m", usage: try reported(start))
  meter.content(bytes: content)
  for delta in deltas { meter.messageDelta(stopReason: "end_turn", usage: try reported(delta)) }
  return meter
}

@Test func `a whole stream is charged what its last report says`() throws {
  let meter = try streamed(
    #"{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}"#,
    #"{"output_tokens":33}"#, #"{"output_tokens":44,"input_tokens":0}"#)
  let reading = meter.reading(ending: nil, estimatedInput: 99)
  #expect(reading.usage.input == 10 && reading.usage.cacheRead == 5)
  #expect(reading.usage.output == 44)
  #expect(!reading.isPartial && !reading.isEstimated && reading.reason == .none)
}

@Test func `cache writes are split by lifetime`() throws {
  let meter = try streamed(
    """
    {"input_tokens":1,"cache_creation_input_tokens":100,
     "cache_creation":{"ephemeral_5m_input_tokens":70,"ephemeral_1h_input_tokens":30}}
    """, #"{"output_tokens":1}"#)
  let usage = meter.reading(ending: nil, estimatedInput: 0).usage
  #expect(usage.cacheWrite1h == 30 && usage.cacheWrite5m == 70)
}

@Test func `unknown output is estimated from what was received`() throws {
  let meter = try streamed(#"{"input_tokens":10,"output_tokens":3}"#, content: 41)
  let reading = meter.reading(ending: .upstreamCut, estimatedInput: 99)
  #expect(reading.usage.output == 11 && reading.usage.input == 10)
  #expect(reading.isPartial && reading.isEstimated && reading.reason == .upstreamCut)
}

@Test func `the estimate is never below what message_start said`() throws {
  let meter = try streamed(#"{"input_tokens":10,"output_tokens":30}"#, content: 4)
  #expect(meter.reading(ending: .upstreamCut, estimatedInput: 0).usage.output == 30)
}

@Test func `unknown input is the hold's estimate less what caches took`() {
  var meter = UsageMeter()
  meter.wholeAnswer(id: "", model: "m", stopReason: "end_turn", usage: nil, contentBytes: 8)
  let reading = meter.reading(ending: nil, estimatedInput: 77)
  #expect(reading.usage.input == 77 && reading.usage.output == 2)
  #expect(reading.isEstimated && reading.reason == .usageMissing)
}

@Test(arguments: ["-1", "1000000001", "1.5", "10000000000000000000", "\"7\"", "1e400"])
func `a count that cannot be is not believed`(number: String) throws {
  let meter = try streamed(
    #"{"input_tokens":\#(number)}"#, #"{"output_tokens":\#(number)}"#, content: 40)
  let reading = meter.reading(ending: nil, estimatedInput: 55)
  #expect(reading.usage.input == 55 && reading.usage.output == 10)
  #expect(reading.isPartial && reading.reason == .usageInvalid)
}

@Test func `fields without a price are kept`() throws {
  let usage = try reported(#"{"input_tokens":1,"future_tokens":12,"note":"x"}"#)
  #expect(usage.unknown == ["future_tokens": "12"])
}

@Test func `only foreign iterations and compactions are lines of their own`() throws {
  let meter = try streamed(
    #"{"input_tokens":1}"#,
    """
    {"output_tokens":2,"iterations":[{"type":"message","model":"m","input_tokens":1},
     {"type":"compaction","input_tokens":7,"output_tokens":3},
     {"type":"message","model":"other","input_tokens":9,"output_tokens":4}]}
    """)
  let lines = meter.reading(ending: nil, estimatedInput: 0).lines
  #expect(lines.map(\.usage.input) == [7, 9])
  #expect(lines.map(\.model) == ["", "other"])
}

// MARK: - Relay

private let startEvent =
  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_9\","
  + "\"model\":\"sent\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"
private let blockEvent =
  "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
  + "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
private let deltaEvent =
  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
  + "\"delta\":{\"type\":\"text_delta\",\"text\":\"h\\u00e9llo\"}}\n\n"
private let endEvents =
  "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":"
  + "{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}\n\n"
private let stopEvent = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

private func relayed(_ text: String, pieces: Int, restoring: String? = nil) -> (
  StreamRelay, String
) {
  var relay = StreamRelay(restoring: restoring)
  let bytes = Array(text.utf8)
  var output: [UInt8] = []
  for start in stride(from: 0, to: bytes.count, by: pieces) {
    relay.take(Array(bytes[start..<min(start + pieces, bytes.count)]))
    output += relay.takeOutput()
  }
  return (relay, String(decoding: output, as: UTF8.self))
}

@Test(arguments: [1, 2, 7, 100_000])
func `a stream passes as it came but for message_stop`(pieces: Int) {
  let whole = startEvent + blockEvent + deltaEvent + endEvents + stopEvent
  let (relay, output) = relayed(whole, pieces: pieces)
  #expect(output == startEvent + blockEvent + deltaEvent + endEvents)
  #expect(relay.end == .stopped && relay.meter.stopReason == .endTurn)
  let usage = relay.meter.reading(ending: nil, estimatedInput: 0).usage
  #expect(usage.input == 3 && usage.output == 5)
  #expect(relay.meter.contentBytes == 6, "UTF-8 bytes of the text, escapes read")
}

@Test func `message_start waits for a sign of content`() {
  var (relay, output) = relayed(startEvent, pieces: 10)
  #expect(output.isEmpty && relay.holdsBack && !relay.isReleased)
  relay.release()
  #expect(String(decoding: relay.takeOutput(), as: UTF8.self) == startEvent)
}

@Test func `an error before content leaves failover open`() {
  let error =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"
  let (relay, output) = relayed(startEvent + error, pieces: 10)
  #expect(output.isEmpty && !relay.isReleased)
  guard case .error(let type, _) = relay.end else {
    Issue.record("no error seen")
    return
  }
  #expect(type == "overloaded_error")
}

@Test func `the caller's model name is put back`() {
  let (_, output) = relayed(startEvent + blockEvent, pieces: 1000, restoring: "asked \"x\"")
  #expect(output.contains(#""model":"asked \"x\"""#) && !output.contains("sent"))
}
