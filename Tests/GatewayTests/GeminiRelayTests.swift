// Gemini's streams on their way through StreamRelay, and both translations under mutated input:
// they never trap, and what they write is JSON and events.
import Base
import HTTP
import Testing

@testable import Gateway

private func stream(model: String = "gemini-2.5-flash") -> GeminiStream {
  GeminiStream(
    shownModel: "asked-for", model: model, signatures: ThoughtSignatures(), ids: countingIDs())
}

private func example(_ name: String) throws -> UpstreamCase {
  try #require(UpstreamCase.all.first { $0.description == "gemini/\(name)" })
}

struct GeminiRelayTests {
  @Test func `the relay reads from the events what the stream itself meters`() throws {
    for example in UpstreamCase.all where example.read("answer.sse") != nil {
      let (events, stream) = try example.events(cutAt: [])
      guard stream.isComplete, stream.reported.output.value != nil else { continue }
      var relay = StreamRelay(restoring: nil)
      relay.take(events)
      #expect(relay.end == .stopped, "\(example)")
      let (relayed, own) = (
        relay.meter.reading(ending: nil, estimatedInput: 9),
        stream.meter.reading(ending: nil, estimatedInput: 9)
      )
      #expect(relayed == own, "\(example)")
      #expect(relay.meter.contentBytes == stream.meter.contentBytes, "\(example)")
      #expect(relay.meter.stopReason == stream.meter.stopReason, "\(example)")
    }
  }

  @Test func `message_start waits in the relay until there is content`() throws {
    var gemini = stream()
    var relay = StreamRelay(restoring: nil)
    relay.take(
      gemini.take(
        Array("data: {\"usageMetadata\":{\"promptTokenCount\":3}}\n\n".utf8), now: upstreamNow))
    #expect(relay.holdsBack && relay.takeOutput().isEmpty)
    let chunk = #"data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#
    relay.take(gemini.take(Array((chunk + "\n\n").utf8), now: upstreamNow))
    #expect(relay.isReleased)
  }

  @Test func `an error before content leaves failover open`() throws {
    var relay = StreamRelay(restoring: nil)
    relay.take(try example("error-before-content").events(cutAt: []).events)
    guard case .error("rate_limit_error", _) = relay.end else {
      Issue.record("no error seen")
      return
    }
    #expect(!relay.isReleased)
  }

  @Test func `a cut stream without any usage is estimated, not taken for nothing`() throws {
    let (_, stream) = try example("cut-without-usage").events(cutAt: [])
    let reading = stream.meter.reading(ending: .upstreamCut, estimatedInput: 70)
    #expect(reading.usage.input == 70 && reading.usage.output == 4 && reading.isEstimated)
  }

  @Test func `nothing follows an error or the end`() throws {
    var gemini = stream()
    _ = gemini.take(Array("data: {\"error\":{\"message\":\"x\"}}\n\n".utf8), now: upstreamNow)
    let more = Array("data: {\"candidates\":[]}\n\n".utf8)
    #expect(gemini.take(more, now: upstreamNow).isEmpty && gemini.end().isEmpty)
    var other = stream()
    _ = other.end()
    #expect(other.take(more, now: upstreamNow).isEmpty && other.end().isEmpty)
  }

  @Test func `a stream without lines is bounded`() {
    var gemini = stream()
    let piece = [UInt8](repeating: 0x61, count: 1 << 20)
    for _ in 0..<9 where gemini.failure == nil { _ = gemini.take(piece, now: upstreamNow) }
    guard case .malformed = gemini.failure else {
      Issue.record("an endless line was taken")
      return
    }
  }

  @Test func `a stream over the limit is not gathered`() {
    let message = GeminiMessage(
      shownModel: "m", model: "m", signatures: ThoughtSignatures(), ids: countingIDs())
    var accumulator = GeminiAccumulator(message: message, limit: 10)
    accumulator.take(Array("data: {}\n\n\n".utf8), now: upstreamNow)
    #expect(accumulator.failure != nil)
    #expect(throws: GeminiFailure.self) { try accumulator.end() }
  }

  @Test func `a call's signature comes back with the call, also when it came late`() throws {
    for name in ["tools", "late-signature"] {
      let signatures = ThoughtSignatures()
      let example = try example(name)
      var gemini = GeminiStream(
        shownModel: "m", model: example.model, signatures: signatures, ids: countingIDs())
      let events = gemini.take(example.read("answer.sse") ?? [], now: upstreamNow)
      #expect(!events.isEmpty)
      let id = "toolu_100000002000000030000000"
      let signature = try #require(signatures.signature(for: id, now: upstreamNow))
      let body = """
        {"messages":[{"role":"assistant","content":\
        [{"type":"tool_use","id":"\(id)","name":"get_weather","input":{}}]}]}
        """
      let sent = try GeminiRequest.translate(
        Array(body.utf8), model: "m", signatures: signatures, now: upstreamNow)
      #expect(
        String(decoding: sent, as: UTF8.self).contains("\"thoughtSignature\":\"\(signature)\""))
    }
  }
}

