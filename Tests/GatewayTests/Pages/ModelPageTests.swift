// GET /v1/models: which names are told, page by page.
import Base
import Ledger
import TestSupport
import Testing

@testable import Gateway

@Suite struct ModelPageTests {
  private static let five = ["alpha", "beta", "delta", "epsilon", "gamma"]

  private func get(
    _ path: String, method: String = "GET",
    _ configure: @escaping @Sendable (inout Configuration) -> Void = { _ in }
  ) async throws -> Received {
    let bed = try GatewayBed(configure: configure)
    return Received(try await bed.exchange(GatewayBed.request(method, path)))
  }
  /// An account whose map names five models, and one more by a prefix, which is no name.
  @Sendable private static func serveFive(_ configuration: inout Configuration) {
    configuration.accounts[0].models =
      (five.reversed() + ["claude-*"]).map { ModelMapping(asked: $0, sent: "claude-sonnet-5-5") }
  }
  private func ids(_ answer: Received) -> [String] {
    (answer.json?["data"]?.array ?? []).compactMap { $0["id"]?.string }
  }

  @Test func `the names in the accounts' maps come sorted, in one page`() async throws {
    let answer = try await get("/v1/models", Self.serveFive)
    #expect(
      answer.text
        == #"{"object":"list","data":["#
        + Self.five.map {
          #"{"id":"\#($0)","type":"model","display_name":"\#($0)","#
            + #""created_at":"2024-01-01T00:00:00Z"}"#
        }.joined(separator: ",")
        + #"],"has_more":false,"first_id":"alpha","last_id":"gamma"}"#)
  }

  @Test func `names of several accounts of a group come once each`() async throws {
    let answer = try await get("/v1/models") { configuration in
      Self.serveFive(&configuration)
      var other = configuration.accounts[0]
      other.name = "other"
      other.models = [
        ModelMapping(asked: "beta", sent: "b"), ModelMapping(asked: "zeta", sent: "z"),
      ]
      configuration.accounts.append(other)
    }
    #expect(ids(answer) == Self.five + ["zeta"])
  }

  private static let pages: [(String, [String], Bool)] = [
    ("limit=2", ["alpha", "beta"], true),
    ("limit=5", five, false),
    ("limit=1000", five, false),
    ("limit=2&after_id=beta", ["delta", "epsilon"], true),
    ("limit=2&after_id=epsilon", ["gamma"], false),
    ("after_id=gamma", [], false),
    ("limit=2&before_id=epsilon", ["beta", "delta"], true),
    ("limit=2&before_id=beta", ["alpha"], false),
    ("before_id=alpha", [], false),
    ("after_id=nobody", [], false),
    ("before_id=nobody", [], false),
    // A limit that is none is the least, the greatest, or 20.
    ("limit=0", ["alpha"], true),
    ("limit=-3", ["alpha"], true),
    ("limit=99999999999999999999", five, false),
    ("limit=two", five, false),
    ("limit=", five, false),
    ("after_id=al%70ha&limit=1", ["beta"], true),
    ("page=2&beta=true", five, false),
  ]
  @Test(arguments: ModelPageTests.pages)
  func `pages are cut where cursors and limits say`(
    query: String, expected: [String], hasMore: Bool
  ) async throws {
    let answer = try await get("/v1/models?\(query)", Self.serveFive)
    #expect(answer.status == 200 && ids(answer) == expected)
    #expect(answer.json?["has_more"]?.bool == hasMore)
    #expect(answer.json?["first_id"] == (expected.first.map { .string($0) } ?? .null))
    #expect(answer.json?["last_id"] == (expected.last.map { .string($0) } ?? .null))
  }

  @Test func `following the cursors tells every name once`() async throws {
    let bed = try GatewayBed(configure: Self.serveFive)
    var seen: [String] = []
    var query = "limit=2"
    while true {
      let answer = Received(
        try await bed.exchange(GatewayBed.request("GET", "/v1/models?\(query)")))
      seen += ids(answer)
      guard answer.json?["has_more"]?.bool == true, let last = answer.json?["last_id"]?.string
      else { break }
      query = "limit=2&after_id=\(last)"
    }
    #expect(seen == Self.five)
  }

  @Test(arguments: [
    (
      Platform.anthropic,
      ["claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001"],
      "claude-"
    ),
    (
      .openai,
      [
        "gpt-5.2", "gpt-5.2-codex", "gpt-5.1-codex-max", "gpt-5.1-codex", "gpt-5.1",
        "gpt-5.1-codex-mini", "gpt-5",
      ], "gpt-"
    ),
    (
      .gemini,
      [
        "gemini-2.0-flash", "gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview",
        "gemini-3-pro-preview",
      ], "gemini-"
    ),
  ])
  func `without names in a map the platform's own come first, then the price book's`(
    platform: Platform, known: [String], prefix: String
  ) async throws {
    let answer = try await get("/v1/models") { configuration in
      configuration.groups[0].platform = platform
      configuration.accounts[0].platform = platform
    }
    let all = ids(answer)
    #expect(Array(all.prefix(known.count)) == known)
    #expect(all.allSatisfy { $0.hasPrefix(prefix) } && Set(all).count == all.count)
    if platform == .anthropic { #expect(all.contains("claude-opus-5-5")) }
  }

  @Test(arguments: ["/antigravity/models", "/antigravity/v1/models"])
  func `the antigravity paths always tell the antigravity list`(path: String) async throws {
    let answer = try await get(path, Self.serveFive)
    #expect(
      ids(answer) == [
        "claude-opus-4-5-thinking", "claude-sonnet-4-5", "claude-sonnet-4-5-thinking",
        "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-flash-thinking",
        "gemini-3-flash", "gemini-3-pro-low", "gemini-3-pro-high", "gemini-3-pro-preview",
        "gemini-3-pro-image",
      ])
  }

  @Test func `one model is told as the list tells it`() async throws {
    let answer = try await get("/v1/models/delta", Self.serveFive)
    #expect(
      answer.text
        == #"{"id":"delta","type":"model","display_name":"delta","#
        + #""created_at":"2024-01-01T00:00:00Z"}"#)
    let head = try await get("/v1/models/delta", method: "HEAD", Self.serveFive)
    #expect(head.status == 200 && head.body.isEmpty)
    #expect(head.header("content-length") == "\(answer.body.count)")
  }

  @Test(arguments: [
    ("/v1/models/nobody", 404), ("/v1/models/claude-x", 404), ("/v1/models/", 404),
    ("/v1/models/a/b", 404), ("/antigravity/v1/models/delta", 404), ("/v1/models/delta%20", 404),
  ])
  func `a model that is not told is not found`(path: String, status: Int) async throws {
    let answer = try await get(path, Self.serveFive)
    #expect(answer.status == status)
    #expect(answer.json?["error"]?["type"]?.string == "not_found_error")
  }

  @Test func `HEAD tells the length of the list`() async throws {
    let list = try await get("/v1/models", Self.serveFive)
    let head = try await get("/v1/models", method: "HEAD", Self.serveFive)
    #expect(head.status == 200 && head.body.isEmpty)
    #expect(head.header("content-length") == "\(list.body.count)")
  }
}
