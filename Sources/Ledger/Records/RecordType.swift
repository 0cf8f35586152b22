// The numbers of event types. Assigned once, never reused: 1-63 administration, 64-127 traffic,
// 128-191 corrections, 192- the ledger's own. Bit 15 set = a reader that does not know the type
// may skip it; any other unknown type stops serving and folding. 0x7FFF is reserved.

/// The type of an event, as stored.
public enum RecordType: UInt16, Hashable, Sendable, CaseIterable {
  case nameDefined = 1
  case userAdded = 2
  case userChanged = 3
  case keyIssued = 4
  case keyChanged = 5
  case keyRevoked = 6
  case groupDeclared = 7
  case accountDeclared = 8
  case accountStateChanged = 9
  case subscriptionGranted = 10
  case subscriptionExtended = 11
  case subscriptionRevoked = 12
  case creditAdded = 13
  case timeZoneSet = 14
  case priceSet = 15
  case priceBookPublished = 16
  case settingsDeclared = 17
  case commandAnswered = 18

  case billingChecked = 64
  case attemptFailed = 65
  case forwardSettled = 66
  case forwardFailed = 67
  case requestIntercepted = 68
  case requestRejected = 69
  case fallbackGroupUsed = 70
  case tokensCounted = 71
  case outcomeUnknown = 72
  case lateSettled = 73

  case repricingApplied = 128
  case repricingReverted = 129
  case repricingAbandoned = 130
  case chargeCorrected = 131

  case ledgerRestored = 192
  case tailCut = 193
  case repaired = 194
  case clockStepped = 195

  /// Set in the stored type when a reader that does not know it may skip the record.
  public static let skippableBit: UInt16 = 0x8000

  /// Whether a reader that does not know the type may skip it: it changes no money.
  public var isSkippable: Bool { self == .commandAnswered }
  /// The number as records hold it.
  public var stored: UInt16 { isSkippable ? rawValue | Self.skippableBit : rawValue }
  /// From a record's number; nil for a type this version does not know.
  public init?(stored: UInt16) { self.init(rawValue: stored & ~Self.skippableBit) }

  /// Whether it must stand in the same block as the event before it: a crash keeps both or none.
  public var joinsEventBefore: Bool { self == .commandAnswered }

  /// The name in `cat`, `export` and docs/format.md.
  public var name: String {
    var text = ""
    for character in "\(self)" {
      if character.isUppercase { text += "_" }
      text += character.lowercased()
    }
    return text
  }
}