/// Input with a few bytes changed, taken out, doubled or brought in from elsewhere.
private func mutated(_ bytes: [UInt8], _ dice: inout SplitMix) -> [UInt8] {
  var bytes = bytes
  for _ in 0..<Int.random(in: 1...6, using: &dice) where !bytes.isEmpty {
    let at = Int.random(in: 0..<bytes.count, using: &dice)
    let end = min(bytes.count, at + Int.random(in: 1...24, using: &dice))
    switch Int.random(in: 0..<6, using: &dice) {
    case 0: bytes[at] = UInt8.random(in: 0...255, using: &dice)
    case 1: bytes.removeSubrange(at..<end)
    case 2: bytes.insert(contentsOf: bytes[at..<end], at: at)
    case 3: bytes.insert(contentsOf: Array(#"{"a":[1,null]}"#.utf8), at: at)
    case 4: bytes[at] = Array(#"{}[]",:\0-e"#.utf8).randomElement(using: &dice) ?? 0
    default:
      let words = ["null", "\"\"", "[]", "{}", "-1", "1e99", "true", #""\ud800""#]
      bytes.replaceSubrange(at..<end, with: Array((words.randomElement(using: &dice) ?? "").utf8))
    }
  }
  return bytes
}

/// Members of a JSON text exchanged for others: it stays JSON.
private func shuffled(_ value: JSONValue, _ dice: inout SplitMix) -> JSONValue {
  if Int.random(in: 0..<40, using: &dice) == 0 {
    let others: [JSONValue] = [
      .null, .bool(true), .number("-7"), .number("1e30"), .string(""), .string("\u{0}\"漢"),
      .array([]), .object(JSONObject()), .array([.array([.null])]),
    ]
    return others.randomElement(using: &dice) ?? .null
  }
  switch value {
  case .array(let elements): return .array(elements.map { shuffled($0, &dice) })
  case .object(var object):
    for index in object.members.indices {
      object.members[index].value = shuffled(object.members[index].value, &dice)
    }
    if object.members.count > 1, Int.random(in: 0..<20, using: &dice) == 0 {
      object.members.swapAt(0, object.members.count - 1)
    }
    return .object(object)
  default: return value
  }
}

/// Tests that bytes are events whose data is JSON.
private func expectEvents(_ bytes: [UInt8], _ note: String) throws {
  var scanner = EventScanner()
  scanner.append(bytes)
  while let event = try scanner.next() {
    #expect(!event.name.isEmpty, "\(note)")
    _ = try JSONParser(duplicates: .keepLast).parse(event.data.span)
  }
  #expect(scanner.remainder.isEmpty, "\(note)")
}

struct GeminiMutationTests {
  private static let rounds = 60

  private func note(_ seed: UInt64, _ example: UpstreamCase) -> String {
    "seed \(seed), \(example)"
  }

  @Test(arguments: UpstreamCase.all)
  func `changed requests give JSON or are refused`(example: UpstreamCase) throws {
    guard let request = example.read("request.json") else { return }
    let tree = try JSONParser().parse(request)
    let seed = UInt64.random(in: 0...UInt64.max)
    var dice = SplitMix(seed: seed)
    for round in 0..<Self.rounds * 4 {
      let body =
        round.isMultiple(of: 2)
        ? mutated(request, &dice) : Array(shuffled(tree, &dice).text.utf8)
      do throws(Answer) {
        let sent = try GeminiRequest.translate(
          body, model: example.model,
          form: [.generate, .count, .antigravity(project: "p")][round % 3],
          signatures: upstreamSignatures(), now: upstreamNow)
        #expect(throws: Never.self, "\(note(seed, example))") {
          _ = try JSONParser(maxDepth: 256, duplicates: .keepLast).parse(sent)
        }
      } catch {
        #expect(error.status == 400, "\(note(seed, example))")
      }
    }
  }

  @Test(arguments: UpstreamCase.all)
  func `changed streams give events`(example: UpstreamCase) throws {
    guard let bytes = example.read("answer.sse") else { return }
    let seed = UInt64.random(in: 0...UInt64.max)
    var dice = SplitMix(seed: seed)
    for _ in 0..<Self.rounds {
      let changed = mutated(bytes, &dice)
      var gemini = stream()
      var events: [UInt8] = []
      var start = 0
      while start < changed.count {
        let end = min(changed.count, start + Int.random(in: 1...200, using: &dice))
        events += gemini.take(Array(changed[start..<end]), now: upstreamNow)
        start = end
      }
      events += gemini.end()
      try expectEvents(events, note(seed, example))
      _ = gemini.meter.reading(ending: .upstreamCut, estimatedInput: 1)
    }
  }

  @Test(arguments: UpstreamCase.all)
  func `changed answers give JSON, an error, or are told to be malformed`(
    example: UpstreamCase
  ) throws {
    guard let answer = example.read("answer.json") else { return }
    let tree = try JSONParser().parse(answer)
    let seed = UInt64.random(in: 0...UInt64.max)
    var dice = SplitMix(seed: seed)
    for round in 0..<Self.rounds * 2 {
      let body =
        round.isMultiple(of: 2)
        ? mutated(answer, &dice) : Array(shuffled(tree, &dice).text.utf8)
      let whole = try? GeminiAnswer.read(
        body, shownModel: "m", model: "gemini-2.5-flash", signatures: ThoughtSignatures(),
        ids: countingIDs(), now: upstreamNow)
      guard let whole else { continue }
      #expect(throws: Never.self, "\(note(seed, example))") {
        _ = try JSONParser(maxDepth: 256, duplicates: .keepLast).parse(whole.body)
      }
      _ = whole.meter.reading(ending: nil, estimatedInput: 1)
    }
  }

  @Test func `changed errors are read`() {
    let body = Array(
      """
      {"error":{"code":429,"message":"Please retry in 1m 2s","status":"X",
       "details":[{"retryDelay":"7s"}]}}
      """.utf8)
    let seed = UInt64.random(in: 0...UInt64.max)
    var dice = SplitMix(seed: seed)
    for _ in 0..<2000 {
      let read = GeminiError(status: 429, body: mutated(body, &dice))
      let seconds = read.restSeconds(now: upstreamNow, pacific: .standard)
      #expect((1...604_800).contains(seconds), "seed \(seed)")
    }
  }
}
