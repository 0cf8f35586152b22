// The three APIs the scripted upstream speaks, and which of Google's methods a path names.
//
//   POST /v1/messages                              Anthropic's Messages
//   POST /v1beta/models/MODEL:METHOD               Gemini API
//   POST /v1internal:METHOD                        Antigravity: the same inside an envelope
//
// METHOD is generateContent, streamGenerateContent or countTokens. A stream comes as server-sent
// events with `alt=sse`, else as one JSON array (https://ai.google.dev/api/generate-content).

/// An API as it is spoken on the wire.
enum Wire: Hashable, Sendable {
  case anthropic
  case gemini
  /// Gemini's bodies as `request` of {project, model, request} and as `response` of the answer.
  case antigravity

  var isGoogle: Bool { self != .anthropic }
}

/// How an answer is brought.
enum Form: Hashable, Sendable {
  /// One JSON object.
  case whole
  /// Server-sent events.
  case events
  /// A JSON array that grows by one object a chunk.
  case array
}

/// One of Google's methods as a path names it.
struct GoogleCall: Hashable, Sendable {
  enum Method: String {
    case generate = "generateContent"
    case stream = "streamGenerateContent"
    case count = "countTokens"
  }
  let wire: Wire
  /// The model of the path; nil where the body names it.
  let model: String?
  let method: Method

  /// Nil when there is no such method.
  init?(path: String) {
    guard let colon = path.lastIndex(of: ":"),
      let method = Method(rawValue: String(path[path.index(after: colon)...]))
    else { return nil }
    let resource = path[..<colon]
    if resource == "/v1internal", method != .count {
      (wire, model) = (.antigravity, nil)
    } else if resource.hasPrefix(Self.models) {
      let name = resource.dropFirst(Self.models.count)
      guard !name.isEmpty, !name.contains("/") else { return nil }
      (wire, model) = (.gemini, String(name))
    } else {
      return nil
    }
    self.method = method
  }
  private static let models = "/v1beta/models/"

  /// The API a path belongs to, whether or not there is such a method.
  static func wire(ofPath path: String) -> Wire {
    if path.hasPrefix("/v1beta/") { return .gemini }
    return path.hasPrefix("/v1internal") ? .antigravity : .anthropic
  }
}
