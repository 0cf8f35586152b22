// What stands before the traffic of a generated history: groups, accounts, prices, names, users,
// keys, credits and subscriptions.
internal import Base
internal import Ledger

extension HistoryGenerator {
  private static let authorship = Authorship(actor: "generator", reason: "generated history")

  mutating func prepareDeclarations(_ books: borrowing Books) {
    declareGroups(books)
    declareAccounts(books)
    declareNames(books)
    declarePrices(books)
    declareCallers(books)
  }

  private mutating func declareGroups(_ books: borrowing Books) {
    for group in TrafficPopulation.groups {
      let known = books.catalog.group(named: group.name)
      var event = GroupDeclared()
      event.group =
        known?.id ?? GroupID(books.catalog.nextGroup.value + UInt32(outbox.count))
      groups.append(event.group)
      if known != nil { continue }
      event.target = group.target
      event.multiplier = group.multiplier
      event.name = group.name
      event.authorship = Self.authorship
      outbox.append(.other(event))
    }
  }

  private mutating func declareAccounts(_ books: borrowing Books) {
    var next = books.accounts.nextAccount.value
    for number in 1...TrafficPopulation.accountCount {
      let name = "generated-\(number)"
      if let known = books.accounts.account(named: name) {
        accounts.append(known.declared.account)
        continue
      }
      var event = AccountDeclared()
      event.account = AccountID(next)
      next += 1
      event.name = name
      event.baseURL = "https://upstream-\(number).invalid"
      event.credential = "env:GENERATED_\(number)"
      event.groups = "[\(TrafficPopulation.groups.map { "\"\($0.name)\"" }.joined(separator: ","))]"
      event.authorship = Self.authorship
      accounts.append(event.account)
      outbox.append(.other(event))
    }
  }

  private mutating func declareNames(_ books: borrowing Books) {
    var next = books.catalog.nextModel.value
    for model in TrafficPopulation.models {
      if let known = books.catalog.modelID(model) {
        models.append(known)
        continue
      }
      models.append(ModelID(next))
      outbox.append(.other(Self.name(.model, next, model)))
      next += 1
    }
    next = books.catalog.nextUserAgent.value
    for agent in TrafficPopulation.userAgents {
      if let known = books.catalog.userAgentID(agent) {
        userAgents.append(known)
        continue
      }
      userAgents.append(UserAgentID(next))
      outbox.append(.other(Self.name(.userAgent, next, agent)))
      next += 1
    }
  }

  private static func name(_ kind: NameKind, _ id: UInt32, _ text: String) -> NameDefined {
    var event = NameDefined()
    event.kind = kind
    event.id = id
    event.text = text
    return event
  }

  private mutating func declarePrices(_ books: borrowing Books) {
    priceBook = books.prices.nextBook
    for (index, model) in prices.enumerated() {
      outbox.append(.other(PriceSet(model, book: priceBook, index: UInt32(index))))
    }
    var published = PriceBookPublished()
    published.book = priceBook
    published.count = UInt32(prices.count)
    published.hash = randomBytes(32)
    published.version = "generated"
    published.authorship = Self.authorship
    outbox.append(.other(published))
  }

  private mutating func declareCallers(_ books: borrowing Books) {
    var lastUser = UserID.none
    var nextSubscription = books.subscriptions.nextSubscription.value
    for caller in population.callers {
      if caller.user != lastUser {
        lastUser = caller.user
        var user = UserState()
        user.user = caller.user
        user.concurrency = options.concurrency
        user.salt = randomBytes(8)
        user.name = "generated-\(caller.user.value)"
        user.authorship = Self.authorship
        outbox.append(.other(UserAdded(user)))
        outbox.append(.other(credit(caller.user, usd: options.startingCreditUSD)))
        outbox.append(.other(subscription(caller.user, nextSubscription)))
        subscriptions.append(SubscriptionID(nextSubscription))
        nextSubscription += 1
      }
      var key = KeyState()
      key.key = caller.key
      key.user = caller.user
      key.group = groups[caller.group]
      key.salt = randomBytes(8)
      key.hash = randomBytes(32)
      if caller.key == population.callers[0].key, !options.firstKeyHash.isEmpty {
        key.hash = options.firstKeyHash
      }
      key.name = "generated-\(caller.key.value)"
      key.suffix = String(random.identifier("").suffix(4))
      key.authorship = Self.authorship
      outbox.append(.other(KeyIssued(key)))
    }
  }

  private mutating func subscription(_ user: UserID, _ number: UInt32) -> SubscriptionGranted {
    var state = SubscriptionState()
    state.subscription = SubscriptionID(number)
    state.user = user
    state.group = groups[1]
    state.starts = options.start
    state.expires = options.start.advanced(bySeconds: 3650 * 86_400)
    state.authorship = Self.authorship
    return SubscriptionGranted(state)
  }

  mutating func credit(_ user: UserID, usd: Int64) -> CreditAdded {
    var credit = CreditAdded()
    credit.party = Party(user: user, key: .none, admission: .none, serviceDay: DayNumber(0))
    credit.amount = NanoUSD(usd * NanoUSD.perUSD)
    credit.salt = randomBytes(8)
    credit.externalID = random.identifier("pay_")
    credit.authorship = Self.authorship
    return credit
  }

  private mutating func randomBytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }
}
