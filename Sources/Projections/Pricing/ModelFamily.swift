// Families of models: what a name nobody has a price for most likely is. The newest member of the
// family in the book lends its price; the rule is recorded, so such charges can be found.

struct ModelFamily: Hashable, Sendable {
  let name: String

  /// The family of a canonical name, nil if it has none.
  init?(canonical: String) {
    let words = canonical.split { !$0.isLetter && !$0.isNumber }.map(String.init)
    if words.contains(where: ModelFamily.otherKinds.contains) { return nil }
    if let word = ModelFamily.claudeWords.first(where: words.contains) {
      name = "claude-" + word
    } else if words.contains("gemini") {
      if words.contains("flash") {
        name = words.contains("lite") ? "gemini-flash-lite" : "gemini-flash"
      } else if words.contains("pro") {
        name = "gemini-pro"
      } else {
        return nil
      }
    } else if words.contains("gpt") {
      name = ModelFamily.gptWords.first(where: words.contains).map { "gpt-" + $0 } ?? "gpt"
    } else {
      return nil
    }
  }

  /// Whether this canonical name is of nothing but a family's words and a version, which is then
  /// returned: claude-opus-5-5 is [5, 5].
  static func version(ofPlain canonical: String) -> [Int]? {
    let words = canonical.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    var version: [Int] = []
    for word in words {
      if let number = Int(word), number < 1000 {
        version.append(number)
      } else if !plainWords.contains(word) {
        return nil
      }
    }
    return version.isEmpty ? nil : version
  }

  private static let claudeWords = ["opus", "sonnet", "haiku", "fable", "mythos"]
  private static let gptWords = ["nano", "mini", "codex", "pro"]
  private static let plainWords = Set(
    claudeWords + gptWords + ["claude", "gemini", "flash", "lite", "preview", "gpt"])
  /// Models of other kinds, whose prices say nothing about text.
  private static let otherKinds: Set<String> = [
    "audio", "embedding", "image", "live", "moderation", "realtime", "robotics", "transcribe",
    "translate", "tts", "video",
  ]
}
