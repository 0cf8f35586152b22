// Small closed vocabularies stored as one byte. Numbers are assigned once. A number that this
// version does not know reads as `.unrecognized`: a later version may have added it.

/// A vocabulary stored as one byte and printed as its name.
public protocol RecordCode: RawRepresentable, FieldValue, Hashable, Sendable, CaseIterable
where RawValue == UInt8 {
  static var unrecognized: Self { get }
}
extension RecordCode {
  public static var width: Int { 1 }
  public static var typeName: String { "code u8" }
  public var bits: UInt64 { UInt64(rawValue) }
  public init(bits: UInt64) {
    self = Self(rawValue: UInt8(truncatingIfNeeded: bits)) ?? Self.unrecognized
  }
  /// The name as printed: snake_case.
  public var name: String {
    var text = ""
    for character in "\(self)" {
      if character.isUppercase || (character.isNumber && text.last?.isLetter == true) {
        text += "_"
      }
      text += character.lowercased()
    }
    return text
  }
  public var meaning: FieldMeaning { .code(name) }
}

/// The wire format an upstream speaks.
public enum Platform: UInt8, RecordCode {
  case anthropic = 1
  case gemini = 2
  case antigravity = 3
  case openai = 4
  case unrecognized = 255
}

/// What a request is charged to.
public enum PaymentTarget: UInt8, RecordCode {
  case balance = 0
  case subscription = 1
  case unrecognized = 255

  /// From the byte as stored. Folds call it for each event: the protocol's own way, through a
  /// generic initializer of another module, costs them a quarter of their time.
  @inlinable
  public init(stored: UInt8) {
    switch stored {
    case 0: self = .balance
    case 1: self = .subscription
    default: self = .unrecognized
    }
  }
}

/// Whether a user or key may be used.
public enum ActiveStatus: UInt8, RecordCode {
  case active = 0
  case inactive = 1
  case revoked = 2
  case unrecognized = 255
}

/// Why a billing check refused.
public enum Refusal: UInt8, RecordCode {
  case none = 0
  case insufficientBalance = 1
  case subscriptionInvalid = 2
  case dailyLimit = 3
  case weeklyLimit = 4
  case monthlyLimit = 5
  case balanceReserved = 6
  case subscriptionReserved = 7
  case keyQuotaReserved = 8
  case keyQuotaExhausted = 9
  case diskReserve = 10
  case ledgerUnavailable = 11
  case unrecognized = 255
}

/// Why a request was refused before the billing check.
public enum RejectReason: UInt8, RecordCode {
  case authentication = 1
  case keyExpired = 2
  case keyQuota = 3
  case accessDenied = 4
  case userInactive = 5
  case subscription = 6
  case usageLimit = 7
  case balance = 8
  case queueFull = 9
  case waitTimedOut = 10
  case invalidRequest = 11
  case tooLarge = 12
  case unpriced = 13
  case buffersFull = 14
  case callerGone = 15
  case unrecognized = 255
}

/// The class of a failed attempt.
public enum FailureClass: UInt8, RecordCode {
  case connect = 1
  case tls = 2
  case timeout = 3
  case status = 4
  case malformedAnswer = 5
  case cut = 6
  case errorEvent = 7
  case configuration = 8
  case unrecognized = 255
}

/// What follows a failed attempt.
public enum AttemptOutcome: UInt8, RecordCode {
  case failover = 1
  case exhausted = 2
  case passedThrough = 3
  case fallbackGroup = 4
  case abandoned = 5
  case unrecognized = 255
}

/// Why a settlement is partial or estimated; none when it is neither.
public enum SettlementReason: UInt8, RecordCode {
  case none = 0
  case upstreamCut = 1
  case noDelta = 2
  case usageMissing = 3
  case usageInvalid = 4
  case drainLimit = 5
  case shutdown = 6
  case writeFailed = 7
  case outOfRange = 8
  case unrecognized = 255
}

/// Why a request was closed without a charge.
public enum ForwardFailure: UInt8, RecordCode {
  case upstream = 1
  case noAccount = 2
  case callerGone = 3
  case accountWait = 4
  case passedThrough = 5
  case shutdown = 6
  case refused = 7
  case unrecognized = 255
}

/// Why an answer ended.
public enum StopReason: UInt8, RecordCode {
  case none = 0
  case endTurn = 1
  case maxTokens = 2
  case stopSequence = 3
  case toolUse = 4
  case pauseTurn = 5
  case refusal = 6
  case modelContextWindowExceeded = 7
  case compaction = 8
  case other = 254
  case unrecognized = 255
}

/// Which requests are answered without an upstream.
public enum InterceptKind: UInt8, RecordCode {
  case warmup = 1
  case suggestion = 2
  case unrecognized = 255
}

/// The state of an upstream account.
public enum AccountCondition: UInt8, RecordCode {
  case ready = 0
  case coolingDown = 1
  case error = 2
  case disabled = 3
  case unrecognized = 255
}

/// What an interned name names.
public enum NameKind: UInt8, RecordCode {
  case model = 1
  case userAgent = 2
  case unrecognized = 255
}
