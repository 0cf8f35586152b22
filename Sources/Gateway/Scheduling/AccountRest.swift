// When an upstream account rests after a failure, and for how long (spec: gateway, section 3).
import Base
import Ledger

/// What a failed attempt does to its account.
struct AccountRest: Equatable {
  let condition: AccountCondition
  let seconds: Int64

  /// Settings of the configuration, in seconds.
  struct Rules: Equatable, Sendable {
    var rateLimitSeconds: Int64 = 300
    var overloadedSeconds: Int64 = 600
    var greatestFaultSeconds: Int64 = 60
    var errorSeconds: Int64 = 1800
  }

  /// - Parameters:
  ///   - status: of the upstream's answer; 0 when there was none (connection, TLS, timeout).
  ///   - isOperatorFault: a 400 that says that the account has no credit or is disabled.
  ///   - consecutiveFaults: 5xx and connection failures in a row before this one.
  /// - Returns: nil when the account may go on at once.
  init?(
    status: Int, isOperatorFault: Bool, resetHeader: String?, retryAfter: String?,
    statedSeconds: Int64? = nil,
    consecutiveFaults: Int, now: Timestamp, rules: Rules
  ) {
    switch status {
    case 401, 402, 403:
      self.init(condition: .error, seconds: rules.errorSeconds)
    case 400 where isOperatorFault:
      self.init(condition: .error, seconds: rules.errorSeconds)
    case 429:
      let seconds =
        statedSeconds ?? Self.secondsUntil(resetHeader, now: now) ?? Self.whole(retryAfter)
        ?? rules.rateLimitSeconds
      self.init(condition: .coolingDown, seconds: min(max(1, seconds), Self.greatestSeconds))
    case 529:
      self.init(condition: .coolingDown, seconds: rules.overloadedSeconds)
    case 0, 200..<300, 500...:
      let doubled = Int64(1) << Int64(min(20, max(0, consecutiveFaults)))
      let seconds = min(doubled, rules.greatestFaultSeconds)
      self.init(condition: .coolingDown, seconds: seconds)
    default:
      return nil
    }
  }

  private init(condition: AccountCondition, seconds: Int64) {
    self.condition = condition
    self.seconds = seconds
  }

  /// No header makes an account rest longer than a week.
  private static let greatestSeconds: Int64 = 7 * 86_400

  private static func whole(_ text: String?) -> Int64? {
    guard let text, let seconds = Int64(text), seconds >= 0 else { return nil }
    return seconds
  }

  /// `anthropic-ratelimit-unified-reset`: a moment in Unix seconds.
  private static func secondsUntil(_ text: String?, now: Timestamp) -> Int64? {
    guard let moment = whole(text) else { return nil }
    let seconds = moment - now.microseconds / 1_000_000
    return seconds > 0 ? seconds : nil
  }
}
