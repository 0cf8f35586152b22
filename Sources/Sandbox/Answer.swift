// One message as the scripted upstream writes it: its blocks in pieces, and what it costs. Pure:
// the same prompt, options and dice give the same answer.

import Base

/// A content block, cut into the pieces in which a stream brings it.
enum Block: Sendable {
  case thinking([Piece], signature: String)
  case text([Piece])
  case toolUse(id: String, name: String, json: [Piece])

  var pieces: [Piece] {
    switch self {
    case .thinking(let pieces, _), .text(let pieces), .toolUse(_, _, let pieces): pieces
    }
  }
}

/// Token counts of one answer.
struct Usage: Hashable, Sendable {
  var input: InputTokens
  var output: Int
}

/// A whole message.
struct Answer: Sendable {
  let id: String
  let model: String
  let blocks: [Block]
  let usage: Usage
  let stopReason: String
  /// The output count that message_start tells: a few tokens, never more than the final one.
  let firstOutput: Int

  /// `ids` makes the identifiers; everything else is decided by the options' seed and the body.
  init(to prompt: Prompt, options: SandboxOptions, ids: inout Dice) {
    var dice = Dice(seed: options.seed, salt: prompt.digest)
    var blocks: [Block] = []
    let isCountFixed = options.events != nil
    let count = options.events ?? dice.within(12...60)
    var prose = Prose(dice: Dice(seed: dice.next()))
    var left = prompt.maxTokens
    // A thought takes at most half of the budget, so that words follow it.
    if prompt.wantsThought, left > 1 {
      let pieces = prose.thought(tokenLimit: left / 2)
      left -= pieces.reduce(0) { $0 + $1.tokens }
      blocks.append(.thinking(pieces, signature: prose.signature()))
    }
    var wasCut = false
    if let tool = prompt.tool {
      let json = toolInput(for: tool)
      blocks.append(.toolUse(id: "toolu_01" + ids.base62(22), name: tool.name, json: json))
    } else {
      let pieces = prose.answer(count: count, tokenLimit: left, isCountFixed: isCountFixed)
      blocks.append(.text(pieces))
      wasCut = pieces.count < count
    }
    let written = blocks.reduce(0) { $0 + $1.pieces.reduce(0) { $0 + $1.tokens } }
    wasCut = wasCut || written >= prompt.maxTokens
    let output = min(max(1, written), prompt.maxTokens)
    id = "msg_01" + ids.base62(22)
    model = prompt.model
    self.blocks = blocks
    usage = Usage(input: prompt.input, output: output)
    stopReason = wasCut ? "max_tokens" : prompt.tool == nil ? "end_turn" : "tool_use"
    firstOutput = min(output, dice.within(1...4))
  }
}

/// The input of a tool call in up to four pieces, the first one empty as in Anthropic's streams.
private func toolInput(for tool: Prompt.Tool) -> [Piece] {
  var writer = JSONWriter()
  writeSample(of: tool.schema, depth: 0, to: &writer)
  let json = String(decoding: writer.bytes, as: UTF8.self)
  var pieces = [Piece(text: "", tokens: 0)]
  var rest = json[...]
  let size = max(1, (json.count + 2) / 3)
  while !rest.isEmpty {
    let text = String(rest.prefix(size))
    rest = rest.dropFirst(size)
    pieces.append(Piece(text: text, tokens: (text.utf8.count + 3) / 4))
  }
  return pieces
}

/// A value that fits a JSON schema: its required properties, its first enum case, its type.
private func writeSample(of schema: JSONValue?, depth: Int, to writer: inout JSONWriter) {
  if let first = schema?["enum"]?.array?.first?.string {
    writer.string(first)
    return
  }
  switch schema?["type"]?.string {
  case "string": writer.string("sandbox")
  case "integer", "number": writer.integer(7)
  case "boolean": writer.bool(true)
  case "null": writer.null()
  case "array":
    writer.beginArray()
    if depth < 8 { writeSample(of: schema?["items"], depth: depth + 1, to: &writer) }
    writer.endArray()
  default:
    writer.beginObject()
    for name in schema?["required"]?.array?.compactMap(\.string) ?? [] where depth < 8 {
      writer.name(name)
      writeSample(of: schema?["properties"]?[name], depth: depth + 1, to: &writer)
    }
    writer.endObject()
  }
}
