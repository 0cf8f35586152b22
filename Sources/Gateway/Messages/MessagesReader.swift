// One pass over a Messages body, which may be many megabytes: tests every byte, and adds up on the
// way what the hold is computed from: text, images, documents, cache lifetime, output limit.
//
// Clients write members in any order, so what a content block counts for is decided at its end: its
// members are weighed as they pass, and its type says which of them counts.
import Base

struct MessagesReader: ~Escapable {
  private var cursor: JSONCursor
  /// The value of `model`, whatever it is.
  private(set) var model: JSONSlice?
  private(set) var metadata: JSONSlice?
  private(set) var system: JSONSlice?
  private(set) var messages: JSONSlice?
  private(set) var isStream = false
  private(set) var basis = HoldBasis()
  /// Members a body may have: their names are remembered, and 100 MB may hold ten million.
  static let greatestNames = 1000
  /// True when a member that is read here has a value of the wrong type.
  private(set) var isMisshapen = false

  @_lifetime(copy body)
  init(_ body: Span<UInt8>, maxDepth: Int) { cursor = JSONCursor(body, maxDepth: maxDepth) }

  /// The text of a string that was read.
  func text(_ slice: JSONSlice) -> String? { cursor.text(slice) }

  /// Reads all of it.
  /// - Returns: the whole object.
  /// - Throws: when it is not one JSON object, has too many members, or a name stands in it twice.
  @_lifetime(self: copy self)
  mutating func read() throws(JSONFault) -> JSONSlice {
    var names: Set<String> = []
    let start = cursor.place()
    try cursor.enterObject()
    while let name = try cursor.nextName() {
      let text = cursor.text(name) ?? ""
      guard names.insert(text).inserted else {
        throw JSONFault(offset: name.range.lowerBound, reason: .duplicateName(text))
      }
      guard names.count <= Self.greatestNames else {
        throw JSONFault(offset: name.range.lowerBound, reason: .expected("fewer members"))
      }
      switch text {
      case "model": model = try cursor.value()
      case "stream": try readStream()
      case "max_tokens": try readLimit()
      case "metadata": metadata = try cursor.value()
      case "messages": try readMessages()
      case "system":
        let start = cursor.place()
        basis.add(try content())
        system = cursor.slice(from: start)
      // Tools are prompt text too, as the model sees them: names, descriptions, schemas.
      case "tools": basis.textBytes += Int64(try cursor.value().range.count)
      default: try cursor.skip()
      }
    }
    let root = cursor.slice(from: start)
    try cursor.end()
    return root
  }

  @_lifetime(self: copy self)
  private mutating func readStream() throws(JSONFault) {
    let value = try cursor.value()
    if let bool = cursor.bool(value) { isStream = bool } else { refuse(unlessNull: value) }
  }

  @_lifetime(self: copy self)
  private mutating func readLimit() throws(JSONFault) {
    let value = try cursor.value()
    if let tokens = cursor.integer(value), tokens >= 0 {
      basis.maxTokens = tokens
    } else {
      refuse(unlessNull: value)
    }
  }

  @_lifetime(self: copy self)
  private mutating func refuse(unlessNull value: JSONSlice) {
    if value.kind != .null { isMisshapen = true }
  }

  @_lifetime(self: copy self)
  private mutating func readMessages() throws(JSONFault) {
    guard cursor.nextKind() == .array else {
      isMisshapen = true
      return try cursor.skip()
    }
    let start = cursor.place()
    try cursor.enterArray()
    while try cursor.nextElement() {
      guard cursor.nextKind() == .object else {
        isMisshapen = true
        try cursor.skip()
        continue
      }
      try cursor.enterObject()
      while let name = try cursor.nextName() {
        if cursor.isText(name, "content") { basis.add(try content()) } else { try cursor.skip() }
      }
    }
    messages = cursor.slice(from: start)
  }

