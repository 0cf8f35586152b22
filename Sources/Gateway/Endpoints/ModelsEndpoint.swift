// GET /v1/models: the models of the key's group (spec: gateway, section 6).
import Base
import HTTP
import Ledger
import Projections

extension Gateway {
  func models(
    _ request: Request, _ client: Client, _ trace: RequestTrace, forced: Platform?
  ) throws(Answer) {
    let caller = try authenticate(trace, forced: forced, check: .reading)
    let all = modelNames(of: caller, forced: forced)
    let page = ModelPage(
      all, limit: request.queryValue("limit"), after: request.queryValue("after_id"),
      before: request.queryValue("before_id"))
    var json = JSONWriter()
    json.object { json in
      json.member("object", "list")
      json.name("data")
      json.array { json in for model in page.models { Self.write(model, to: &json) } }
      json.member("has_more", page.hasMore)
      json.member(optional: "first_id", page.models.first)
      json.member(optional: "last_id", page.models.last)
    }
    answer(json, client, trace)
  }

  func model(_ name: String, _ request: Request, _ client: Client, _ trace: RequestTrace)
    throws(Answer)
  {
    let caller = try authenticate(trace, forced: nil, check: .reading)
    guard modelNames(of: caller, forced: nil).contains(name) else {
      throw Answer(404, "not_found_error", "model: \(name.clipped(toBytes: 256))")
    }
    var json = JSONWriter()
    Self.write(name, to: &json)
    answer(json, client, trace)
  }

  private func answer(_ json: JSONWriter, _ client: Client, _ trace: RequestTrace) {
    client.respond(status: 200, headers: .json(trace.id), body: json.bytes)
  }

  private static func write(_ model: String, to json: inout JSONWriter) {
    json.object {
      $0.member("id", model)
      $0.member("type", "model")
      $0.member("display_name", model)
      $0.member("created_at", "2024-01-01T00:00:00Z")
    }
  }

  /// The names in the group's accounts' maps, sorted; without any, the platform's defaults.
  private func modelNames(of caller: Caller, forced: Platform?) -> [String] {
    if forced == .antigravity { return DefaultModels.antigravity }
    let snapshot = snapshot
    var named: Set<String> = []
    for id in snapshot.groupAccounts[caller.group.id] ?? [] {
      named.formUnion(snapshot.accounts[id]?.models.namedModels ?? [])
    }
    return named.isEmpty ? DefaultModels.names(of: caller.platform) : named.sorted()
  }
}

/// One page of a list, by the cursors of Anthropic's API.
struct ModelPage {
  let models: [String]
  let hasMore: Bool

  /// Limit 1 ... 1000, 20 by default only when a cursor or a limit is given: without any of them
  /// the whole list comes, as the seed sends it. An unknown cursor gives an empty page.
  init(_ all: [String], limit: String?, after: String?, before: String?) {
    var rest = all[...]
    if let after {
      rest = all.firstIndex(of: after).map { all[($0 + 1)...] } ?? []
    } else if let before {
      rest = all.firstIndex(of: before).map { all[..<$0] } ?? []
    }
    let isPaged = limit != nil || after != nil || before != nil
    let count = isPaged ? min(max(1, limit.flatMap(Int.init) ?? 20), 1000) : rest.count
    models = Array(before != nil && after == nil ? rest.suffix(count) : rest.prefix(count))
    hasMore = rest.count > models.count
  }
}

extension JSONWriter {
  fileprivate mutating func member(optional name: String, _ value: String?) {
    if let value { member(name, value) } else { member(null: name) }
  }
}

/// The seed's lists (KEEP), and the current models of the built-in price book.
enum DefaultModels {
  static let antigravity = [
    "claude-opus-4-5-thinking", "claude-sonnet-4-5", "claude-sonnet-4-5-thinking",
    "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-flash-thinking", "gemini-3-flash",
    "gemini-3-pro-low", "gemini-3-pro-high", "gemini-3-pro-preview", "gemini-3-pro-image",
  ]
  private static let claude = [
    "claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001",
  ]
  private static let openai = [
    "gpt-5.2", "gpt-5.2-codex", "gpt-5.1-codex-max", "gpt-5.1-codex", "gpt-5.1",
    "gpt-5.1-codex-mini", "gpt-5",
  ]
  private static let gemini = [
    "gemini-2.0-flash", "gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview",
    "gemini-3-pro-preview",
  ]

  static func names(of platform: Platform) -> [String] {
    switch platform {
    case .antigravity: antigravity
    case .gemini: gemini + current(prefix: "gemini-", besides: gemini)
    case .openai: openai + current(prefix: "gpt-", besides: openai)
    case .anthropic, .unrecognized: claude + current(prefix: "claude-", besides: claude)
    }
  }
  private static func current(prefix: String, besides known: [String]) -> [String] {
    PriceBook.builtIn.models.map(\.name)
      .filter { $0.hasPrefix(prefix) && !known.contains($0) }
  }
}
