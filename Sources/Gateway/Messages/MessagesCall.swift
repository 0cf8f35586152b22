// A Messages request as far as the gateway reads it: model, stream, what its hold is computed from.
// Everything else goes upstream as it came.
import Base

/// A parsed POST /v1/messages body. The bytes themselves are kept by HeldBody.
struct MessagesCall {
  let model: String
  /// Bytes of the model's value in the body, quotes included.
  private let modelRange: Range<Int>
  let isStream: Bool
  let basis: HoldBasis
  /// Where the parts stand that are looked at again later.
  let root: JSONSlice
  let metadata: JSONSlice?
  let system: JSONSlice?
  let messages: JSONSlice?

  static let greatestDepth = 128
  static let greatestModelBytes = 256

  /// Reads a body: exactly one JSON object, UTF-8, depth <= 128, no top-level name twice (a second
  /// `model` would bypass the price), right types.
  init(_ body: [UInt8]) throws(Answer) {
    guard !body.isEmpty else { throw .bodyEmpty }
    var reader = MessagesReader(body.span, maxDepth: Self.greatestDepth)
    do { root = try reader.read() } catch { throw .bodyMalformed }
    guard let model = reader.model, model.kind != .null else { throw .modelMissing }
    guard let name = reader.text(model) else { throw .bodyMalformed }
    guard !name.isEmpty else { throw .modelMissing }
    guard name.utf8.count <= Self.greatestModelBytes,
      name.utf8.allSatisfy({ $0 >= 32 && $0 != 127 })
    else { throw .modelMalformed }
    guard !reader.isMisshapen else { throw .bodyMalformed }
    self.model = name
    modelRange = model.range
    isStream = reader.isStream
    basis = reader.basis
    metadata = reader.metadata
    system = reader.system
    messages = reader.messages
  }

  /// The body under another model name: only the model's bytes change.
  func renamed(_ body: [UInt8], sending sent: String) -> [UInt8] {
    if sent == model { return body }
    var quoted: [UInt8] = []
    JSONWriter.appendQuoted(sent, to: &quoted)
    var renamed = body
    renamed.replaceSubrange(modelRange, with: quoted)
    return renamed
  }
}
