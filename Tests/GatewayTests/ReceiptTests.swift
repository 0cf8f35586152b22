// Receipts: made over /admin and by callers, checked from their bytes alone; hostile ones refused.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct ReceiptTests {
  private struct Made {
    let bed: AdministrationBed
    let sequence: SequenceNumber
    let requestID: String
    let verifier: NoteVerifier
    let text: String
    let answer: JSONValue
  }

  /// A ledger with one settled request, and its receipt.
  private static func made() async throws -> Made {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann"}"#)
    try await bed.command("key/issue", #"{"user": "ann", "group": "default", "name": "k"}"#)
    var prices = JSONObject()
    prices.members.append(
      .init(
        name: "text",
        value: .string(#"{"m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}}"#)))
    try await bed.command("prices/import", JSONValue.object(prices).text)
    let sequence = try bed.settle { settlement, books in
      settlement.usage.input = 1000
      settlement.usage.output = 500
      settlement.priceBook = PriceBookID(1)
      settlement.pricedModel = books.modelID("m") ?? .none
      settlement.model = settlement.pricedModel
      settlement.priceRule = .exact
      settlement.list = NanoUSD(2_000_000)
      settlement.charged = NanoUSD(2_000_000)
    }
    let event = try #require(try LedgerReader.event(at: sequence, in: bed.live.files))
    let id = try #require((event.payload as? ForwardSettled)?.settlement.requestID.description)
    let answer = try await bed.ask("GET", "/admin/receipt?event=\(sequence)")
    try #require(answer.status == 200, "\(answer.text)")
    let json = try #require(answer.json)
    return Made(
      bed: bed, sequence: sequence, requestID: id,
      verifier: try #require(bed.live.treeKey),
      text: try #require(json["receipt"]?.string), answer: json)
  }

  @Test func `a receipt proves the event, its names and its charge from its bytes alone`()
    async throws
  {
    let made = try await Self.made()
    let check = try ReceiptCheck(Receipt(text: made.text), by: made.verifier)
    let proof = try JSONParser().parse(check.json)
    #expect(proof == made.answer["proof"])
    let event = proof["event"]
    #expect(event?["sequence"]?.integer == Int64(made.sequence.value))
    #expect(event?["user"]?.string == "ann" && event?["key"]?.string == "k")
    #expect(event?["group"]?.string == "default" && event?["account"]?.string == "main")
    #expect(event?["model"]?.string == "m" && event?["charged_usd"]?.string == "0.002")
    #expect(proof["charge"]?["agrees"] == .bool(true))
    #expect(proof["charge"]?["recomputed_usd"]?.string == "0.002")
    let cat = try await made.bed.ask("GET", "/admin/events?from=\(made.sequence)&limit=1")
    #expect(cat.json?["data"]?.array?.first == event, "it is what `cat` prints")
  }

  @Test func `a request's id leads to its settlement`() async throws {
    let made = try await Self.made()
    let byID = try await made.bed.ask("GET", "/admin/receipt?event=\(made.requestID)")
    #expect(byID.json?["proof"]?["event"]?["sequence"]?.integer == Int64(made.sequence.value))
    let unknown = ULID(time: SystemWallClock().now(), random: (9, 9)).description
    #expect(try await made.bed.ask("GET", "/admin/receipt?event=\(unknown)").status == 404)
    #expect(try await made.bed.ask("GET", "/admin/receipt?event=999999").status == 404)
    let user = try await made.bed.ask("GET", "/admin/receipt?event=3")
    #expect(user.status == 200 && user.json?["proof"]?["charge"] == .null)
  }

  @Test func `a receipt changed anywhere proves nothing`() async throws {
    let made = try await Self.made()
    let bytes = Array(made.text.utf8)
    for place in stride(from: 0, to: bytes.count, by: 23) {
      var changed = bytes
      changed[place] = changed[place] == 0x41 ? 0x42 : 0x41
      guard changed != bytes, let text = String(validating: changed, as: UTF8.self) else {
        continue
      }
      #expect(throws: LedgerError.self, "byte \(place)") {
        try ReceiptCheck(Receipt(text: text), by: made.verifier)
      }
    }
    for count in stride(from: 0, to: bytes.count, by: 61) {
      let text = String(decoding: bytes[..<count], as: UTF8.self)
      #expect(throws: LedgerError.self, "\(count) bytes") {
        try ReceiptCheck(Receipt(text: text), by: made.verifier)
      }
    }
  }

  @Test func `records under the wrong names and keys are refused`() async throws {
    let made = try await Self.made()
    let receipt = try Receipt(text: made.text)
    let other = try #require(receipt.others.first)
    func refused(_ main: ProvenRecord, _ others: [ProvenRecord], _ checkpoint: String) -> Bool {
      let changed = Receipt(main: main, others: others, checkpoint: checkpoint)
      return (try? ReceiptCheck(changed, by: made.verifier)) == nil
    }
    #expect(!refused(receipt.main, receipt.others, receipt.checkpoint))
    let moved = ProvenRecord(
      bytes: other.bytes, sequence: other.sequence.next, path: other.path)
    #expect(refused(receipt.main, [moved], receipt.checkpoint))
    let swapped = ProvenRecord(
      bytes: other.bytes, sequence: receipt.main.sequence, path: receipt.main.path)
    #expect(refused(swapped, [], receipt.checkpoint))
    let stranger = try AdministrationBed()
    while stranger.live.tree?.step(signsNow: true) == true {}
    let head = try #require(stranger.live.tree?.status.head)
    #expect(refused(receipt.main, receipt.others, head.note))
    #expect(throws: LedgerError.self) {
      try ReceiptCheck(receipt, by: try #require(stranger.live.treeKey))
    }
    #expect(throws: LedgerError.self) {
      try Receipt(text: String(repeating: "x", count: Receipt.greatestLength + 1))
    }
    // Without the names the numbers stay: nothing is made up.
    let bare = try ReceiptCheck(
      Receipt(main: receipt.main, others: [], checkpoint: receipt.checkpoint), by: made.verifier)
    let event = try JSONParser().parse(bare.json)["event"]
    #expect(event?["user"]?.string == "#1" && event?["model"]?.string?.hasPrefix("#") == true)
  }

  @Test func `an audit proves that the log grew, and tells when it is another`() async throws {
    let made = try await Self.made()
    let note = try Receipt(text: made.text).checkpoint
    func audit(_ note: String) async throws -> JSONValue? {
      var object = JSONObject()
      object.members.append(.init(name: "checkpoint", value: .string(note)))
      let answer = try await made.bed.ask("POST", "/admin/audit", JSONValue.object(object).text)
      let last = answer.text.split(separator: "\n").last.map { Array($0.utf8) } ?? []
      return try JSONParser(maxDepth: 8).parse(last)["answer"]
    }
    try await made.bed.command("user/add", #"{"name": "bob"}"#)
    while made.bed.live.tree?.step(signsNow: true) == true {}
    let grown = try #require(try await audit(note))
    #expect(grown["grown"] == .bool(true), "\(grown.text)")
    let old = try TreeHead(note: note, by: made.verifier)
    let new = try TreeHead(
      note: try #require(grown["checkpoint"]?.string), by: made.verifier)
    let path = (grown["consistency"]?.array ?? []).compactMap {
      $0.string.flatMap { Base64.decode($0) }.flatMap { TreeHash($0) }
    }
    #expect(new.size > old.size)
    #expect(
      MerkleProof.isConsistent(from: old.size, old.root, to: new.size, new.root, path: path))
    // A head of other events, signed with the log's own key.
    let key = try RealFileSystem().readFile(made.bed.live.files.directory.path + "/signing.key")
    let signer = try NoteSigner(text: String(decoding: key, as: UTF8.self))
    let forged = SignedHead(
      TreeHead(origin: old.origin, size: old.size, root: .emptyRoot), signer: signer)
    let other = try #require(try await audit(forged.note))
    #expect(other["grown"] == .bool(false))
    #expect(other["problem"]?.string?.contains("not those that were signed") == true)
  }
}
