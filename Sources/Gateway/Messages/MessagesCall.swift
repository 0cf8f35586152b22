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
    let scanner: JSONScanner
    do { scanner = try JSONScanner(object: body.span, maxDepth: Self.greatestDepth) } catch {
      throw .bodyMalformed
    }
    let root = scanner.root
    guard let model = scanner.member("model", of: root), model.kind != .null else {
      throw .modelMissing
    }
    guard model.kind == .string, let name = scanner.decoded(model) else { throw .bodyMalformed }
    guard !name.isEmpty else { throw .modelMissing }
    guard name.utf8.count <= Self.greatestModelBytes,
      name.utf8.allSatisfy({ $0 >= 32 && $0 != 127 })
    else { throw .modelMalformed }
    self.model = name
    modelRange = model.range
    isStream = try Self.bool(scanner.member("stream", of: root), scanner)
    basis = try Self.basis(scanner)
    self.root = root
    metadata = scanner.member("metadata", of: root)
    system = scanner.member("system", of: root)
    messages = scanner.member("messages", of: root)
  }

  private static func bool(_ value: JSONSlice?, _ scanner: borrowing JSONScanner) throws(Answer)
    -> Bool
  {
    guard let value, value.kind != .null else { return false }
    guard let bool = scanner.bool(value) else { throw .bodyMalformed }
    return bool
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

extension MessagesCall {
  /// What the hold is computed from: text, images, documents, cache lifetime, output limit.
  private static func basis(_ scanner: borrowing JSONScanner) throws(Answer) -> HoldBasis {
    var basis = HoldBasis()
    let root = scanner.root
    if let limit = scanner.member("max_tokens", of: root), limit.kind != .null {
      guard let tokens = scanner.integer(limit), tokens >= 0 else { throw .bodyMalformed }
      basis.maxTokens = tokens
    }
    if let messages = scanner.member("messages", of: root) {
      guard messages.kind == .array else { throw .bodyMalformed }
      var all = scanner.elements(of: messages)
      while let message = all.next() {
        guard message.kind == .object else { throw .bodyMalformed }
        add(scanner.member("content", of: message), scanner, to: &basis)
      }
    }
    add(scanner.member("system", of: root), scanner, to: &basis)
    // Tools are prompt text too, as the model sees them: names, descriptions, schemas.
    if let tools = scanner.member("tools", of: root) {
      basis.textBytes += Int64(tools.range.count)
    }
    return basis
  }

  /// Adds a string or an array of content blocks.
  private static func add(
    _ content: JSONSlice?, _ scanner: borrowing JSONScanner, to basis: inout HoldBasis
  ) {
    guard let content else { return }
    if content.kind == .string {
      basis.textBytes += Int64(scanner.decodedByteCount(content) ?? 0)
      return
    }
    var blocks = scanner.elements(of: content)
    while let block = blocks.next() { addBlock(block, scanner, to: &basis) }
  }

  private static func addBlock(
    _ block: JSONSlice, _ scanner: borrowing JSONScanner, to basis: inout HoldBasis
  ) {
    let type = scanner.member("type", of: block)
    if let control = scanner.member("cache_control", of: block),
      scanner.isString(scanner.member("ttl", of: control), "1h")
    {
      basis.wantsHourCache = true
    }
    if scanner.isString(type, "image") {
      basis.images += 1
    } else if scanner.isString(type, "document") {
      let source = scanner.member("source", of: block)
      let data = scanner.member("data", of: source)
      if scanner.isString(scanner.member("type", of: source), "base64") {
        basis.documentBytes += Int64(data?.range.count ?? 0)
      } else {
        basis.textBytes += Int64(scanner.decodedByteCount(data) ?? 0)
        add(scanner.member("content", of: source), scanner, to: &basis)
      }
    } else if scanner.isString(type, "tool_result") {
      add(scanner.member("content", of: block), scanner, to: &basis)
    } else if scanner.isString(type, "tool_use") {
      basis.textBytes += Int64(scanner.member("input", of: block)?.range.count ?? 0)
    } else {
      basis.textBytes += Int64(scanner.decodedByteCount(scanner.member("text", of: block)) ?? 0)
      basis.textBytes += Int64(
        scanner.decodedByteCount(scanner.member("thinking", of: block)) ?? 0)
    }
  }
}
