// What books refuse to append: everything the fold could not digest, and what would break a promise
// (an admission closed twice, an external id used twice). One function per family of events, each
// reads the record as it would be written.
import Base
public import Ledger

extension Books {
  /// Why an event cannot follow the log as it is; nil when it can.
  func refusal(of record: RecordView, _ type: RecordType) -> BooksRefusal? {
    switch type {
    case .billingChecked: refusalOfCheck(record)
    case .forwardSettled:
      refusalOfClosing(record, ForwardSettledView(record).hold)
        ?? refusalOfAmounts(record)
    case .forwardFailed, .requestIntercepted, .fallbackGroupUsed, .outcomeUnknown:
      refusalOfClosing(record, ClosingView(record).hold)
    case .lateSettled: refusalOfLate(record) ?? refusalOfAmounts(record)
    case .attemptFailed: knownAccount(AccountID(record.u32(36)))
    case .tokensCounted:
      record.u32(40) == 0 ? nil : knownAccount(AccountID(record.u32(40)))
    case .userAdded, .userChanged, .keyIssued, .keyChanged, .keyRevoked, .creditAdded,
      .nameDefined:
      refusalOfPeople(record, type)
    case .subscriptionGranted, .subscriptionExtended, .subscriptionRevoked:
      refusalOfSubscription(record, type)
    case .groupDeclared, .accountDeclared, .accountStateChanged, .timeZoneSet, .priceSet,
      .priceBookPublished:
      refusalOfDeclaration(record, type)
    case .chargeCorrected, .repricingApplied, .repricingReverted, .repricingAbandoned:
      refusalOfRepricing(record, type)
    case .commandAnswered: commands.refusal(of: CommandAnswered(record), at: record.time)
    case .requestRejected, .settingsDeclared, .ledgerRestored, .tailCut, .repaired,
      .clockStepped:
      nil
    }
  }

  // MARK: - Traffic

  private func refusalOfCheck(_ record: RecordView) -> BooksRefusal? {
    let check = BillingCheckedView(record)
    guard check.allowed else { return nil }
    guard catalog.users.holds(Int(record.user.value)) else { return .unknownUser(record.user) }
    guard let key = catalog.key(record.key), key.user == record.user else {
      return .unknownKey(record.key)
    }
    guard catalog.groups.holds(Int(check.group.value)) else {
      return .unknownGroup(check.group)
    }
    guard check.hold.value >= 0, check.hold <= NanoUSD.chargeLimit,
      Totals.sum(quotas.quota(of: record.key).holds, check.hold) != nil,
      Totals.sum(balances.balance(of: record.user).holds, check.hold) != nil
    else { return .outOfRange("the hold") }
    switch check.target {
    case .balance: return nil
    case .subscription:
      guard let entry = subscriptions.subscription(check.subscription),
        entry.user == record.user
      else { return .unknownSubscription(check.subscription) }
      return Totals.sum(entry.holds, check.hold) == nil ? .outOfRange("the hold") : nil
    case .unrecognized: return .unknownCode("the payment target")
    }
  }

  private func refusalOfClosing(_ record: RecordView, _ hold: NanoUSD) -> BooksRefusal? {
    guard let request = openRequests.open(record.admission) else {
      return .notOpen(admission: record.admission)
    }
    guard request.user == record.user, request.key == record.key, request.hold == hold,
      request.serviceDay == record.serviceDay
    else { return .doesNotMatch(admission: record.admission) }
    return nil
  }

  private func refusalOfLate(_ record: RecordView) -> BooksRefusal? {
    guard let request = openRequests.unknownOutcome(record.admission) else {
      return .notOpen(admission: record.admission)
    }
    guard request.user == record.user, request.key == record.key,
      request.serviceDay == record.serviceDay
    else { return .doesNotMatch(admission: record.admission) }
    return nil
  }

