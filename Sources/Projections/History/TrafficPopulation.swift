// Who sends the traffic of a generated history: users with keys of different habits and very
// different zeal, a few groups, accounts and models.
internal import Base
internal import Ledger

/// A caller's key, with the habits that its traffic shows.
struct HistoryCaller: Sendable {
  var user = UserID.none
  var key = KeyID.none
  /// Index in `TrafficPopulation.groups`.
  var group = 0
  var kind = CallerKind.agent
  var usesHourCache = false
  var session = CallerSession(base: 0)
  /// Index in `TrafficPopulation.userAgents`.
  var userAgent = 0
  var address: [UInt8] = []
  /// Index in the accounts: the sticky one.
  var account = 0
  /// Index in `TrafficPopulation.models`.
  var model = 0
}

/// A group of a generated history.
struct HistoryGroup: Sendable {
  let name: String
  let target: PaymentTarget
  let multiplier: PartsPerMillion
}

struct TrafficPopulation: Sendable {
  static let groups = [
    HistoryGroup(name: "generated-default", target: .balance, multiplier: .one),
    HistoryGroup(
      name: "generated-pro", target: .subscription, multiplier: PartsPerMillion(800_000)),
    HistoryGroup(name: "generated-api", target: .balance, multiplier: PartsPerMillion(1_250_000)),
  ]
  static let accountCount = 12
  static let models = [
    "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-sonnet-4-5",
  ]
  /// The small model that agents ask side questions.
  static let smallModel = 2
  static let userAgents =
    (318...330).map { "claude-cli/2.1.\($0) (external, cli)" }
    + (318...330).map { "claude-cli/2.1.\($0) (external, sdk-cli)" }
    + (60...72).map { "Anthropic/Python 0.\($0).0" }
    + (50...58).map { "Anthropic/JS 0.\($0).1" } + ["curl/7.88.1", "python-requests/2.32.3"]

  private static let kinds = WeightedPicker<CallerKind>([
    (.agent, 0.62), (.chat, 0.28), (.completion, 0.10),
  ])
  private static let agentModels = WeightedPicker<Int>([(0, 0.45), (1, 0.47), (3, 0.08)])
  private static let otherModels = WeightedPicker<Int>([(1, 0.4), (2, 0.45), (3, 0.1), (0, 0.05)])
  private static let groupShares = WeightedPicker<Int>([(0, 0.55), (1, 0.3), (2, 0.15)])

  var callers: [HistoryCaller] = []
  private let popularity: RankPicker
  /// Keys that are at work: most requests come from these.
  private var busy: [Int] = []
  private let busyLimit: Int

  /// - Parameters:
  ///   - users: at least 1; every fourth has a second key.
  ///   - firstUser: number of the first one in the ledger, likewise `firstKey`.
  init(
    users: Int, firstUser: UInt32, firstKey: UInt32, busyLimit: Int, _ random: inout SeededRandom
  ) {
    precondition(users > 0)
    self.busyLimit = max(1, busyLimit)
    for user in 0..<users {
      for _ in 0..<(user % 4 == 3 ? 2 : 1) {
        var caller = Self.caller(&random)
        caller.user = UserID(firstUser + UInt32(user))
        caller.key = KeyID(firstKey + UInt32(callers.count))
        callers.append(caller)
      }
    }
    popularity = RankPicker(count: callers.count, exponent: 1.05)
  }

  private static func caller(_ random: inout SeededRandom) -> HistoryCaller {
    var caller = HistoryCaller()
    caller.kind = kinds.pick(&random)
    caller.group = groupShares.pick(&random)
    caller.usesHourCache = caller.kind == .agent && random.happens(0.2)
    caller.session = CallerSession(base: 15_000 + random.below(14_000))
    let agents = caller.kind == .agent ? 0..<26 : 26..<userAgents.count
    caller.userAgent = agents.lowerBound + random.below(agents.count)
    caller.address = (0..<(random.happens(0.2) ? 16 : 4)).map { _ in UInt8(random.below(256)) }
    if caller.address.count == 16 { caller.address.replaceSubrange(0..<2, with: [0x20, 0x01]) }
    caller.account = random.below(accountCount)
    caller.model = (caller.kind == .agent ? agentModels : otherModels).pick(&random)
    return caller
  }

  /// Index of the caller that sends the next request.
  mutating func nextCaller(_ random: inout SeededRandom) -> Int {
    if !busy.isEmpty, random.happens(0.85) {
      let place = random.below(busy.count)
      let caller = busy[place]
      // Work ends after some thirty requests.
      if random.happens(0.03) { busy.remove(at: place) }
      return caller
    }
    let caller = popularity.pick(&random)
    if busy.count >= busyLimit { busy.remove(at: random.below(busy.count)) }
    busy.append(caller)
    return caller
  }
}
