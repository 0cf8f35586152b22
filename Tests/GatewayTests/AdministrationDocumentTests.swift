// The OpenAPI document of /admin is true: every operation it names is asked of a running server,
// and every answer, refusals too, is what it says.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct AdministrationDocumentTests {
  /// One good and one bad call of an operation, and the status of the bad one.
  private struct Example {
    let operation: String
    let good: String
    let bad: String
    let status: Int
    init(_ operation: String, _ good: String, bad: String, _ status: Int) {
      self.operation = operation
      self.good = good
      self.bad = bad
      self.status = status
    }
  }

  /// In an order in which each finds what it needs. Of GET the query, of POST the body.
  private static let examples = [
    Example("POST user/add", #"{"name": "ann", "concurrency": 3}"#, bad: "{}", 400),
    Example(
      "POST user/set", #"{"user": "ann", "status": "active", "reason": "r"}"#,
      bad: #"{"user": "bob", "concurrency": 1}"#, 404),
    Example(
      "POST key/issue",
      #"{"user": "ann", "group": "default", "name": "k", "quota": "1.5", "allow": "10.0.0.0/8"}"#,
      bad: #"{"user": "ann", "group": "default", "name": "k"}"#, 409),
    Example(
      "POST key/set", #"{"key": "k", "expires": "2030-01-01T00:00:00Z"}"#, bad: #"{"key": "k"}"#,
      400),
    Example(
      "POST credit/add", #"{"user": "ann", "usd": 12.5, "reason": "r", "external_id": "x-1"}"#,
      bad: #"{"user": "ann", "usd": 1, "reason": "r", "external_id": "x-1"}"#, 409),
    Example(
      "POST subscription/grant", #"{"user": "ann", "group": "pro", "days": 30}"#,
      bad: #"{"user": "ann", "group": "default", "days": 30}"#, 409),
    Example(
      "POST subscription/extend", #"{"user": "ann", "group": "pro", "days": 1}"#,
      bad: #"{"user": "ann", "group": "pro", "days": 0}"#, 400),
    Example("POST account/disable", #"{"account": "main"}"#, bad: #"{"account": "x"}"#, 404),
    Example("POST account/enable", #"{"account": "main"}"#, bad: "[]", 400),
    Example("GET status", "", bad: "x=1", 400),
    Example("GET balance", "user=ann", bad: "user=bob", 404),
    Example("GET usage", "key=k", bad: "", 400),
    Example("GET user/list", "limit=10", bad: "limit=0", 400),
    Example("GET key/list", "", bad: "limit=1001", 400),
    Example("GET subscription/list", "", bad: "after=usr_0000000001", 400),
    Example("GET account/list", "", bad: "after=x", 400),
    Example("GET group/list", "limit=1", bad: "limit=1&limit=2", 400),
    Example("GET credit/list", "user=ann", bad: "type=user_added", 400),
    Example("GET events", "from=1&limit=1000", bad: "type=forward_setled", 400),
    Example("POST reload", "{}", bad: #"{"now": 1}"#, 400),
    Example(
      "POST prices/import",
      #"{"text": "{\"m\": {\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06}}"}"#,
      bad: #"{"text": "{", "file": "p.json"}"#, 400),
    Example("GET prices/list", "", bad: "limit=1", 400),
    Example("GET prices/show", "model=m", bad: "model=unheard-of", 404),
    Example("GET prices/explain", "sequence=SETTLED", bad: "sequence=1", 400),
    Example("GET prices/diff", "from=prices.json&to=1", bad: "from=2", 404),
    Example(
      "POST reprice", #"{"book": "prices.json", "from": "2026-01-01", "all": "true"}"#,
      bad: #"{"book": "prices.json", "from": "2026-01-02", "to": "2026-01-01"}"#, 400),
    Example(
      "POST reprice/apply", #"{"book": "prices.json", "reason": "r"}"#,
      bad: #"{"book": "prices.json"}"#, 400),
    Example("POST reprice/revert", #"{"job": JOB, "reason": "r"}"#, bad: #"{"job": 77}"#, 404),
    Example("GET reprice/list", "", bad: "limit=1", 400),
    Example(
      "POST as-of", #"{"what": "balance", "name": "ann", "time": "now"}"#,
      bad: #"{"what": "balance", "name": "ann"}"#, 400),
    Example("POST statement", #"{"user": "ann"}"#, bad: #"{"user": "ann", "month": "May"}"#, 400),
    Example("POST rebuild", "", bad: #"{"x": 1}"#, 400),
    Example("GET receipt", "event=1", bad: "event=x", 400),
    Example("POST audit", #"{"checkpoint": "HEAD"}"#, bad: #"{"checkpoint": "x"}"#, 400),
    Example("POST compact", "", bad: #"{"x": 1}"#, 400),
    Example("POST verify", "{}", bad: "{", 400),
    Example(
      "POST subscription/revoke", #"{"user": "ann", "group": "pro"}"#,
      bad: #"{"user": "ann", "group": "pro"}"#, 409),
    Example("POST key/revoke", #"{"key": "k"}"#, bad: #"{"key": 5, "kez": 1}"#, 400),
    Example("GET openapi.json", "", bad: "", 200),
  ]

  private static func document(of bed: AdministrationBed) async throws -> JSONValue {
    try #require(try await bed.ask("GET", "/admin/openapi.json").json)
  }

  private static func operations(_ document: JSONValue) -> [(name: String, item: JSONValue)] {
    (document["paths"]?.object?.members ?? []).flatMap { path in
      (path.value.object?.members ?? []).map { item in
        (item.name.uppercased() + " " + path.name.dropFirst("/admin/".count), item.value)
      }
    }
  }

  @Test func `every operation of the document answers what it says, refusals too`() async throws {
    let bed = try AdministrationBed()
    let document = try await Self.document(of: bed)
    let operations = Self.operations(document)
    #expect(
      operations.map(\.name).sorted() == Self.examples.map(\.operation).sorted(),
      "every operation has an example")
    for example in Self.examples {
      let item = try #require(operations.first { $0.name == example.operation }?.item)
      var good = example.good
      if good.contains("SETTLED") {
        let sequence = try bed.settle { _, _ in }
        good = good.replacing("SETTLED", with: "\(sequence)")
      }
      if good.contains("JOB") { good = good.replacing("JOB", with: "\(try Self.repriced(bed))") }
      if good.contains("HEAD") {
        while bed.live.tree?.step(signsNow: true) == true {}
        let note = bed.live.tree?.status.head?.note ?? ""
        good = good.replacing("HEAD", with: note.replacing("\n", with: "\\n"))
      }
      try await expect(good, 200, of: example.operation, item, document, bed)
      try await expect(example.bad, example.status, of: example.operation, item, document, bed)
    }
  }

  /// Charges something at a price that no book has, and corrects it.
  /// - Returns: the job's number.
  private static func repriced(_ bed: AdministrationBed) throws -> Int64 {
    _ = try bed.settle { settlement, books in
      settlement.pricedModel = books.modelID("m") ?? .none
      settlement.usage.input = 1000
      settlement.list = NanoUSD(5)
      settlement.charged = NanoUSD(5)
    }
    let body = Array(#"{"book": "prices.json", "reason": "r"}"#.utf8)
    let answer = bed.service.answer("reprice/apply", body, actor: "test")
    return try #require(try JSONParser(maxDepth: 64).parse(answer.body)["job"]?.integer)
  }

  private func expect(
    _ input: String, _ status: Int, of operation: String, _ item: JSONValue,
    _ document: JSONValue, _ bed: AdministrationBed
  ) async throws {
    let words = operation.split(separator: " ").map(String.init)
    let isRead = words[0] == "GET"
    let path = "/admin/\(words[1])" + (isRead && !input.isEmpty ? "?\(input)" : "")
    let answer = try await bed.ask(words[0], path, isRead ? "" : input)
    #expect(answer.status == status, "\(operation) \(input): \(answer.text)")
    let check = SchemaCheck(document: document)
    var response = try #require(item["responses"]?["\(answer.status)"], "\(operation) \(status)")
    if let reference = response["$ref"]?.string {
      response = try #require(check.resolve(reference))
    }
    let content = try #require(response["content"]?.object?.members.first)
    #expect(answer.header("content-type") == content.name)
    let schema = try #require(content.value["schema"])
    let texts =
      content.name == "application/jsonl"
      ? answer.text.split(separator: "\n").map(String.init) : [answer.text]
    #expect(!texts.isEmpty)
    for text in texts {
      let value = try JSONParser(maxDepth: 64).parse(Array(text.utf8))
      #expect(check.problems(value, schema) == [], "\(operation) \(input): \(text)")
    }
  }

  @Test func `the arguments of the document are those of the verbs`() async throws {
    let bed = try AdministrationBed()
    let operations = Self.operations(try await Self.document(of: bed))
    for verb in AdministrationVerb.allCases where verb.changesBooks {
      let item = try #require(operations.first { $0.name == "POST \(verb.rawValue)" }?.item)
      let body = item["requestBody"]?["content"]?["application/json"]?["schema"]
      let names = body?["properties"]?.object?.members.map(\.name) ?? []
      #expect(names.sorted() == verb.arguments.sorted(), "\(verb)")
      for name in body?["required"]?.array?.compactMap(\.string) ?? [] {
        let answer = try await bed.ask("POST", "/admin/\(verb.rawValue)", "{}")
        #expect(answer.status == 400, "\(verb) without \(name): \(answer.text)")
      }
    }
  }

  @Test func `every GET of the document takes HEAD, with the same head`() async throws {
    let bed = try AdministrationBed()
    for path in ["/admin/user/list", "/admin/openapi.json", "/admin/events?limit=2"] {
      let get = try await bed.ask("GET", path)
      let head = try await bed.ask("HEAD", path)
      #expect(head.status == 200 && head.body.isEmpty)
      #expect(head.header("content-length") == "\(get.body.count)")
    }
  }
}