  /// Amounts of a settlement, its payer, and every total they are added to.
  private func refusalOfAmounts(_ record: RecordView) -> BooksRefusal? {
    let settled = ForwardSettledView(record)
    guard accounts.states.holds(Int(settled.account.value)) else {
      return .unknownAccount(settled.account)
    }
    let amounts = NanoUSD.zero...NanoUSD.chargeLimit
    guard amounts.contains(settled.list), amounts.contains(settled.charged) else {
      return .outOfRange("the charge")
    }
    let classes = [
      settled.input, settled.output, settled.cacheRead, settled.cacheWrite5m,
      settled.cacheWrite1h,
    ]
    guard classes.allSatisfy({ $0 < 1 << 31 }) else { return .outOfRange("a token count") }
    let statistics = keyStatistics.statistics(of: record.key)
    guard Totals.sum(statistics.total.list, settled.list) != nil,
      Totals.sum(statistics.total.charged, settled.charged) != nil,
      Totals.sum(quotas.quota(of: record.key).charged, settled.charged) != nil,
      Totals.sum(balances.balance(of: record.user).charged, settled.charged) != nil
    else { return .outOfRange("a total") }
    switch settled.target {
    case .balance: return nil
    case .subscription:
      guard let entry = subscriptions.subscription(settled.subscription),
        entry.user == record.user
      else { return .unknownSubscription(settled.subscription) }
      return nil
    case .unrecognized: return .unknownCode("the payment target")
    }
  }

  // MARK: - People and their keys

  private func refusalOfPeople(_ record: RecordView, _ type: RecordType) -> BooksRefusal? {
    switch type {
    case .userAdded:
      let state = UserAdded(record).state
      if state.user != catalog.nextUser { return .wrongNumber }
      if catalog.user(named: state.name) != nil { return .nameTaken(state.name) }
      return Self.isName(state.name) ? nil : .badName(state.name)
    case .userChanged:
      let state = UserChanged(record).state
      if catalog.user(state.user) == nil { return .unknownUser(state.user) }
      if let same = catalog.user(named: state.name), same.id != state.user {
        return .nameTaken(state.name)
      }
      return Self.isName(state.name) ? nil : .badName(state.name)
    case .keyIssued:
      let state = KeyIssued(record).state
      if state.key != catalog.nextKey { return .wrongNumber }
      if let hash = Hash256(state.hash), catalog.key(hash: hash) != nil { return .keyKnown }
      return refusalOfKey(state)
    case .keyChanged:
      let state = KeyChanged(record).state
      guard let old = catalog.key(state.key), old.user == state.user else {
        return .unknownKey(state.key)
      }
      return old.status == .revoked ? .keyRevoked(state.key) : refusalOfKey(state)
    case .keyRevoked:
      let key = KeyRevoked(record).key
      guard let old = catalog.key(key) else { return .unknownKey(key) }
      return old.status == .revoked ? .keyRevoked(key) : nil
    case .nameDefined: return refusalOfName(NameDefined(record))
    default: return refusalOfCredit(CreditAdded(record))
    }
  }

  private func refusalOfKey(_ state: KeyState) -> BooksRefusal? {
    if catalog.user(state.user) == nil { return .unknownUser(state.user) }
    if catalog.group(state.group) == nil { return .unknownGroup(state.group) }
    return state.name.isEmpty || Self.isName(state.name) ? nil : .badName(state.name)
  }

  private func refusalOfName(_ name: NameDefined) -> BooksRefusal? {
    guard Self.isName(name.text) else { return .badName(name.text) }
    switch name.kind {
    case .model:
      if catalog.modelID(name.text) != nil { return .nameTaken(name.text) }
      return name.id == catalog.nextModel.value ? nil : .wrongNumber
    case .userAgent:
      if catalog.userAgentID(name.text) != nil { return .nameTaken(name.text) }
      return name.id == catalog.nextUserAgent.value ? nil : .wrongNumber
    case .unrecognized: return .unknownCode("the name's kind")
    }
  }

  private func refusalOfCredit(_ credit: CreditAdded) -> BooksRefusal? {
    let user = credit.party.user
    guard catalog.user(user) != nil else { return .unknownUser(user) }
    guard credit.amount.value.magnitude <= Self.creditLimit.value.magnitude,
      Totals.sum(balances.balance(of: user).credited, credit.amount) != nil
    else { return .outOfRange("the credit") }
    guard !credit.externalID.isEmpty else { return nil }
    guard credit.externalID.utf8.count <= 128 else { return .outOfRange("the external id") }
    guard let known = catalog.credit(externalID: credit.externalID) else { return nil }
    return known.user == user && known.amount == credit.amount
      ? .alreadyRecorded(known.sequence) : .externalIDTaken(known.sequence)
  }

  /// The greatest credit or debit of one event: $1,000 M.
  public static let creditLimit = NanoUSD(1_000_000_000 * NanoUSD.perUSD)

  /// 1 ... 256 bytes without control characters.
  static func isName(_ text: String) -> Bool {
    (1...256).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy { $0.value >= 32 && !(127...159).contains($0.value) }
  }
}
