// Settled and open requests put straight into a bed's books, with amounts of a test's choice.
import Base
import Ledger
import Projections

@testable import Gateway

extension GatewayBed {
  /// Admits a request of a key, which stays open.
  @discardableResult
  func seedAdmission(
    hold: NanoUSD = NanoUSD(1_000_000), key: KeyID = GatewayBed.key1
  ) throws -> OpenRequest {
    let now = wallClock.now()
    return try live.withBooks { books throws(BooksError) in
      let entry = books.catalog.key(key) ?? KeyEntry()
      let group = books.catalog.group(entry.group) ?? GroupEntry()
      var event = BillingChecked()
      event.party.user = entry.user
      event.party.key = entry.id
      event.group = entry.group
      event.allowed = true
      event.hold = hold
      event.target = group.target
      if group.target == .subscription {
        event.subscription =
          books.subscriptions.subscription(of: entry.user, in: entry.group)?.id ?? .none
      }
      event.requestID = ULID(time: now, random: (7, books.nextSequence.value))
      let sequence = try books.append(event, now: now)
      return books.openRequests.open(sequence) ?? OpenRequest()
    }
  }

  /// What a seeded answer used and cost.
  struct Seed: Sendable {
    var usage = TokenUsage()
    var list = NanoUSD.zero
    var charged = NanoUSD.zero
    var milliseconds: UInt32 = 0

    init(
      input: Int64 = 0, output: Int64 = 0, read: Int64 = 0, write5m: Int64 = 0, write1h: Int64 = 0,
      list: Int64 = 0, charged: Int64 = 0, milliseconds: UInt32 = 0
    ) {
      usage.input = input
      usage.output = output
      usage.cacheRead = read
      usage.cacheWrite5m = write5m
      usage.cacheWrite1h = write1h
      self.list = NanoUSD(list)
      self.charged = NanoUSD(charged)
      self.milliseconds = milliseconds
    }
  }

  /// Settles an open request.
  func seed(_ seed: Seed, for request: OpenRequest) throws {
    var settled = Settlement()
    settled.party = request.party
    settled.group = request.group
    settled.account = AccountID(1)
    settled.subscription = request.subscription
    settled.target = request.target
    settled.usage = seed.usage
    settled.list = seed.list
    settled.charged = seed.charged
    settled.hold = request.hold
    settled.serviceTime = request.serviceTime
    settled.requestID = request.requestID
    settled.duration = Milliseconds(seed.milliseconds)
    try record(ForwardSettled(settled))
  }
  /// A whole request.
  func seed(_ seed: Seed, key: KeyID = GatewayBed.key1) throws {
    try self.seed(seed, for: try seedAdmission(key: key))
  }
}
