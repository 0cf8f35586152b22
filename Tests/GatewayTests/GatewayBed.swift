// A whole gateway in the test's process: ledger in a temporary directory, scripted upstreams, bare
// sockets to ask it with.
import Base
import HTTP
import Ledger
import Projections
import Sandbox
import Synchronization
import TestSupport

@testable import Gateway

final class GatewayBed: Sendable {
  let directory: TemporaryDirectory
  let live: LiveLedger
  let server: GatewayServer
  let port: UInt16
  let wallClock: any WallClock
  /// What must live as long as the bed: upstreams of a test's own.
  private let guests = Mutex<[any Sendable]>([])
  let reactors: [Reactor]
  private let sandboxes: [Sandbox]
  static let key = "sk-test-key"

  /// - Parameters:
  ///   - upstreams: one account each, in order of priority.
  ///   - balance: in USD.
  ///   - wallClock: the time of day, of the ledger and the gateway.
  ///   - clock: what deadlines are measured by.
  ///   - disk: where the ledger is, instead of the temporary directory.
  init(
    _ upstreams: [SandboxOptions] = [SandboxOptions()], balance: Int64 = 10,
    concurrency: Int32 = 50, wallClock: any WallClock = SystemWallClock(),
    clock: any MonotonicClock = SystemMonotonicClock(), disk: SimulatedFileSystem? = nil,
    log: Log = .silent, credentials: Credentials = Credentials(),
    configure: (inout Configuration) -> Void = { _ in }
  ) throws {
    directory = TemporaryDirectory()
    self.wallClock = wallClock
    var options = LiveLedgerOptions(directory: directory.path + "/data")
    options.clock = wallClock
    if let disk {
      options.fileSystem = disk
      options.stores = MemoryCheckpointStores()
      options.segmentBytes = 4 << 20
    }
    live = try LiveLedger.open(options)
    let reactors = [Reactor(index: 0, clock: clock), Reactor(index: 1, clock: clock)]
    self.reactors = reactors
    sandboxes = try upstreams.map { try Sandbox($0, on: [reactors[1]]) { _ in } }
    var configuration = Configuration()
    configuration.groups = [GroupSettings(name: "default", platform: .anthropic, target: .balance)]
    configuration.accounts = sandboxes.enumerated().map { index, sandbox in
      var account = AccountSettings(
        name: "account-\(index)", platform: .anthropic, groups: ["default"],
        baseURL: sandbox.url, credential: .none)
      account.priority = Int32(index)
      account.concurrency = 100
      return account
    }
    configure(&configuration)
    try Self.declare(
      configuration, balance: balance, concurrency: concurrency, in: live, now: wallClock.now())
    let gateway = Gateway(
      live: live, configuration: configuration, credentials: credentials, wallClock: wallClock,
      log: log)
    server = try GatewayServer(
      gateway, listen: .tcp(host: "127.0.0.1", port: 0), metrics: nil, on: [reactors[0]])
    guard case .tcp(_, let port) = server.address else {
      preconditionFailure("a TCP address was asked for")
    }
    self.port = port
    for reactor in reactors { try reactor.start() }
  }

  deinit {
    server.shutDown(within: 2_000_000_000)
    for sandbox in sandboxes { sandbox.stop(withinMilliseconds: 0) }
    for reactor in reactors { reactor.stop() }
    try? live.close()
  }

  private static func declare(
    _ configuration: Configuration, balance: Int64, concurrency: Int32, in live: LiveLedger,
    now: Timestamp
  ) throws {
    try live.withBooks { books throws(BooksError) in
      _ = try configuration.declare(in: &books, reason: "test", now: now)
      let models = PriceBook.builtIn.models
      let book = books.prices.nextBook
      for (index, model) in models.enumerated() {
        try books.append(PriceSet(model, book: book, index: UInt32(index)), now: now)
      }
      var published = PriceBookPublished()
      published.book = book
      published.count = UInt32(models.count)
      try books.append(published, now: now)
      var user = UserState()
      user.user = books.catalog.nextUser
      user.name = "tester"
      user.concurrency = concurrency
      try books.append(UserAdded(user), now: now)
      var issued = KeyState()
      issued.key = books.catalog.nextKey
      issued.user = user.user
      issued.group = books.catalog.group(named: "default")?.id ?? .none
      issued.hash = sha256(GatewayBed.key.utf8)
      issued.name = "test"
      try books.append(KeyIssued(issued), now: now)
      var credit = CreditAdded()
      credit.party.user = user.user
      credit.amount = NanoUSD(balance * NanoUSD.perUSD)
      try books.append(credit, now: now)
    }
  }

  func keep(_ guest: any Sendable) { guests.withLock { $0.append(guest) } }

  // MARK: Asking

  /// Asks once, on a thread of its own.
  func ask(
    _ method: String = "POST", _ path: String = "/v1/messages", body: String = "",
    headers: String = "x-api-key: sk-test-key"
  ) async throws -> Received {
    let port = port
    return try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(
        """
        \(method) \(path) HTTP/1.1\r\nhost: x\r\n\(headers)\r\nconnection: close\r
        content-length: \(body.utf8.count)\r\n\r\n\(body)
        """)
      return Received(try socket.receiveAll())
    }
  }
  static func body(
    model: String = "claude-sonnet-5-5", stream: Bool = false, maxTokens: Int = 200,
    text: String = "hello"
  ) -> String {
    """
    {"model":"\(model)","max_tokens":\(maxTokens),"stream":\(stream),
    "messages":[{"role":"user","content":"\(text)"}]}
    """
  }

  // MARK: What the books say

  var balance: NanoUSD { live.withBooks { $0.available(user: UserID(1)).balance } }
  var holds: (sum: NanoUSD, count: Int) {
    live.withBooks {
      let funds = $0.available(user: UserID(1))
      return (funds.holds, funds.openHolds)
    }
  }
  /// All events of a type, in order.
  func events<P: RecordPayload>(_ type: P.Type) throws -> [P] {
    let last = live.withBooks { $0.lastSequence }
    try live.waitUntilDurable(last)
    var found: [P] = []
    var reader = LedgerReader(live.files, from: .first)
    while var batch = try reader.next() {
      while let record = batch.next() {
        if record.type == P.type.rawValue { found.append(P(record)) }
      }
    }
    return found
  }
}
