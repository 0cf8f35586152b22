// Every event there is, as a value: for tests, the command line and the cold folds. The hot folds
// read RecordView in place.
public import Base

/// The payload type of each record type.
extension RecordType {
  public var payload: any RecordPayload.Type {
    switch self {
    case .nameDefined: NameDefined.self
    case .userAdded: UserAdded.self
    case .userChanged: UserChanged.self
    case .keyIssued: KeyIssued.self
    case .keyChanged: KeyChanged.self
    case .keyRevoked: KeyRevoked.self
    case .groupDeclared: GroupDeclared.self
    case .accountDeclared: AccountDeclared.self
    case .accountStateChanged: AccountStateChanged.self
    case .subscriptionGranted: SubscriptionGranted.self
    case .subscriptionExtended: SubscriptionExtended.self
    case .subscriptionRevoked: SubscriptionRevoked.self
    case .creditAdded: CreditAdded.self
    case .timeZoneSet: TimeZoneSet.self
    case .priceSet: PriceSet.self
    case .priceBookPublished: PriceBookPublished.self
    case .settingsDeclared: SettingsDeclared.self
    case .commandAnswered: CommandAnswered.self
    case .billingChecked: BillingChecked.self
    case .attemptFailed: AttemptFailed.self
    case .forwardSettled: ForwardSettled.self
    case .forwardFailed: ForwardFailed.self
    case .requestIntercepted: RequestIntercepted.self
    case .requestRejected: RequestRejected.self
    case .fallbackGroupUsed: FallbackGroupUsed.self
    case .tokensCounted: TokensCounted.self
    case .outcomeUnknown: OutcomeUnknown.self
    case .lateSettled: LateSettled.self
    case .repricingApplied: RepricingApplied.self
    case .repricingReverted: RepricingReverted.self
    case .repricingAbandoned: RepricingAbandoned.self
    case .chargeCorrected: ChargeCorrected.self
    case .ledgerRestored: LedgerRestored.self
    case .tailCut: TailCut.self
    case .repaired: Repaired.self
    case .clockStepped: ClockStepped.self
    }
  }
}

/// Any event, decoded.
public struct Event: Sendable {
  public let time: Timestamp
  public let payload: any RecordPayload

  /// nil for a type this version does not know.
  public init?(_ record: RecordView) {
    guard let type = RecordType(stored: record.type) else { return nil }
    time = record.time
    payload = type.payload.init(record)
  }

  public var type: RecordType { Swift.type(of: payload).type }

  /// Names, types, offsets and values of all fields, in the order of the layout.
  public var fields: [FieldLister.Field] { Self.fields(of: payload) }

  public static func fields(of payload: some RecordPayload) -> [FieldLister.Field] {
    var lister = FieldLister()
    var payload = payload
    payload.fields(&lister)
    return lister.fields
  }
}