  /// What a string or an array of content blocks counts for.
  @_lifetime(self: copy self)
  private mutating func content() throws(JSONFault) -> HoldBasis {
    var sum = HoldBasis()
    guard cursor.nextKind() == .array else {
      sum.textBytes = Int64(try cursor.textByteCount() ?? 0)
      return sum
    }
    try cursor.enterArray()
    while try cursor.nextElement() {
      if cursor.nextKind() == .object { sum.add(try block()) } else { try cursor.skip() }
    }
    return sum
  }

  @_lifetime(self: copy self)
  private mutating func block() throws(JSONFault) -> HoldBasis {
    var block = ContentBlock()
    try cursor.enterObject()
    while let name = try cursor.nextName() {
      if cursor.isText(name, "type") {
        let type = try cursor.value()
        block.type = ContentBlock.Kind.allCases.first { cursor.isText(type, $0.name) }
      } else if cursor.isText(name, "text") || cursor.isText(name, "thinking") {
        block.textBytes += try cursor.textByteCount() ?? 0
      } else if cursor.isText(name, "content") {
        block.content = try content()
      } else if cursor.isText(name, "input") {
        block.inputBytes = try cursor.value().range.count
      } else if cursor.isText(name, "source") && cursor.nextKind() == .object {
        block.source = try source()
      } else if cursor.isText(name, "cache_control") && cursor.nextKind() == .object {
        block.wantsHourCache = try lifetimeIsHour()
      } else {
        try cursor.skip()
      }
    }
    return block.basis
  }

  /// A document's source: base64, text, or content blocks.
  @_lifetime(self: copy self)
  private mutating func source() throws(JSONFault) -> HoldBasis {
    var isBase64 = false
    var content = HoldBasis()
    var encodedBytes = 0
    var textBytes = 0
    try cursor.enterObject()
    while let name = try cursor.nextName() {
      if cursor.isText(name, "type") {
        isBase64 = cursor.isText(try cursor.value(), "base64")
      } else if cursor.isText(name, "data") {
        let data = try cursor.value()
        encodedBytes = data.range.count
        textBytes = cursor.textByteCount(data) ?? 0
      } else if cursor.isText(name, "content") {
        content = try self.content()
      } else {
        try cursor.skip()
      }
    }
    if isBase64 {
      content = HoldBasis()
      content.documentBytes = Int64(encodedBytes)
    } else {
      content.textBytes += Int64(textBytes)
    }
    return content
  }

  @_lifetime(self: copy self)
  private mutating func lifetimeIsHour() throws(JSONFault) -> Bool {
    var isHour = false
    try cursor.enterObject()
    while let name = try cursor.nextName() {
      let value = try cursor.value()
      if cursor.isText(name, "ttl") { isHour = cursor.isText(value, "1h") }
    }
    return isHour
  }
}

/// The weights of a content block's members.
private struct ContentBlock {
  /// The types that are counted otherwise than by their text.
  enum Kind: CaseIterable {
    case image, document, toolResult, toolUse

    var name: StaticString {
      switch self {
      case .image: "image"
      case .document: "document"
      case .toolResult: "tool_result"
      case .toolUse: "tool_use"
      }
    }
  }
  var type: Kind?
  var textBytes = 0
  var inputBytes = 0
  var content = HoldBasis()
  var source = HoldBasis()
  var wantsHourCache = false

  var basis: HoldBasis {
    var basis = HoldBasis()
    switch type {
    case .image: basis.images = 1
    case .document: basis = source
    case .toolResult: basis = content
    case .toolUse: basis.textBytes = Int64(inputBytes)
    // Text, thinking, and what is not known by name: results of searches, of servers' tools.
    case nil:
      basis = content
      basis.textBytes += Int64(textBytes + inputBytes)
    }
    if wantsHourCache { basis.wantsHourCache = true }
    return basis
  }
}

extension HoldBasis {
  /// Adds a part of the request.
  fileprivate mutating func add(_ part: HoldBasis) {
    textBytes += part.textBytes
    images += part.images
    documentBytes += part.documentBytes
    if part.wantsHourCache { wantsHourCache = true }
  }
}
