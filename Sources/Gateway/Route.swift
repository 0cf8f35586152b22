// Which endpoint a path names, and which methods it takes (spec: gateway, section 1). Routes match
// the path alone, letter for letter; a trailing slash is another path.
import HTTP
import Ledger

/// An endpoint.
enum Route: Equatable {
  case messages(forced: Platform?)
  case countTokens(forced: Platform?)
  case models(forced: Platform?)
  case model(id: String)
  case usage
  /// A request's receipt.
  case receipt(id: String)
  case hello
  case healthy
  case ready
  case metrics
  /// The Merkle tree: the rest of the path names what of it.
  case ledger(path: String)
  /// Administration: it looks at the rest of the path, the method and the token by itself.
  case admin
  /// Google's paths: answered 404 in Google's error shape.
  case google

  init?(path: String) {
    switch path {
    case "/v1/messages": self = .messages(forced: nil)
    case "/antigravity/v1/messages": self = .messages(forced: .antigravity)
    case "/v1/messages/count_tokens": self = .countTokens(forced: nil)
    case "/antigravity/v1/messages/count_tokens": self = .countTokens(forced: .antigravity)
    case "/v1/models": self = .models(forced: nil)
    case "/antigravity/models", "/antigravity/v1/models": self = .models(forced: .antigravity)
    case "/v1/usage", "/antigravity/v1/usage": self = .usage
    case "/api/hello": self = .hello
    case "/healthz": self = .healthy
    case "/readyz": self = .ready
    case "/metrics": self = .metrics
    default:
      if path.hasPrefix("/v1/models/") {
        let id = path.dropFirst("/v1/models/".count)
        guard !id.isEmpty, !id.contains("/") else { return nil }
        self = .model(id: String(id))
      } else if path.hasPrefix("/v1/receipts/") {
        let id = path.dropFirst("/v1/receipts/".count)
        guard !id.isEmpty, !id.contains("/") else { return nil }
        self = .receipt(id: String(id))
      } else if path.hasPrefix("/admin/") {
        self = .admin
      } else if path.hasPrefix("/ledger/") {
        self = .ledger(path: String(path.dropFirst("/ledger/".count)))
      } else if path == "/v1beta" || path.hasPrefix("/v1beta/") {
        self = .google
      } else {
        return nil
      }
    }
  }

  /// The methods it takes, as the Allow header lists them.
  var allow: String {
    switch self {
    case .messages, .countTokens: "POST, OPTIONS"
    default: "GET, HEAD, OPTIONS"
    }
  }
  func takes(_ method: Method) -> Bool {
    switch self {
    case .messages, .countTokens: method == .post
    case .google, .admin: true
    default: method == .get || method == .head
    }
  }
  /// Health checks are asked often and say little: they are not logged.
  var isHealth: Bool {
    switch self {
    case .hello, .healthy, .ready: true
    default: false
    }
  }
  /// A short name for metrics and logs: never a model's or a caller's.
  var label: String {
    switch self {
    case .messages: "messages"
    case .countTokens: "count_tokens"
    case .models, .model: "models"
    case .usage: "usage"
    case .receipt: "receipts"
    case .hello, .healthy, .ready: "health"
    case .metrics: "metrics"
    case .admin: "admin"
    case .ledger: "ledger"
    case .google: "other"
    }
  }
}
