// The billing check: one decision, one event, one critical section. What a check reads and the hold
// it makes cannot be torn apart by another request.
import Base
import HTTP
import Ledger
import Projections

/// An allowed request: everything that its settlement repeats, fixed at the service time.
struct Admission {
  /// This admission's sequence number: the request's name in the ledger from here on.
  let sequence: SequenceNumber
  let requestID: ULID
  let serviceTime: Timestamp
  let party: Party
  let group: GroupID
  let target: PaymentTarget
  let subscription: SubscriptionID
  let multiplier: PartsPerMillion
  let hold: NanoUSD
  let price: Quote
  /// The interned model asked for; none when its text stands inline.
  let model: ModelID
  let modelText: String
  let estimatedInput: Int64
}

/// What the billing check needs to know of a request.
struct AdmissionRequest {
  let requestID: ULID
  var caller: Caller
  let model: String
  let isStream: Bool
  let basis: HoldBasis
  /// Names that the group's accounts would send for the model.
  var mappedModels: [String]
  let userAgent: String
  let idempotencyKey: String
  let retryCount: UInt16
}

/// Why a request did not go on in its fallback group.
struct FallbackRefusal: Error {
  let answer: Answer
  /// False when the admission it came with is still open.
  let isFirstClosed: Bool
}

extension Gateway {
  /// Checks funds, makes the hold, appends the event.
  /// - Throws: the billing error; nothing but the refusal was written then.
  func admit(_ request: AdmissionRequest) throws(Answer) -> Admission {
    let now = wallClock.now()
    let hasRoom = live.canAdmit()
    return try live.withBooks { books throws(Answer) in
      try admit(request, in: &books, now: now, hasRoom: hasRoom)
    }
  }

  /// Closes an admission and makes another one of the same request in its fallback group, both in
  /// one critical section: no other request comes between, and no crash leaves half of it.
  /// - Throws: the billing error, and whether the first admission is closed: it is, unless the
  ///   ledger takes no more for the moment.
  func admit(
    _ request: AdmissionRequest, toFallback group: GroupID, closing: FallbackGroupUsed,
    snapshot: Snapshot
  ) throws(FallbackRefusal) -> (AdmissionRequest, Admission) {
    let now = wallClock.now()
    let hasRoom = live.canAdmit()
    var request = request
    request.mappedModels = snapshot.mappedModels(request.model, group: group)
    let asked = request
    return try live.withBooks { books throws(FallbackRefusal) in
      guard (try? books.append(closing, now: now)) != nil else {
        throw FallbackRefusal(answer: .billingUnavailable, isFirstClosed: false)
      }
      guard let entry = books.catalog.group(group) else {
        throw FallbackRefusal(answer: .noAccount, isFirstClosed: true)
      }
      var request = asked
      request.caller = asked.caller.moved(to: entry)
      do throws(Answer) {
        return (request, try admit(request, in: &books, now: now, hasRoom: hasRoom))
      } catch {
        throw FallbackRefusal(answer: error, isFirstClosed: true)
      }
    }
  }

  private func admit(
    _ request: AdmissionRequest, in books: inout Books, now: Timestamp, hasRoom: Bool
  ) throws(Answer) -> Admission {
    let settings = snapshot.configuration.gateway
    guard let book = priceBooks.bookInForce(at: max(now, books.lastTime), books) else {
      throw .billingUnavailable
    }
    guard
      let price = Quote(
        asked: request.model, mapped: request.mappedModels, book: book.id, prices: book.prices,
        fallback: settings.defaultPriceModel)
    else { throw .noPrice(request.model) }
    let hold = price.hold(
      for: request.basis, outputLimit: settings.holdOutputTokens,
      multiplier: request.caller.group.multiplier)
    let check = FundsCheck(request.caller, hold: hold, books: books, at: now)
    var refusal = check.refusal(strict: settings.strictHolds)
    if refusal == .none && !hasRoom { refusal = .diskReserve }

    let event: BillingChecked
    let sequence: SequenceNumber
    do throws(BooksError) {
      event = try billingChecked(
        request, price: price, check: check, refusal: refusal, now: now, &books)
      sequence = try books.append(event, now: now)
    } catch {
      throw .billingUnavailable
    }
    guard refusal == .none else { throw Answer(refusal) }
    // The books stamp an admission with its own sequence number and the local day of its time.
    let party = Party(
      user: event.party.user, key: event.party.key, admission: sequence,
      serviceDay: books.zone.day(of: books.lastTime))
    return Admission(
      sequence: sequence, requestID: request.requestID, serviceTime: books.lastTime,
      party: party, group: event.group, target: event.target,
      subscription: event.subscription, multiplier: event.multiplier, hold: hold, price: price,
      model: event.model, modelText: event.modelText,
      estimatedInput: request.basis.inputTokens)
  }

