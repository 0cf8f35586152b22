// A seeded history of realistic traffic, appended through Books as a server would: declarations,
// users, keys and credits first, then requests that overlap in time, each an admission and what
// closes it. A replay of it is as legal as that of any other history.
//
// An occurrence is prepared once and appended once; when the batch is full, the same one is given
// again later. So the history depends on the seed alone, not on how fast the writer is.
internal import Base
internal import Ledger

public struct HistoryGenerator: Sendable {
  let options: HistoryOptions
  var random: SeededRandom
  var population: TrafficPopulation
  var accounts: [AccountID] = []
  var groups: [GroupID] = []
  var subscriptions: [SubscriptionID] = []
  var priceBook = PriceBookID.none
  /// Of the built-in book, by index in `TrafficPopulation.models`.
  let prices = TrafficPopulation.models.map { name in
    guard let match = PriceBook.builtIn.match(name) else {
      preconditionFailure("the built-in book has no \(name)")
    }
    return match.model
  }
  var models: [ModelID] = []
  var userAgents: [UserAgentID] = []

  /// Prepared and not yet appended.
  var outbox: [Outgoing] = []
  var sent = 0
  private var closings = ClosingQueue()
  private var nextArrival: Timestamp
  /// The time of what is appended next.
  private var now: Timestamp
  /// Requests that reached the billing check.
  public private(set) var requests = 0
  /// Events appended.
  public private(set) var events = 0
  /// Requests charged.
  public private(set) var settlements = 0

  /// What waits to be appended.
  enum Outgoing: Sendable {
    case check(BillingChecked, PendingClosing)
    case settled(Settlement)
    case other(any RecordPayload)
  }

  /// - Parameter books: the history goes on behind what these hold; nothing is appended yet.
  public init(_ options: HistoryOptions, after books: borrowing Books) {
    self.options = options
    random = SeededRandom(seed: options.seed)
    now = max(options.start, books.lastTime)
    nextArrival = now
    population = TrafficPopulation(
      users: options.users, firstUser: books.catalog.nextUser.value,
      firstKey: books.catalog.nextKey.value, busyLimit: Int(options.requestsPerSecond * 6) + 4,
      &random)
    if !options.firstKeyHash.isEmpty { population.callers[0].group = 0 }
    prepareDeclarations(books)
  }

  /// Whether every request was appended, and what closes it.
  public var isDone: Bool {
    sent == outbox.count && requests >= options.requests && closings.isEmpty
  }

  /// Appends up to `count` events, fewer when the history ends.
  /// - Throws: `.full` when the writer must take the batch first; go on with the same generator.
  public mutating func append(
    _ count: Int, to books: inout Books
  ) throws(BooksError) {
    var left = count
    while left > 0 {
      if sent == outbox.count {
        if isDone { return }
        outbox.removeAll(keepingCapacity: true)
        sent = 0
        prepareNext(books)
      }
      try send(outbox[sent], to: &books)
      sent += 1
      events += 1
      left -= 1
    }
  }

  private mutating func send(_ outgoing: Outgoing, to books: inout Books) throws(BooksError) {
    switch outgoing {
    case .check(var check, var closing):
      if check.target == .balance {
        let money = books.available(user: check.party.user)
        check.available = NanoUSD(money.balance.value &- money.holds.value)
      }
      closing.admission = try books.append(check, now: now)
      closings.insert(closing)
    case .settled(let settlement):
      try books.append(ForwardSettled(settlement), now: now)
      settlements += 1
    case .other(let payload):
      try books.append(payload, now: now)
    }
  }

  // MARK: - What happens next

  private mutating func prepareNext(_ books: borrowing Books) {
    let hasArrivals = requests < options.requests
    if let first = closings.first, !hasArrivals || first.time <= nextArrival {
      closings.removeFirst()
      now = max(now, first.time)
      prepareClosing(first, books)
      return
    }
    now = max(now, nextArrival)
    prepareArrival(at: now, books)
    requests += 1
    let mean = 1_000_000 / (options.requestsPerSecond * Self.zeal(at: now))
    let gap = Int64(random.exponential(mean: mean))
    nextArrival = nextArrival.advanced(byMicroseconds: max(1, gap))
  }

  /// How busy this time of day is, 1 on average over a day.
  private static func zeal(at time: Timestamp) -> Double {
    let minute = Double((time.seconds / 60) % 1440)
    let distance = abs(minute - 870) / 720  // from 14:30, half a day away = 1
    return 1.62 - 1.24 * min(distance, 2 - distance)
  }
}

/// A request in flight, to be closed at a time.
struct PendingClosing: Sendable {
  var time = Timestamp(microseconds: 0)
  var admission = SequenceNumber.none
  var caller = 0
  var group = 0
  var requestID = ULID.none
  var shape = TrafficShape()
  var list = NanoUSD.zero
  var inputTier: UInt16 = 0
  var charged = NanoUSD.zero
  var fate = RequestFate.settled
}

/// How a request ends.
enum RequestFate: Sendable {
  case settled
  /// One account fails, another one answers.
  case failover
  /// The upstream's stream breaks off.
  case partial
  case failed
  case intercepted
}

/// Requests in flight by the time of their end: a binary heap.
struct ClosingQueue: Sendable {
  private var heap: [PendingClosing] = []

  var isEmpty: Bool { heap.isEmpty }
  var first: PendingClosing? { heap.first }

  mutating func insert(_ closing: PendingClosing) {
    heap.append(closing)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if heap[parent].time <= heap[child].time { break }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  /// - Precondition: not empty.
  mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].time < heap[least].time { least = child }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
