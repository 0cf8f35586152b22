// The recorded pairs of fixtures/upstream (its README says what they are): requests of the Messages
// API and what Gemini is sent for them, answers of Gemini and what the caller gets and is charged.
//
// Where the translation is meant to change: DAYBOOK_WRITE_UPSTREAM=1 swift test --filter Upstream
// writes down what comes out, to be read before it is committed.
import Base
import Foundation
import Synchronization
import Testing

@testable import Gateway

/// One folder of fixtures/upstream.
struct UpstreamCase: CustomStringConvertible, Sendable {
  let platform: String
  let name: String

  var description: String { "\(platform)/\(name)" }

  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "fixtures/upstream")

  static let all: [UpstreamCase] = ["antigravity", "gemini"].flatMap { platform in
    let folder = root.appending(path: platform).path(percentEncoded: false)
    let names = (try? RealFileSystem().list(folder)) ?? []
    return names.sorted().map { UpstreamCase(platform: platform, name: $0) }
  }

  private func url(_ file: String) -> URL {
    Self.root.appending(path: "\(platform)/\(name)/\(file)")
  }

  /// nil when the case has no such file.
  func read(_ file: String) -> [UInt8]? {
    try? RealFileSystem().readFile(url(file).path(percentEncoded: false))
  }

  func write(_ file: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: url(file))
  }

  static let isWriting =
    ProcessInfo.processInfo.environment["DAYBOOK_WRITE_UPSTREAM"] != nil
}

/// The moment at which all cases happen.
let upstreamNow = Timestamp(seconds: 1_790_000_000)

/// The signature every case finds in memory.
func upstreamSignatures() -> ThoughtSignatures {
  let signatures = ThoughtSignatures()
  signatures.remember("c2lnbmVkIGNhbGw=", for: "toolu_signed", now: upstreamNow)
  return signatures
}

/// Ids whose letters count up.
func countingIDs() -> AnswerIDs {
  let counter = Mutex<UInt64>(0)
  return AnswerIDs {
    counter.withLock { count in
      count += 1
      return count
    }
  }
}

extension UpstreamCase {
  /// The model of the case's request.
  var model: String {
    guard let body = read("request.json"), let value = try? JSONParser().parse(body) else {
      return "gemini-2.5-flash"
    }
    return value["model"]?.string ?? "gemini-2.5-flash"
  }

  func sent() throws -> [UInt8]? {
    guard let request = read("request.json") else { return nil }
    do throws(Answer) {
      return try GeminiRequest.translate(
        request, model: model,
        form: platform == "antigravity" ? .antigravity(project: "daybook-tests") : .generate,
        signatures: upstreamSignatures(), now: upstreamNow)
    } catch {
      return error.body
    }
  }

  /// Feeds the stream of the case in pieces.
  func events(cutAt cuts: [Int]) throws -> (events: [UInt8], stream: GeminiStream) {
    let bytes = read("answer.sse") ?? []
    var stream = GeminiStream(
      shownModel: "asked-for", model: model, signatures: upstreamSignatures(), ids: countingIDs())
    var events: [UInt8] = []
    var start = 0
    for cut in cuts + [bytes.count] {
      events += stream.take(Array(bytes[start..<cut]), now: upstreamNow)
      start = cut
    }
    return (events + stream.end(), stream)
  }

  /// The whole message of the case's answer, or the error's body.
  func message() throws -> (body: [UInt8], meter: UsageMeter?)? {
    let message = GeminiMessage(
      shownModel: "asked-for", model: model, signatures: upstreamSignatures(), ids: countingIDs())
    do throws(GeminiFailure) {
      if let answer = read("answer.json") {
        let whole = try GeminiAnswer.read(
          answer, shownModel: "asked-for", model: model, signatures: upstreamSignatures(),
          ids: countingIDs(), now: upstreamNow)
        return (whole.body, whole.meter)
      }
      guard let stream = read("answer.sse") else { return nil }
      var accumulator = GeminiAccumulator(message: message, limit: 1 << 20)
      accumulator.take(stream, now: upstreamNow)
      let whole = try accumulator.end()
      return (whole.body, whole.meter)
    } catch {
      switch error {
      case .error(let error): return (error.answer.body, nil)
      case .malformed(let what): return (Answer(502, "malformed", what).body, nil)
      }
    }
  }

