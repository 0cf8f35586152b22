// Which event touched a user's rows last: GET /v1/usage waits until that one is durable, not for
// the traffic of everybody else. Kept for this run only: what was folded at start is durable.
import Ledger

struct Touches {
  private var byUser: [UInt64] = []
  /// The last event that is not of one user's traffic or money: it may touch anybody.
  private var common = SequenceNumber.none

  /// - Precondition: the record is of this type.
  mutating func note(_ record: RecordView, _ type: RecordType, _ sequence: SequenceNumber) {
    guard type.hasParty else {
      common = sequence
      return
    }
    let user = Int(record.user.value)
    if user >= byUser.count {
      byUser.append(contentsOf: repeatElement(0, count: user + 1 - byUser.count))
    }
    byUser[user] = sequence.value
  }

  func last(of user: UserID) -> SequenceNumber {
    let user = Int(user.value)
    return max(common, SequenceNumber(user < byUser.count ? byUser[user] : 0))
  }
}

extension RecordType {
  /// Whether user, key, admission and service day stand at their fixed offsets.
  var hasParty: Bool {
    switch self {
    case .billingChecked, .attemptFailed, .forwardSettled, .forwardFailed, .requestIntercepted,
      .requestRejected, .fallbackGroupUsed, .tokensCounted, .outcomeUnknown, .lateSettled,
      .chargeCorrected, .creditAdded:
      true
    default: false
    }
  }
}
