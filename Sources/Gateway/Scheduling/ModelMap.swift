// An account's map of model names: which models it serves, and under which name it asks for them.

/// Model asked for -> model sent. Keys may end in `*`; the exact key wins, then the longest prefix.
struct ModelMap: Sendable, Hashable {
  private let exact: [String: String]
  /// Longest first.
  private let prefixes: [(prefix: String, sent: String)]

  init(_ map: [String: String]) {
    exact = map.filter { !$0.key.hasSuffix("*") }
    prefixes = map.filter { $0.key.hasSuffix("*") }
      .map { (prefix: String($0.key.dropLast()), sent: $0.value) }
      .sorted { ($0.prefix.utf8.count, $1.prefix) > ($1.prefix.utf8.count, $0.prefix) }
  }

  var isEmpty: Bool { exact.isEmpty && prefixes.isEmpty }
  /// The models named in full, for GET /v1/models.
  var namedModels: [String] { exact.keys.sorted() }

  /// The name to send for `model`; nil when this account does not serve it. An empty map serves
  /// every model as it is; `prefix*` mapped to `*` or to itself keeps the caller's name.
  func sent(for model: String) -> String? {
    if isEmpty { return model }
    if let sent = exact[model] { return sent }
    guard let match = prefixes.first(where: { model.hasPrefix($0.prefix) }) else { return nil }
    return match.sent.hasSuffix("*") ? model : match.sent
  }

  static func == (a: Self, b: Self) -> Bool {
    a.exact == b.exact && a.prefixes.elementsEqual(b.prefixes) { $0 == $1 }
  }
  func hash(into hasher: inout Hasher) {
    hasher.combine(exact)
    for (prefix, sent) in prefixes {
      hasher.combine(prefix)
      hasher.combine(sent)
    }
  }
}