  /// What is charged, as text.
  static func describe(_ meter: UsageMeter) -> [UInt8] {
    let reading = meter.reading(
      ending: meter.hasStopReason ? nil : .upstreamCut, estimatedInput: 1000)
    let usage = reading.usage
    let lines = [
      "message \(meter.messageID)", "model \(meter.model)", "stop \(meter.stopReason)",
      "input \(usage.input)", "cache read \(usage.cacheRead)", "output \(usage.output)",
      "searches \(usage.webSearches)", "content bytes \(meter.contentBytes)",
      "partial \(reading.isPartial)", "estimated \(reading.isEstimated)",
      "reason \(reading.reason)",
    ]
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }
}

/// Compares, or writes down, one file of a case.
private func check(
  _ actual: [UInt8]?, _ file: String, of example: UpstreamCase,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  guard let actual else { return }
  if UpstreamCase.isWriting { return try example.write(file, actual) }
  guard let expected = example.read(file) else {
    Issue.record("\(example) has no \(file)", sourceLocation: sourceLocation)
    return
  }
  if file.hasSuffix(".json") {
    let (was, now) = (try JSONParser().parse(expected), try JSONParser().parse(actual))
    #expect(now.text == was.text, "\(example) \(file)", sourceLocation: sourceLocation)
  } else {
    #expect(
      String(decoding: actual, as: UTF8.self) == String(decoding: expected, as: UTF8.self),
      "\(example) \(file)", sourceLocation: sourceLocation)
  }
}

struct UpstreamFixtureTests {
  @Test func `there are cases`() {
    #expect(UpstreamCase.all.count > 25)
  }

  @Test(arguments: UpstreamCase.all)
  func `a recorded request is sent as recorded`(example: UpstreamCase) throws {
    try check(try example.sent(), "sent.json", of: example)
  }

  @Test(arguments: UpstreamCase.all)
  func `a recorded answer becomes the recorded message`(example: UpstreamCase) throws {
    try check(try example.message()?.body, "message.json", of: example)
  }

  @Test(arguments: UpstreamCase.all)
  func `a recorded stream becomes the recorded events`(example: UpstreamCase) throws {
    guard example.read("answer.sse") != nil else { return }
    try check(try example.events(cutAt: []).events, "events.sse", of: example)
  }

  @Test(arguments: UpstreamCase.all)
  func `a recorded answer is metered as recorded`(example: UpstreamCase) throws {
    if example.read("answer.sse") != nil {
      try check(
        UpstreamCase.describe(try example.events(cutAt: []).stream.meter), "usage.txt",
        of: example)
    } else if let meter = try example.message()?.meter {
      try check(UpstreamCase.describe(meter), "usage.txt", of: example)
    }
  }

  @Test(arguments: UpstreamCase.all)
  func `whole message and stream are metered alike`(example: UpstreamCase) throws {
    guard example.read("answer.sse") != nil, let meter = try example.message()?.meter else {
      return
    }
    #expect(
      UpstreamCase.describe(meter)
        == UpstreamCase.describe(try example.events(cutAt: []).stream.meter))
  }

  @Test(arguments: UpstreamCase.all)
  func `cuts change no event`(example: UpstreamCase) throws {
    guard let bytes = example.read("answer.sse") else { return }
    let whole = try example.events(cutAt: []).events
    #expect(try example.events(cutAt: Array(1..<bytes.count)).events == whole, "byte by byte")
    for _ in 0..<20 {
      let seed = UInt64.random(in: 0...UInt64.max)
      var dice = SplitMix(seed: seed)
      let cuts = (0..<Int.random(in: 1...20, using: &dice)).map { _ in
        Int.random(in: 0...bytes.count, using: &dice)
      }
      #expect(try example.events(cutAt: cuts.sorted()).events == whole, "seed \(seed)")
    }
  }
}

/// A generator with a seed (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
