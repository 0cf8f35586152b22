// An upstream account as the request path uses it: where to send, with which credential.
import HTTP
import Ledger

/// One account of the running configuration. The secret is inside `authorization` only.
struct UpstreamAccount: Sendable {
  let id: AccountID
  let name: String
  let platform: Platform
  let baseURL: String
  /// The header field with the credential.
  let authorization: (name: String, value: String)?
  let models: ModelMap
  let interceptsWarmup: Bool
  /// Antigravity: the project its requests name.
  let project: String?
  let proxy: String?

  /// Whether both ask at the same place with the same credential.
  func asksLike(_ other: UpstreamAccount) -> Bool {
    id == other.id && baseURL == other.baseURL && proxy == other.proxy
      && authorization?.value == other.authorization?.value
  }
}

/// Which of the caller's headers go to an upstream (spec: gateway, section 3).
enum ForwardedHeaders {
  private static let exact: Set<String> = [
    "accept", "accept-language", "content-type", "user-agent", "x-app",
  ]
  private static let prefixes = ["anthropic-", "x-stainless-"]
  static let valueLimit = 4096

  /// The fields to send: several lines of one `anthropic-` header are joined.
  static func toUpstream(_ headers: HeaderFields) -> [(name: String, value: String)] {
    var fields: [(name: String, value: String)] = []
    for i in 0..<headers.count {
      let name = headers.name(at: i)
      guard exact.contains(name) || prefixes.contains(where: { name.hasPrefix($0) }) else {
        continue
      }
      let value = headers.value(at: i)
      guard isClean(value) else { continue }
      if let known = fields.firstIndex(where: { $0.name == name }) {
        if name.hasPrefix("anthropic-") { fields[known].value += ",\(value)" }
      } else {
        fields.append((name, value))
      }
    }
    fields.append(("accept-encoding", "identity"))
    if !fields.contains(where: { $0.name == "anthropic-version" }) {
      fields.append(("anthropic-version", "2023-06-01"))
    }
    if !fields.contains(where: { $0.name == "content-type" }) {
      fields.append(("content-type", "application/json"))
    }
    return fields
  }

  /// The upstream's fields that the caller gets.
  /// - Parameters:
  ///   - rateLimits: also those that describe the operator's account.
  ///   - isTranslated: the body is ours, so its type is too.
  static func toCaller(
    _ headers: HeaderFields, rateLimits: Bool, isTranslated: Bool = false
  ) -> [(name: String, value: String)] {
    var fields: [(name: String, value: String)] = []
    if isTranslated { fields.append(("content-type", "application/json")) }
    for name in [
      "content-type", "cache-control", "retry-after", "retry-after-ms", "x-should-retry",
    ] where !(isTranslated && name == "content-type") {
      if let value = headers[name], isClean(value) { fields.append((name, value)) }
    }
    if let id = headers["request-id"] ?? headers["x-request-id"], isClean(id) {
      fields.append(("x-upstream-request-id", id))
    }
    guard rateLimits else { return fields }
    for i in 0..<headers.count {
      let name = headers.name(at: i)
      guard name.hasPrefix("anthropic-ratelimit-") || name.hasPrefix("x-ratelimit-") else {
        continue
      }
      if isClean(headers.value(at: i)) { fields.append((name, headers.value(at: i))) }
    }
    return fields
  }

  private static func isClean(_ value: String) -> Bool {
    value.utf8.count <= valueLimit && value.utf8.allSatisfy { $0 >= 32 && $0 != 127 }
  }
}
