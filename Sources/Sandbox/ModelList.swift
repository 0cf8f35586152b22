// GET /v1/models of the scripted upstream (https://docs.anthropic.com/en/api/models-list).

import Base

enum ModelList {
  /// Every model worth showing, on one page.
  static var body: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("data", array: { for id in modelIDs { write(id, to: &$0) } })
      writer.member("has_more", false)
      writer.member("first_id", modelIDs[0])
      writer.member("last_id", modelIDs[modelIDs.count - 1])
    }
    return writer.bytes
  }
  /// One model; any name is one.
  static func model(named id: String) -> [UInt8] {
    var writer = JSONWriter()
    write(id, to: &writer)
    return writer.bytes
  }
  private static func write(_ id: String, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("type", "model")
      writer.member("id", id)
      writer.member("display_name", id)
      writer.member("created_at", "2026-01-01T00:00:00Z")
    }
  }
}

/// The models listed; every other name is answered too.
private let modelIDs = [
  "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "sandbox-stream-error",
  "sandbox-early-error", "sandbox-cut-before", "sandbox-cut-inside", "sandbox-stall",
  "sandbox-garbage", "sandbox-error-body", "sandbox-no-usage", "sandbox-too-long",
  "sandbox-safety", "sandbox-blocked", "sandbox-400", "sandbox-429", "sandbox-500", "sandbox-529",
]
