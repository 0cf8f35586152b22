// Forms of a model's name that stand for the same model.

enum ModelNameForms {
  /// Prefixes that name a provider, in the order of preference where a book has several of them.
  static let providerPrefixes = [
    "models/", "anthropic/", "openai/", "gemini/", "google/", "vertex_ai/",
    "publishers/anthropic/models/", "publishers/google/models/",
  ]

  /// The name in lower case (ASCII) without provider prefixes.
  static func withoutProvider(_ name: String) -> String {
    var rest = Substring(name.lowercased())
    while let prefix = providerPrefixes.first(where: { rest.hasPrefix($0) }) {
      rest = rest.dropFirst(prefix.count)
    }
    return String(rest)
  }

  /// 0 for a name without a provider prefix, else its place in the list from 1.
  static func providerRank(_ name: String) -> Int {
    (providerPrefixes.firstIndex { name.lowercased().hasPrefix($0) } ?? -1) + 1
  }

  /// The name without a date or version word at its end: -20250929, @20250929, -2025-09-29,
  /// -09-2025, -05-06, -latest, @default.
  static func withoutDate(_ name: String) -> String {
    for word in ["-latest", "@latest", "@default"] where name.hasSuffix(word) {
      return String(name.dropLast(word.count))
    }
    let bytes = Array(name.utf8)
    for form in ["-2ddddddd", "@2ddddddd", "-2ddd-dd-dd", "-dd-2ddd", "-dd-dd"] {
      if bytes.count > form.utf8.count, matches(bytes.suffix(form.utf8.count), form) {
        return String(decoding: bytes.dropLast(form.utf8.count), as: UTF8.self)
      }
    }
    return name
  }

  /// The name with dots between digits as dashes: 4.5 = 4-5.
  static func withoutDots(_ name: String) -> String {
    var bytes = Array(name.utf8)
    for index in bytes.indices.dropFirst().dropLast() where bytes[index] == 0x2E {
      if isDigit(bytes[index - 1]), isDigit(bytes[index + 1]) { bytes[index] = 0x2D }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// All forms at once: what the rules from `dotted` on compare.
  static func canonical(_ name: String) -> String {
    withoutDots(withoutDate(withoutProvider(name)))
  }

  /// The parts before each boundary (any character but letters and digits), longest first; the
  /// name itself is not among them.
  static func prefixes(_ name: String) -> [String] {
    let bytes = Array(name.utf8)
    return bytes.indices.dropFirst().reversed()
      .filter { !isLetterOrDigit(bytes[$0]) }
      .map { String(decoding: bytes[..<$0], as: UTF8.self) }
  }

  /// In a form, `d` stands for a digit and everything else for itself.
  private static func matches(_ bytes: ArraySlice<UInt8>, _ form: String) -> Bool {
    zip(bytes, form.utf8).allSatisfy { byte, wanted in
      wanted == UInt8(ascii: "d") ? isDigit(byte) : byte == wanted
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte >= 0x80
  }
}
