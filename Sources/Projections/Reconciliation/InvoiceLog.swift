// Lines of a client's log, one JSON object each: {"message_id" or "id", "request_id", "model",
// "usage": {...}, "cost", "timestamp"}, in any order; what no rule knows is passed over. They may
// stand in an object named message or response, as where a log keeps whole answers.
import Base

struct InvoiceLog {
  private var values: InvoiceValues
  private var piece: [UInt8] = []
  private var position = 0
  /// The beginning of a line whose end is not here yet.
  private var rest: [UInt8] = []
  private var isFinished = false
  private var line = 0
  /// Whether any line could be understood, and the names of the first that could not.
  private var isUnderstood = false
  private var namesFound: [String]?

  init(zone: LocalZone) { values = InvoiceValues(zone: zone) }

  mutating func add(_ bytes: [UInt8]) {
    piece = bytes
    position = 0
  }
  mutating func finish() { isFinished = true }

  /// nil when more of the file is needed.
  mutating func next() throws(InvoiceError) -> InvoiceRow? {
    while let text = try nextLine() {
      let isBlank = text.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
      if isBlank { continue }
      return try row(text)
    }
    return nil
  }

  private mutating func nextLine() throws(InvoiceError) -> [UInt8]? {
    let end = piece[position...].firstIndex(of: 0x0A)
    let text = piece[position..<(end ?? piece.count)]
    guard rest.count + text.count <= InvoiceReader.lineLimit else {
      throw InvoiceError(line + 1, "a line of more than \(InvoiceReader.lineLimit >> 20) MB")
    }
    rest += text
    position = end.map { $0 + 1 } ?? piece.count
    guard end != nil || (isFinished && !rest.isEmpty) else { return nil }
    line += 1
    if line == 1, rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest.removeFirst(3) }
    defer { rest.removeAll(keepingCapacity: true) }
    return rest
  }

  private mutating func row(_ text: [UInt8]) throws(InvoiceError) -> InvoiceRow {
    var row = InvoiceRow()
    row.line = line
    var members = InvoiceMembers()
    do throws(JSONFault) {
      var cursor = JSONCursor(text.span)
      try members.read(&cursor)
      try cursor.end()
    } catch {
      throw InvoiceError(
        line, "not one JSON object: \(error.reason), at character \(error.offset + 1)")
    }
    for (field, value) in members.found.sorted(by: { $0.value.rank < $1.value.rank }) {
      guard let value = value.text else {
        let name = field.names.first ?? ""
        throw InvoiceError(line, "\(name) must be a text or a number")
      }
      try values.take(value, as: field, into: &row)
    }
    if let usage = members.usage {
      if row.usageText.isEmpty { row.usageText = String(decoding: text[usage], as: UTF8.self) }
      row.counts = members.counts
      if let problem = members.usageProblem { throw InvoiceError(line, problem) }
    }
    if row.isBilled || members.isKnown {
      isUnderstood = true
    } else if namesFound == nil {
      namesFound = members.names
    }
    return row
  }

  /// A log of which no line could be understood has another form.
  func checkEnd() throws(InvoiceError) {
    if !isUnderstood {
      let names = (namesFound ?? []).map { InvoiceValues.shown($0) }.joined(separator: ", ")
      throw InvoiceError(
        0,
        "no line has usage or a cost; the first one has: \(names); \(InvoiceField.needed), "
          + "tokens in an object named usage or beside it")
    }
  }
}

/// What a line says, by name.
private struct InvoiceMembers {
  /// By field: the text of the value (nil when it is neither text nor number), the name's rank.
  var found: [InvoiceField: (text: String?, rank: Int)] = [:]
  var usage: Range<Int>?
  var counts = InvoiceCounts()
  var usageProblem: String?
  /// Whether it has the form of a line that is understood, even if nothing was billed.
  var isKnown = false
  var names: [String] = []

  /// Reads an object, and those inside it that hold an answer.
  mutating func read(_ cursor: inout JSONCursor, isInside: Bool = false) throws(JSONFault) {
    try cursor.enterObject()
    while let slice = try cursor.nextName() {
      let name = cursor.text(slice) ?? ""
      if names.count < 32 { names.append(name) }
      let kind = cursor.nextKind()
      if name == "usage" {
        isKnown = true
        if kind == .object {
          try readUsage(&cursor)
        } else {
          try cursor.skip()
        }
      } else if !isInside, kind == .object, name == "message" || name == "response" {
        try read(&cursor, isInside: true)
      } else {
        let value = try cursor.value()
        guard value.kind != .null, let (field, rank) = InvoiceField.named(name) else { continue }
        // The answer's own id is the message's; that of a log line around it may be anything.
        let rank2 = isInside ? rank : rank + 10
        if let other = found[field], other.rank <= rank2 { continue }
        found[field] = (cursor.plainText(value), rank2)
      }
    }
  }

  private mutating func readUsage(_ cursor: inout JSONCursor) throws(JSONFault) {
    let start = cursor.place()
    try cursor.enterObject()
    var write5m: Int64?
    while let slice = try cursor.nextName() {
      let name = cursor.text(slice) ?? ""
      switch name {
      case "input_tokens": counts.input = try count(name, &cursor)
      case "output_tokens": counts.output = try count(name, &cursor)
      case "cache_read_input_tokens": counts.cacheRead = try count(name, &cursor)
      case "cache_creation_input_tokens": counts.cacheWrite = try count(name, &cursor)
      case "cache_creation" where cursor.nextKind() == .object:
        try cursor.enterObject()
        while let slice = try cursor.nextName() {
          let name = cursor.text(slice) ?? ""
          switch name {
          case "ephemeral_5m_input_tokens": write5m = try count(name, &cursor)
          case "ephemeral_1h_input_tokens": counts.cacheWrite1h = try count(name, &cursor)
          default: try cursor.skip()
          }
        }
      default: try cursor.skip()
      }
    }
    if counts.cacheWrite == nil, write5m != nil || counts.cacheWrite1h != nil {
      counts.cacheWrite = (write5m ?? 0) + (counts.cacheWrite1h ?? 0)
    }
    usage = start..<cursor.place()
  }

  private mutating func count(
    _ name: String, _ cursor: inout JSONCursor
  ) throws(JSONFault) -> Int64? {
    let value = try cursor.value()
    if value.kind == .null { return nil }
    guard let count = cursor.integer(value), (0...InvoiceCounts.limit).contains(count) else {
      usageProblem = "usage.\(name) must be a whole number from 0 to \(InvoiceCounts.limit)"
      return nil
    }
    return count
  }
}

extension JSONCursor {
  /// The text of a string or number read before; nil for anything else.
  fileprivate func plainText(_ slice: JSONSlice) -> String? {
    slice.kind == .number ? numberText(slice) : text(slice)
  }
}
