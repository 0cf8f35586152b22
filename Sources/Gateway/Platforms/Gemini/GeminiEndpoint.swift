// Where requests to Gemini and Antigravity go, and with which header fields.
import Base
import HTTP
import Ledger

enum GeminiEndpoint {
  enum Action: String {
    case generateContent
    case streamGenerateContent
    case countTokens
  }

  /// - Parameters:
  ///   - base: of the account, without a slash at its end.
  ///   - model: may come from a caller, so nothing in it can leave its place in the path.
  static func url(_ base: String, model: String, _ action: Action) -> String {
    let path = "\(base)/v1beta/models/\(encoded(GeminiModel(model).name)):\(action.rawValue)"
    return action == .streamGenerateContent ? path + "?alt=sse" : path
  }

  /// Antigravity's one endpoint: it always streams.
  static func antigravityURL(_ base: String) -> String {
    base + "/v1internal:streamGenerateContent?alt=sse"
  }

  /// The field that carries the credential. Antigravity takes bearer tokens only.
  static func authorization(
    _ credential: String, platform: Platform, usesBearer: Bool
  ) -> (name: String, value: String) {
    platform == .antigravity || usesBearer
      ? ("authorization", "Bearer \(credential)") : ("x-goog-api-key", credential)
  }

  /// All fields of a request. Nothing of the caller's is passed on: it speaks another API.
  static func headers(
    isStream: Bool, authorization: (name: String, value: String)?
  ) -> [(name: String, value: String)] {
    var fields = [
      (name: "content-type", value: "application/json"),
      (name: "accept", value: isStream ? "text/event-stream" : "application/json"),
      (name: "accept-encoding", value: "identity"),
    ]
    if let authorization { fields.append(authorization) }
    return fields
  }

  /// One segment of a path (RFC 3986 section 3.3): letters, digits, `-`, `_` and single dots stay.
  private static func encoded(_ name: String) -> String {
    var text = ""
    var last: UInt8 = 0x2E
    for byte in name.utf8 {
      let isPlain: Bool =
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        case 0x2E: last != 0x2E
        default: false
        }
      if isPlain {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "%" + Hex.encode([byte]).uppercased()
      }
      last = isPlain ? byte : 0x2E
    }
    return text
  }
}

/// The answer of countTokens (https://ai.google.dev/api/tokens).
enum GeminiCount {
  /// `totalTokens`; nil when there is none that can be one.
  static func read(_ body: [UInt8]) -> Int64? {
    guard let scanner = try? JSONScanner(body.span, maxDepth: 32),
      let count = scanner.integer(scanner.member("totalTokens", of: scanner.root)),
      (0...TokenUsage.countLimit).contains(count)
    else { return nil }
    return count
  }

  /// The caller's answer.
  static func answer(_ count: Int64) -> [UInt8] {
    var json = JSONWriter()
    json.object { $0.member("input_tokens", count) }
    return json.bytes
  }
}
