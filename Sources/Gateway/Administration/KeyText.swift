// A caller's key: `sk-` and 48 characters of 0-9A-Za-z, 285 random bits. Shown once, when it is
// issued; the ledger keeps its SHA-256 only.

enum KeyText {
  static let prefix = "sk-"
  private static let alphabet = Array(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
  static let letters = 48

  /// A new key from random bytes. Bytes of 248 and above are passed over, so that every letter is
  /// equally likely.
  static func make(randomBytes: (Int) -> [UInt8]) -> String {
    var text = Array(prefix.utf8)
    while text.count < prefix.utf8.count + letters {
      for byte in randomBytes(64) where byte < 248 && text.count < prefix.utf8.count + letters {
        text.append(alphabet[Int(byte % 62)])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