  private func billingChecked(
    _ request: AdmissionRequest, price: Quote, check: FundsCheck, refusal: Refusal, now: Timestamp,
    _ books: inout Books
  ) throws(BooksError) -> BillingChecked {
    var event = BillingChecked()
    let caller = request.caller
    event.model = books.modelID(request.model) ?? .none
    if event.model.isNone { event.modelText = request.model }
    event.userAgent = try books.internUserAgent(request.userAgent, now: now)
    if event.userAgent.isNone { event.userAgentText = request.userAgent }
    event.group = caller.group.id
    event.priceBook = price.book
    event.multiplier = caller.group.multiplier
    event.subscription = check.subscription
    event.target = caller.group.target
    event.allowed = refusal == .none
    event.refusal = refusal
    event.isStream = request.isStream
    event.available = check.available
    event.hold = check.hold
    event.requestID = request.requestID
    event.retryCount = request.retryCount
    event.idempotencyKey = request.idempotencyKey
    record(caller.address, in: &event)
    event.party = Party(
      user: caller.user.id, key: caller.key.id, admission: .none, serviceDay: DayNumber(0))
    return event
  }

  private func record(_ address: InternetAddress?, in event: inout BillingChecked) {
    guard let address else { return }
    let recorded: InternetAddress
    switch snapshot.configuration.gateway.recordAddresses {
    case .none: return
    case .full:
      recorded = address
      event.addressBits = address.isIPv4 ? 32 : 128
    case .prefix:
      recorded = address.prefix
      event.addressBits = address.isIPv4 ? 24 : 48
    }
    event.isIPv6 = !address.isIPv4
    event.address = address.isIPv4 ? Array(recorded.bytes.suffix(4)) : recorded.bytes
  }
}

/// All purses a request draws on: its target, and its key's quota.
struct FundsCheck {
  let hold: NanoUSD
  private(set) var subscription = SubscriptionID.none
  /// The least that is available; Int64.max when nothing limits it.
  private(set) var available = NanoUSD(Int64.max)
  private var target: [(purse: Purse, exhausted: Refusal, reserved: Refusal)] = []
  private var hasValidSubscription = true

  init(_ caller: Caller, hold: NanoUSD, books: borrowing Books, at now: Timestamp) {
    self.hold = hold
    if caller.group.target == .balance {
      let funds = books.available(user: caller.user.id)
      add(
        Purse(left: funds.balance, holds: funds.holds, openHolds: funds.openHolds),
        .insufficientBalance, .balanceReserved)
    } else if let view = books.subscriptionWindows(
      user: caller.user.id, group: caller.group.id, at: now),
      view.isValid
    {
      subscription = view.entry.id
      let refusals: [Refusal] = [.dailyLimit, .weeklyLimit, .monthlyLimit]
      for (window, refusal) in zip(view.windows, refusals) {
        guard let limit = window.limit else { continue }
        add(
          Purse(left: limit - window.used, holds: view.holds, openHolds: view.openHolds),
          refusal, .subscriptionReserved)
      }
    } else {
      hasValidSubscription = false
      available = .zero
    }
    if let quota = caller.key.quota {
      let used = books.keyQuota(caller.key.id)
      add(
        Purse(left: quota - used.used, holds: used.holds, openHolds: used.openHolds),
        .keyQuotaExhausted, .keyQuotaReserved)
    }
  }

  private mutating func add(_ purse: Purse, _ exhausted: Refusal, _ reserved: Refusal) {
    target.append((purse, exhausted, reserved))
    available = min(available, purse.available)
  }

  /// By settled values only, as if nothing were in flight and nothing had to be held.
  var settledRefusal: Refusal {
    guard hasValidSubscription else { return .subscriptionInvalid }
    return target.first { $0.purse.left <= .zero }?.exhausted ?? .none
  }

  /// `.none` when the request may begin. What is used up goes before what is only reserved.
  func refusal(strict: Bool) -> Refusal {
    guard hasValidSubscription else { return .subscriptionInvalid }
    let verdicts = target.map { ($0, $0.purse.verdict(hold: hold, strict: strict)) }
    if let used = verdicts.first(where: { $0.1 == .exhausted }) { return used.0.exhausted }
    if let held = verdicts.first(where: { $0.1 == .reserved }) { return held.0.reserved }
    return .none
  }
}
