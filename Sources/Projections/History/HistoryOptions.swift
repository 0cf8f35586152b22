// What a generated history is to be like.
public import Base
internal import Ledger

/// Options of a generated history.
public struct HistoryOptions: Sendable {
  public var seed: UInt64 = 1
  /// Requests that reach the billing check.
  public var requests = 10_000
  public var users = 300
  /// When it begins. Events are dated from here on, at the pace of `requestsPerSecond`.
  public var start = Timestamp(seconds: 1_767_225_600)
  /// On average over a day; nights are quieter, afternoons busier.
  public var requestsPerSecond = 4.0
  /// Whether some requests fail, fail over, are refused or only count tokens, as they do. Without
  /// it every request is an admission and a settlement.
  public var hasFailures = true
  /// Sizes of recorded requests to draw chats and completions from, (tokens in, tokens out); the
  /// built-in distributions when empty.
  public var recordedChats: [(input: Int, output: Int)] = []
  public var recordedCompletions: [(input: Int, output: Int)] = []

  /// SHA-256 of a key that is known: the first caller's, in a group that pays from the balance.
  /// Empty = none; all other keys are random.
  public var firstKeyHash: [UInt8] = []
  /// What each user begins with.
  public var startingCreditUSD: Int64 = 100
  /// Requests at a time of each user; <= 0 = no limit.
  public var concurrency: Int32 = 5

  public init() {}

  /// About how long the history lasts.
  public var seconds: Double { Double(requests) / requestsPerSecond }
}
