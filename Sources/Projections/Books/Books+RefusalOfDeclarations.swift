// What books refuse of subscriptions, declarations, price books and re-pricing jobs.
import Base
import Ledger

extension Books {
  func refusalOfSubscription(_ record: RecordView, _ type: RecordType) -> BooksRefusal? {
    let state =
      switch type {
      case .subscriptionGranted: SubscriptionGranted(record).state
      case .subscriptionExtended: SubscriptionExtended(record).state
      default: SubscriptionRevoked(record).state
      }
    guard catalog.user(state.user) != nil else { return .unknownUser(state.user) }
    guard catalog.group(state.group) != nil else { return .unknownGroup(state.group) }
    let known = subscriptions.subscription(of: state.user, in: state.group)
    if type == .subscriptionGranted {
      if let known, known.isValid(at: record.time) { return .alreadySubscribed(known.id) }
      guard state.subscription == known?.id ?? subscriptions.nextSubscription else {
        return .wrongNumber
      }
    } else {
      guard let known, known.id == state.subscription else {
        return .unknownSubscription(state.subscription)
      }
      if known.isRevoked { return .unknownSubscription(known.id) }
    }
    if type != .subscriptionRevoked, state.starts >= state.expires { return .endsBeforeItStarts }
    return nil
  }

  func refusalOfDeclaration(_ record: RecordView, _ type: RecordType) -> BooksRefusal? {
    switch type {
    case .groupDeclared:
      let event = GroupDeclared(record)
      guard !event.group.isNone, event.group <= catalog.nextGroup else { return .wrongNumber }
      guard Self.isName(event.name) else { return .badName(event.name) }
      if let same = catalog.group(named: event.name), same.id != event.group {
        return .nameTaken(event.name)
      }
      if event.multiplier > .multiplierLimit { return .outOfRange("the multiplier") }
      return event.target == .unrecognized ? .unknownCode("the payment target") : nil
    case .accountDeclared:
      let event = AccountDeclared(record)
      guard !event.account.isNone, event.account <= accounts.nextAccount else {
        return .wrongNumber
      }
      guard Self.isName(event.name) else { return .badName(event.name) }
      if let same = accounts.account(named: event.name), same.declared.account != event.account {
        return .nameTaken(event.name)
      }
      return nil
    case .accountStateChanged: return knownAccount(AccountStateChanged(record).account)
    case .timeZoneSet:
      let name = TimeZoneSet(record).name
      return (try? LocalZone(named: name)) == nil ? .unknownZone(name) : nil
    case .priceSet:
      let event = PriceSet(record)
      if (try? event.priceModel()) == nil { return .unreadablePrice(event.model) }
      if event.book == prices.nextBook, event.index == 0 { return nil }
      guard let book = prices.entry(event.book), !book.isPublished, book.count == event.index
      else { return .priceBookOutOfOrder(event.book) }
      return nil
    default:
      let event = PriceBookPublished(record)
      guard let book = prices.entry(event.book), !book.isPublished, book.count == event.count
      else { return .priceBookOutOfOrder(event.book) }
      return event.effectiveFrom < record.time ? .effectiveInThePast : nil
    }
  }

  func knownAccount(_ account: AccountID) -> BooksRefusal? {
    accounts.states.holds(Int(account.value)) ? nil : .unknownAccount(account)
  }

  func refusalOfRepricing(_ record: RecordView, _ type: RecordType) -> BooksRefusal? {
    let state: RepricingState
    switch type {
    case .chargeCorrected: return refusalOfCorrection(ChargeCorrected(record))
    case .repricingApplied: state = RepricingApplied(record).state
    case .repricingReverted: state = RepricingReverted(record).state
    default: state = RepricingAbandoned(record).state
    }
    let outOfOrder = BooksRefusal.repricingOutOfOrder(job: state.job)
    guard let job = corrections.job(state.job) else {
      let isEmpty = state.job == corrections.nextJob && state.count == 0
      return isEmpty && state.listDelta == .zero && state.chargedDelta == .zero
        ? nil : outOfOrder
    }
    guard job.progress == .pending else { return outOfOrder }
    if type == .repricingAbandoned { return nil }
    guard UInt64(job.count) == state.count, job.listDelta == state.listDelta,
      job.chargedDelta == state.chargedDelta
    else { return outOfOrder }
    if type == .repricingReverted {
      return corrections.job(state.reverts)?.progress == .applied ? nil : outOfOrder
    }
    return state.reverts == 0 ? nil : outOfOrder
  }

  private func refusalOfCorrection(_ event: ChargeCorrected) -> BooksRefusal? {
    guard event.job == corrections.nextJob || corrections.job(event.job)?.progress == .pending
    else { return .repricingOutOfOrder(job: event.job) }
    guard let key = catalog.key(event.party.key), key.user == event.party.user else {
      return .unknownKey(event.party.key)
    }
    // What one cell can be corrected by is bounded so that no total leaves its range.
    let limit = Self.creditLimit.value.magnitude
    guard event.listDelta.value.magnitude <= limit, event.chargedDelta.value.magnitude <= limit
    else { return .outOfRange("the correction") }
    switch event.target {
    case .balance: return nil
    case .subscription:
      return subscriptions.subscription(event.subscription)?.user == event.party.user
        ? nil : .unknownSubscription(event.subscription)
    case .unrecognized: return .unknownCode("the payment target")
    }
  }
}
