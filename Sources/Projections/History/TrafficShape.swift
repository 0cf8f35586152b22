// What one request of realistic traffic looks like: who asks, for how much, how long it takes.
//
// Three kinds of callers. Agents (Claude Code and the like) work in sessions: each turn reads the
// context so far from the cache, writes what is new to it, and grows until it is compacted. Chats
// and completions come with sizes like those of the Azure LLM inference trace of 2023
// (https://github.com/Azure/AzurePublicDataset: medians 1,020 in and 129 out, 1,469 in and 13 out).
internal import Base
internal import Ledger

/// What kind of traffic a key sends.
enum CallerKind: Sendable { case agent, chat, completion }

/// The size of one request and its answer.
struct TrafficShape: Sendable {
  var model = 0
  var usage = TokenUsage()
  var isStream = true
  var stopReason = StopReason.endTurn
  var firstTokenMilliseconds = 0
  var durationMilliseconds = 0
  /// Bytes of text in the request's body.
  var textBytes = 0
  var usesHourCache = false
}

/// A key's working session: what the upstream's cache holds of it.
struct CallerSession: Sendable {
  /// Tokens of system prompt and tools.
  let base: Int
  var context: Int
  var lastTime = Timestamp(microseconds: 0)

  init(base: Int) {
    self.base = base
    context = base
  }
}

extension TrafficShape {
  /// Tokens of the prompt that all sessions of one client share.
  private static let sharedPrefix = 14_200
  /// An agent compacts its context beyond this.
  private static let fullContext = 165_000

  /// An agent's next turn.
  static func turn(
    _ session: inout CallerSession, at time: Timestamp, usesHourCache: Bool,
    _ random: inout SeededRandom
  ) -> TrafficShape {
    let idleSeconds = time.microseconds(since: session.lastTime) / 1_000_000
    session.lastTime = time
    var shape = TrafficShape()
    var cached = session.context
    if idleSeconds > 2400 || session.context > fullContext {
      session.context = session.base + random.count(median: 900, spread: 0.8, in: 20...20_000)
      cached = sharedPrefix
    } else if idleSeconds > (usesHourCache ? 3600 : 300) {
      cached = 0
    }
    let new = random.count(median: 650, spread: 1.3, in: 12...40_000)
    let written = max(0, session.context - cached) + new
    shape.usage.cacheRead = Int64(cached)
    if usesHourCache {
      shape.usage.cacheWrite1h = Int64(written)
    } else {
      shape.usage.cacheWrite5m = Int64(written)
    }
    shape.usage.input = Int64(2 + random.below(9))
    shape.usage.output = Int64(random.count(median: 210, spread: 1.2, in: 1...32_000))
    shape.stopReason = random.happens(0.78) ? .toolUse : .endTurn
    shape.usesHourCache = usesHourCache
    session.context += new + Int(shape.usage.output)
    shape.finish(&random)
    return shape
  }

  /// A request without any cache: a chat, a completion, an agent's small side question.
  static func single(
    input: (median: Double, spread: Double), output: (median: Double, spread: Double),
    _ random: inout SeededRandom
  ) -> TrafficShape {
    var shape = TrafficShape()
    shape.usage.input = Int64(
      random.count(median: input.median, spread: input.spread, in: 3...120_000))
    shape.usage.output = Int64(
      random.count(median: output.median, spread: output.spread, in: 1...16_000))
    if random.happens(0.012) { shape.stopReason = .maxTokens }
    shape.finish(&random)
    return shape
  }

  /// A request of a recorded size.
  static func recorded(input: Int, output: Int, _ random: inout SeededRandom) -> TrafficShape {
    var shape = TrafficShape()
    shape.usage.input = Int64(max(1, input))
    shape.usage.output = Int64(max(1, output))
    shape.finish(&random)
    return shape
  }

  private mutating func finish(_ random: inout SeededRandom) {
    usage.serviceTier = .standard
    let prompt = Double(usage.tierTokens)
    firstTokenMilliseconds = random.count(
      median: 480 + prompt / 90, spread: 0.35, in: 90...90_000)
    let tokensPerSecond = random.logNormal(median: 74, spread: 0.25)
    let writing = Double(usage.output) / max(5, tokensPerSecond) * 1000
    durationMilliseconds = firstTokenMilliseconds + Int(min(writing, 590_000))
    textBytes = Int(prompt * random.logNormal(median: 3.9, spread: 0.08))
  }
}
