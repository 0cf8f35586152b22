// A gateway with /admin in the test's process, on a ledger that outlives it: it can be stopped in
// good order, abandoned as by a crash, and started again on the same directory.
import Base
import HTTP
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

final class AdministrationBed: Sendable {
  static let token = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
  static let right = "authorization: Bearer \(token)"

  let live: LiveLedger
  let service: AdministrationService
  let port: UInt16
  private let directory: TemporaryDirectory
  private let server: GatewayServer
  private let reactor: Reactor

  /// - Parameters:
  ///   - directory: of a bed before it, to go on with its ledger.
  ///   - reactorClock: what delays are measured by.
  init(
    in directory: TemporaryDirectory = TemporaryDirectory(),
    clock: any WallClock = SystemWallClock(),
    reactorClock: any MonotonicClock = SystemMonotonicClock(),
    configure: (inout Configuration) -> Void = { _ in }
  ) throws {
    self.directory = directory
    var options = LiveLedgerOptions(directory: directory.path + "/data")
    options.clock = clock
    live = try LiveLedger.open(options)
    var configuration = Configuration()
    configuration.groups = [
      GroupSettings(name: "default", platform: .anthropic, target: .balance),
      GroupSettings(name: "pro", platform: .anthropic, target: .subscription),
    ]
    configuration.accounts = [
      AccountSettings(
        name: "main", platform: .anthropic, groups: ["default", "pro"],
        baseURL: "http://127.0.0.1:1", credential: .none)
    ]
    configuration.adminTokenHash = sha256(Self.token.utf8)
    configure(&configuration)
    let declared = configuration
    try live.withBooks { books throws(BooksError) in
      _ = try declared.declare(in: &books, reason: "test", now: clock.now())
    }
    let gateway = Gateway(
      live: live, configuration: declared, credentials: Credentials(), wallClock: clock)
    service = AdministrationService(live: live, clock: clock) { () throws(AdministrationError) in
      Array(#"{"events":0,"needs_restart":[]}"#.utf8)
    }
    gateway.offer(service)
    reactor = Reactor(index: 0, clock: reactorClock)
    server = try GatewayServer(
      gateway, listen: .tcp(host: "127.0.0.1", port: 0), metrics: nil, on: [reactor])
    guard case .tcp(_, let port) = server.address else {
      preconditionFailure("a TCP address was asked for")
    }
    self.port = port
    try reactor.start()
  }

  deinit { stop() }

  private func stop() {
    server.shutDown(within: 0)
    reactor.stop()
    try? live.close()
  }

  /// Stops, and gives what the next one goes on with.
  func stopped() -> TemporaryDirectory {
    stop()
    return directory
  }

  // MARK: Asking

  /// Asks once, on a thread of its own.
  func ask(
    _ method: String, _ path: String, _ body: String = "", headers: [String] = [right]
  ) async throws -> Received {
    let port = port
    return try await onThread {
      let socket = try RawSocket.connect(port: port)
      let type = body.isEmpty ? [] : ["content-type: application/json"]
      let lines = (headers.contains { $0.hasPrefix("content-type") } ? [] : type) + headers
      let head = lines.map { $0 + "\r\n" }.joined()
      try socket.send(
        """
        \(method) \(path) HTTP/1.1\r\nhost: x\r\n\(head)connection: close\r
        content-length: \(body.utf8.count)\r\n\r\n\(body)
        """)
      return Received(try socket.receiveAll())
    }
  }

  /// A command that must succeed.
  @discardableResult
  func command(_ path: String, _ body: String, key: String? = nil) async throws -> JSONValue {
    let headers = [Self.right] + (key.map { ["idempotency-key: \($0)"] } ?? [])
    let answer = try await ask("POST", "/admin/\(path)", body, headers: headers)
    try #require(answer.status == 200, "\(path) \(body): \(answer.text)")
    return try #require(answer.json)
  }

  /// Appends an admission and its settlement for the first key there is, durably.
  /// - Parameter fill: sets usage, prices and charge; party and times stand already.
  /// - Returns: the settlement's sequence number.
  func settle(
    _ fill: @Sendable (inout Settlement, borrowing Books) -> Void
  ) throws -> SequenceNumber {
    let now = SystemWallClock().now()
    let sequence = try live.withBooks { books in
      let key = try #require(books.catalog.allKeys.first)
      var check = BillingChecked()
      check.allowed = true
      check.party.user = key.user
      check.party.key = key.id
      check.group = key.group
      check.requestID = ULID(time: now, random: (1, 2))
      let admission = try books.append(check, now: now)
      var settlement = Settlement()
      settlement.party = check.party
      settlement.party.admission = admission
      settlement.party.serviceDay = books.zone.day(of: books.lastTime)
      settlement.group = key.group
      settlement.account = try #require(books.accounts.all.first).declared.account
      settlement.requestID = check.requestID
      settlement.serviceTime = books.lastTime
      fill(&settlement, books)
      return try books.append(ForwardSettled(settlement), now: now)
    }
    try live.waitUntilDurable(sequence)
    return sequence
  }

  /// The sequence number of the last event.
  var last: SequenceNumber { live.withBooks { $0.lastSequence } }

  /// All events of a type, in order.
  func events<P: RecordPayload>(_ type: P.Type) throws -> [P] {
    try live.waitUntilDurable(last)
    var found: [P] = []
    var reader = LedgerReader(live.files, from: .first)
    while var batch = try reader.next() {
      while let record = batch.next() {
        if record.type == P.type.stored { found.append(P(record)) }
      }
    }
    return found
  }
}

extension Received {
  /// `code` of an error of administration.
  var code: String? { json?["error"]?["code"]?.string }
  var message: String { json?["error"]?["message"]?.string ?? "" }
}

extension TemporaryDirectory {
  /// Removes a database, as if it had never been made.
  func removeDatabase(_ name: String) {
    for suffix in ["", "-wal", "-shm"] {
      try? RealFileSystem().remove("\(path)/\(name)\(suffix)")
    }
  }

  /// Whether a text stands in any file below.
  func holds(_ text: String, below folder: String? = nil) throws -> Bool {
    let files = RealFileSystem()
    let folder = folder ?? path
    return try files.list(folder).contains { name in
      let child = folder + "/" + name
      guard let status = try files.status(of: child) else { return false }
      if status.isDirectory { return try holds(text, below: child) }
      return try files.readFile(child).contains(run: Array(text.utf8))
    }
  }
}

extension [UInt8] {
  fileprivate func contains(run: [UInt8]) -> Bool {
    indices.contains { self[$0] == run[0] && self[$0...].starts(with: run) }
  }
}
