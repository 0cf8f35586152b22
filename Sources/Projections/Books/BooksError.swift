// Why an event was not appended.
public import Ledger

/// Nothing was appended.
public enum BooksError: Error, Equatable, CustomStringConvertible {
  /// The batch is full until the writer took it.
  case full
  /// The event's texts do not fit in a record.
  case tooLong(length: Int)
  /// The event contradicts the state.
  case refused(BooksRefusal)

  public var description: String {
    switch self {
    case .full: "the ledger's batch is full; try again in a moment"
    case .tooLong(let length):
      "the event needs \(length) bytes, a record holds \(RecordView.greatestLength)"
    case .refused(let refusal): refusal.description
    }
  }
}

/// What an event contradicts.
public enum BooksRefusal: Equatable, Sendable, CustomStringConvertible {
  case unknownUser(UserID)
  case unknownKey(KeyID)
  case unknownGroup(GroupID)
  case unknownAccount(AccountID)
  case unknownSubscription(SubscriptionID)
  /// A new thing must get the next number of its kind.
  case wrongNumber
  case nameTaken(String)
  /// Empty, too long or with control characters.
  case badName(String)
  case keyRevoked(KeyID)
  /// The hash of a key that was issued before.
  case keyKnown
  /// An admission that is not open: closed already, or never admitted.
  case notOpen(admission: SequenceNumber)
  /// A closing event that does not repeat its admission's user, key, day, time, payer and hold.
  case doesNotMatch(admission: SequenceNumber)
  /// The same credit was recorded before, by this event.
  case alreadyRecorded(SequenceNumber)
  /// The external id was used for another credit.
  case externalIDTaken(SequenceNumber)
  /// An amount or count out of the ledger's range.
  case outOfRange(String)
  case unknownZone(String)
  /// Valid already: extend it instead.
  case alreadySubscribed(SubscriptionID)
  /// Its end is not after its start.
  case endsBeforeItStarts
  /// A price or publication that does not continue its book.
  case priceBookOutOfOrder(PriceBookID)
  /// Prices that this version could not read back.
  case unreadablePrice(String)
  /// A book cannot come into force in the past.
  case effectiveInThePast
  /// A re-pricing job that is not pending, or sums that are not its corrections'.
  case repricingOutOfOrder(job: UInt32)
  /// The idempotency key was used in the last 24 hours, by the command of this event.
  case commandKnown(SequenceNumber)
  /// As many idempotency keys were used in the last 24 hours as are remembered.
  case tooManyCommands
  /// A code this version does not know.
  case unknownCode(String)

  public var description: String {
    switch self {
    case .unknownUser(let id): "there is no user \(id.value)"
    case .unknownKey(let id): "there is no key \(id.value)"
    case .unknownGroup(let id): "there is no group \(id.value)"
    case .unknownAccount(let id): "there is no account \(id.value)"
    case .unknownSubscription(let id): "there is no subscription \(id.value)"
    case .wrongNumber: "the event does not carry the next number of its kind"
    case .nameTaken(let name): "the name \(name) is taken"
    case .badName(let name): "\"\(name)\" cannot be a name"
    case .keyRevoked: "the key is revoked; a revoked key never comes back"
    case .keyKnown: "the key was issued before"
    case .notOpen(let admission): "request \(admission) is not open"
    case .doesNotMatch(let admission): "the event does not repeat its admission \(admission)"
    case .alreadyRecorded(let sequence): "the same credit was recorded as event \(sequence)"
    case .externalIDTaken(let sequence):
      "the external id belongs to another credit, event \(sequence)"
    case .outOfRange(let what): "\(what) is out of range"
    case .unknownZone(let name): "there is no time zone \(name)"
    case .alreadySubscribed: "the subscription is valid already; extend it instead"
    case .endsBeforeItStarts: "the end is not after the start"
    case .priceBookOutOfOrder(let book): "the event does not continue price book \(book.value)"
    case .unreadablePrice(let model): "the prices of \(model) cannot be read"
    case .effectiveInThePast: "a price book cannot come into force in the past"
    case .repricingOutOfOrder(let job): "the event does not fit re-pricing job \(job)"
    case .commandKnown(let sequence):
      "the idempotency key belongs to another command, event \(sequence)"
    case .tooManyCommands:
      "\(Commands.limit) idempotency keys were used in 24 hours; try again later"
    case .unknownCode(let what): "\(what) has a code this version does not know"
    }
  }
}
