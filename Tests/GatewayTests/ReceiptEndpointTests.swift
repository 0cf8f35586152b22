// GET /v1/receipts/{request-id}: a caller's own requests and nobody else's, what it may know of
// them, and requests that are not settled.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct ReceiptEndpointTests {
  private struct Callers {
    let bed: AdministrationBed
    /// Of ann's requests, of bob's.
    let own: String
    let other: String

    func ask(_ id: String, _ key: String? = nil, query: String = "") async throws -> Received {
      try await bed.ask(
        "GET", "/v1/receipts/\(id)\(query)", headers: ["x-api-key: \(key ?? own)"])
    }

    /// The request's id of a settlement.
    func requestID(_ sequence: SequenceNumber) throws -> String {
      let event = try #require(try LedgerReader.event(at: sequence, in: bed.live.files))
      return try #require((event.payload as? ForwardSettled)?.settlement.requestID).description
    }

    /// Appends a billing check of ann's, durably.
    func check(allowed: Bool) throws -> String {
      let now = SystemWallClock().now()
      let id = ULID(time: now, random: (7, 7))
      let sequence = try bed.live.withBooks { books in
        let key = try #require(books.catalog.allKeys.first)
        var check = BillingChecked()
        check.allowed = allowed
        check.refusal = allowed ? .none : .insufficientBalance
        check.party.user = key.user
        check.party.key = key.id
        check.group = key.group
        check.requestID = id
        return try books.append(check, now: now)
      }
      try bed.live.waitUntilDurable(sequence)
      return id.description
    }
  }

  private static func made() async throws -> Callers {
    let bed = try AdministrationBed()
    var keys: [String] = []
    for name in ["ann", "bob"] {
      try await bed.command("user/add", #"{"name": "\#(name)"}"#)
      let issued = try await bed.command(
        "key/issue", #"{"user": "\#(name)", "group": "default", "name": "key of \#(name)"}"#)
      keys.append(try #require(issued["key"]?.string))
    }
    var prices = JSONObject()
    prices.members.append(
      .init(
        name: "text",
        value: .string(#"{"m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}}"#)))
    try await bed.command("prices/import", JSONValue.object(prices).text)
    return Callers(bed: bed, own: keys[0], other: keys[1])
  }

  private static func settled(_ bed: AdministrationBed) throws -> SequenceNumber {
    try bed.settle { settlement, books in
      settlement.usage.input = 1000
      settlement.priceBook = PriceBookID(1)
      settlement.model = books.modelID("m") ?? .none
      settlement.pricedModel = settlement.model
      settlement.priceRule = .exact
      settlement.list = NanoUSD(1_000_000)
      settlement.charged = NanoUSD(1_000_000)
    }
  }

  @Test func `a caller gets the proof of its own charge`() async throws {
    let callers = try await Self.made()
    let sequence = try Self.settled(callers.bed)
    let answer = try await callers.ask(try callers.requestID(sequence))
    try #require(answer.status == 200, "\(answer.text)")
    #expect(answer.header("cache-control") == "no-store")
    let receipt = try Receipt(text: try #require(answer.json?["receipt"]?.string))
    let check = try ReceiptCheck(receipt, by: try #require(callers.bed.live.treeKey))
    #expect(try JSONParser().parse(check.json) == answer.json?["proof"])
    let proof = answer.json?["proof"]
    #expect(proof?["event"]?["sequence"]?.integer == Int64(sequence.value))
    #expect(proof?["event"]?["model"]?.string == "m")
    #expect(proof?["charge"]?["recomputed_usd"]?.string == "0.001")
    #expect(proof?["charge"]?["agrees"] == .bool(true))
  }

  @Test func `another key's request is answered as one that does not exist`() async throws {
    let callers = try await Self.made()
    let id = try callers.requestID(try Self.settled(callers.bed))
    let hidden = try await callers.ask(id, callers.other)
    let absent = ULID(time: SystemWallClock().now(), random: (5, 5)).description
    let unknown = try await callers.ask(absent, callers.other)
    #expect(hidden.status == 404 && unknown.status == 404)
    #expect(
      hidden.json?["error"]?.text
        == unknown.json?["error"]?.text.replacing(absent, with: id))
    for query in ["", "?format=tlog-proof"] {
      let answer = try await callers.ask(id, callers.other, query: query)
      #expect(answer.status == 404 && !answer.text.contains("tlog-proof"))
    }
    #expect(try await callers.ask(id, "sk-nobody").status == 401)
  }

  @Test func `what is no request id is not found`() async throws {
    let callers = try await Self.made()
    for id in ["1", "x", "%00", "01ARZ3NDEKTSV4RRFFQ69G5FA", String(repeating: "z", count: 2000)] {
      #expect(try await callers.ask(id).status == 404, "\(id.prefix(30))")
    }
  }

  @Test func `a request that still runs is answered with a conflict until it is settled`()
    async throws
  {
    let callers = try await Self.made()
    let id = try callers.check(allowed: true)
    let running = try await callers.ask(id)
    #expect(running.status == 409, "\(running.text)")
    #expect(try await callers.ask(id, callers.other).status == 404)
    let sequence = try callers.bed.live.withBooks { books in
      let request = try #require(books.openRequests.allOpen.first)
      var failed = ForwardFailed()
      failed.party = request.party
      failed.hold = request.hold
      failed.serviceTime = request.serviceTime
      failed.target = request.target
      failed.group = request.group
      return try books.append(failed, now: SystemWallClock().now())
    }
    try callers.bed.live.waitUntilDurable(sequence)
    let ended = try await callers.ask(id)
    #expect(ended.status == 200, "\(ended.text)")
    #expect(ended.json?["proof"]?["event"]?["type"]?.string == "forward_failed")
    #expect(ended.json?["proof"]?["charge"] == .null)
  }

  @Test func `a refused request's receipt is the billing check`() async throws {
    let callers = try await Self.made()
    let answer = try await callers.ask(try callers.check(allowed: false))
    #expect(answer.status == 200, "\(answer.text)")
    #expect(answer.json?["proof"]?["event"]?["type"]?.string == "billing_checked")
  }

  @Test func `the proof file alone is what the JSON holds`() async throws {
    let callers = try await Self.made()
    let id = try callers.requestID(try Self.settled(callers.bed))
    let whole = try await callers.ask(id)
    let file = try await callers.ask(id, query: "?format=tlog-proof")
    #expect(file.status == 200)
    #expect(file.header("content-type") == "text/plain; charset=utf-8")
    #expect(file.text.hasPrefix("c2sp.org/tlog-proof@v1\n"))
    let key = try #require(callers.bed.live.treeKey)
    let alone = try ReceiptCheck(Receipt(text: file.text), by: key)
    #expect(try JSONParser().parse(alone.json) == whole.json?["proof"])
  }

  @Test func `users, keys, groups and accounts stay numbers to a caller`() async throws {
    let callers = try await Self.made()
    let answer = try await callers.ask(try callers.requestID(try Self.settled(callers.bed)))
    let event = answer.json?["proof"]?["event"]
    for name in ["user", "group", "account"] {
      #expect(event?[name]?.string?.hasPrefix("#") == true, "\(name)")
    }
    let receipt = try Receipt(text: try #require(answer.json?["receipt"]?.string))
    let told = (receipt.others + [receipt.main]).map { RecordView($0.bytes.span).type }
    let allowed: [RecordType] = [
      .forwardSettled, .billingChecked, .nameDefined, .priceSet, .priceBookPublished,
    ]
    #expect(told.allSatisfy { type in allowed.contains { $0.rawValue == type } })
    for name in ["ann", "bob", "default", "main"] {
      let isTold = (receipt.others + [receipt.main]).contains {
        String(decoding: $0.bytes, as: UTF8.self).contains(name)
      }
      #expect(!isTold, "\(name)")
    }
  }
}
