// What a name may be: of a group, an account, a user, a key, a model.

enum NameRule {
  /// Greatest length of a name in bytes.
  static let greatestLength = 128

  /// Why `name` cannot be the name of a group, an account, a user or a key; nil when it can.
  static func problem(_ name: String) -> String? {
    if name.isEmpty { return "a name must not be empty" }
    if name.utf8.count > greatestLength {
      return "a name has at most \(greatestLength) bytes, this one \(name.utf8.count)"
    }
    if name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
      return "a name must not hold control characters"
    }
    if name.first == " " || name.last == " " { return "a name must not begin or end with a blank" }
    if name.hasPrefix("-") { return "a name must not begin with `-`" }
    if PublicIdentifier(name) != nil { return "\"\(name)\" looks like an identifier, not a name" }
    return nil
  }

  /// A model's name: 1-256 bytes without control characters (spec: gateway, section 2).
  static func isModel(_ name: String) -> Bool {
    (1...256).contains(name.utf8.count)
      && name.utf8.allSatisfy { $0 >= 32 && $0 != 127 }
  }
}
