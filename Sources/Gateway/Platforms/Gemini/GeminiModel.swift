// What the name of a Gemini model says about the limits of its requests
// (https://ai.google.dev/gemini-api/docs/models and /thinking). Models nobody knows get no limits:
// the upstream then says itself what it refuses.

struct GeminiModel {
  /// The name as the upstream knows it, without `models/`.
  let name: String
  /// 25 for gemini-2.5-..., 30 for gemini-3-... and for names like gemini-flash-latest; nil for
  /// models of others.
  private let version: Int?

  init(_ name: String) {
    let bare = name.hasPrefix("models/") ? String(name.dropFirst("models/".count)) : name
    self.name = bare
    version = Self.version(of: bare)
  }

  private static let latest = 30

  private static func version(of name: String) -> Int? {
    guard name.hasPrefix("gemini-") else { return nil }
    let digits = name.dropFirst("gemini-".count).prefix { $0 != "-" }
      .split(separator: ".", omittingEmptySubsequences: false)
    guard digits.count <= 2, let first = digits.first.flatMap({ Int($0) }), (1...99).contains(first)
    else { return latest }
    guard digits.count == 2 else { return first * 10 }
    guard let second = Int(digits[1]), (0...9).contains(second) else { return latest }
    return first * 10 + second
  }

  /// The greatest `maxOutputTokens` the model takes; above it the upstream refuses the request.
  var greatestOutputTokens: Int64? {
    guard let version else { return name.hasPrefix("claude-") ? 64_000 : nil }
    return version < 25 ? 8192 : 65_536
  }

  private var isFlash: Bool { name.contains("-flash") }
  private var isLite: Bool { name.contains("-lite") }

  /// Whether the model takes a `thinkingConfig` at all.
  var thinks: Bool { version.map { $0 >= 25 } ?? true }

  /// A thinking budget as the model takes it.
  func budget(_ tokens: Int64) -> Int64 {
    guard version != nil else { return tokens }
    let least: Int64 = isLite ? 512 : isFlash ? 1 : 128
    return min(max(tokens, least), isFlash ? 24_576 : 32_768)
  }

  /// Whether thinking is switched off with a budget of 0: only the flash models of 2.5 know that.
  var canStopThinking: Bool { version == 25 && isFlash }

  /// Whether "as much as the task needs" has to be said: from 3 on it goes without.
  var needsDynamicBudget: Bool { version.map { $0 < 30 } ?? false }

  /// Whether each search query has its fee; before 3 it is one for each grounded answer
  /// (https://ai.google.dev/gemini-api/docs/pricing).
  var paysForEachQuery: Bool { version.map { $0 >= 30 } ?? false }
}
