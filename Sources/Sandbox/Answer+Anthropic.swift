// An answer in Anthropic's wire formats: one JSON message, or the events of a stream
// (https://docs.anthropic.com/en/api/messages and .../messages-streaming).

import Base

/// One server-sent event of a stream, ready to be sent.
struct StreamEvent: Sendable {
  let bytes: [UInt8]
  /// UTF-8 bytes of text, thought or tool input in it.
  let contentBytes: Int
  /// What a caller owes who received this and nothing more; nil where the format does not tell
  /// counts as it goes.
  var usage: Usage?
  /// It may be followed by a pause: content has come.
  var isContent: Bool { contentBytes > 0 }
}

extension Answer {
  /// The body of an answer that is not streamed. `hasUsage` false leaves the usage out.
  func message(hasUsage: Bool = true) -> [UInt8] {
    var writer = JSONWriter()
    writeMessage(to: &writer, isStart: false, usage: hasUsage ? usage : nil)
    return writer.bytes
  }

  /// The events before the end: message_start and all blocks, with a ping behind the first start.
  func contentEvents(hasUsage: Bool = true) -> [StreamEvent] {
    var events: [StreamEvent] = []
    let started = Usage(input: usage.input, output: firstOutput)
    events.append(
      event("message_start") { writer in
        writer.name("message")
        writeMessage(to: &writer, isStart: true, usage: hasUsage ? started : nil)
      })
    for (index, block) in blocks.enumerated() {
      events.append(
        event("content_block_start") { writer in
          writer.member("index", index)
          writer.name("content_block")
          write(block, isStart: true, to: &writer)
        })
      if index == 0 { events.append(event("ping") { _ in }) }
      for piece in block.pieces { events.append(delta(of: block, piece, index: index)) }
      if case .thinking(_, let signature) = block {
        events.append(delta("signature_delta", "signature", signature, index: index, counts: false))
      }
      events.append(
        event("content_block_stop") { writer in
          writer.member("index", index)
        })
    }
    return events
  }

  /// message_delta and message_stop.
  func endEvents(hasUsage: Bool = true) -> [StreamEvent] {
    let last = event("message_delta") { writer in
      writer.name("delta")
      writer.beginObject()
      writer.member("stop_reason", stopReason)
      writer.member(null: "stop_sequence")
      writer.endObject()
      if hasUsage {
        writer.name("usage")
        writer.beginObject()
        writer.member("input_tokens", usage.input.fresh)
        writer.member("cache_creation_input_tokens", usage.input.write5m + usage.input.write1h)
        writer.member("cache_read_input_tokens", usage.input.cacheRead)
        writer.member("output_tokens", usage.output)
        usage.writeSearches(to: &writer)
        writer.endObject()
      }
    }
    return [last, event("message_stop") { _ in }]
  }

  private var stopReason: String {
    switch ending {
    case .done: "end_turn"
    case .toolCall: "tool_use"
    case .limit: "max_tokens"
    case .safety, .blocked: "refusal"
    }
  }
  private func delta(of block: Block, _ piece: Piece, index: Int) -> StreamEvent {
    switch block {
    case .thinking: delta("thinking_delta", "thinking", piece.text, index: index)
    case .text: delta("text_delta", "text", piece.text, index: index)
    case .toolUse, .search, .found:
      delta("input_json_delta", "partial_json", piece.text, index: index)
    }
  }
  /// Most events of a stream are these, so they are put together without a writer.
  private func delta(
    _ type: String, _ field: String, _ text: String, index: Int, counts: Bool = true
  ) -> StreamEvent {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(128 + text.utf8.count)
    bytes += "event: content_block_delta\ndata: ".utf8
    bytes += #"{"type":"content_block_delta","index":"#.utf8
    bytes += "\(index)".utf8
    bytes += #","delta":{"type":""#.utf8
    bytes += type.utf8
    bytes += #"",""#.utf8
    bytes += field.utf8
    bytes += #"":"#.utf8
    JSONWriter.appendQuoted(text, to: &bytes)
    bytes += "}}\n\n".utf8
    return StreamEvent(bytes: bytes, contentBytes: counts ? text.utf8.count : 0)
  }

  private func writeMessage(to writer: inout JSONWriter, isStart: Bool, usage: Usage?) {
    writer.beginObject()
    writer.member("model", model)
    writer.member("id", id)
    writer.member("type", "message")
    writer.member("role", "assistant")
    writer.name("content")
    writer.beginArray()
    for block in isStart ? [] : blocks { write(block, isStart: false, to: &writer) }
    writer.endArray()
    writer.name("stop_reason")
    if isStart { writer.null() } else { writer.string(stopReason) }
    writer.member(null: "stop_sequence")
    if let usage {
      writer.name("usage")
      usage.write(to: &writer)
    }
    writer.endObject()
  }
  private func write(_ block: Block, isStart: Bool, to writer: inout JSONWriter) {
    let text = isStart ? "" : block.pieces.map(\.text).joined()
    writer.beginObject()
    writer.name("type")
    switch block {
    case .thinking(_, let signature):
      writer.string("thinking")
      writer.member("thinking", text)
      writer.member("signature", isStart ? "" : signature)
    case .text:
      writer.string("text")
      writer.member("text", text)
    case .toolUse(let id, let name, _):
      writer.string("tool_use")
      writer.member("id", id)
      writer.member("name", name)
      writer.name("input")
      writer.raw(isStart ? "{}" : text)
    case .search(let id, _):
      writer.string("server_tool_use")
      writer.member("id", id)
      writer.member("name", "web_search")
      writer.name("input")
      writer.raw(isStart ? "{}" : text)
    case .found(let id):
      writer.string("web_search_tool_result")
      writer.member("tool_use_id", id)
      writer.member("content", array: WebSearch.writeResults)
    }
    writer.endObject()
  }
}

extension Usage {
  /// Anthropic's usage object.
  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("input_tokens", input.fresh)
    writer.member("cache_creation_input_tokens", input.write5m + input.write1h)
    writer.member("cache_read_input_tokens", input.cacheRead)
    writer.name("cache_creation")
    writer.beginObject()
    writer.member("ephemeral_5m_input_tokens", input.write5m)
    writer.member("ephemeral_1h_input_tokens", input.write1h)
    writer.endObject()
    writer.member("output_tokens", output)
    writeSearches(to: &writer)
    writer.member("service_tier", "standard")
    writer.endObject()
  }
  func writeSearches(to writer: inout JSONWriter) {
    guard searches > 0 else { return }
    writer.member("server_tool_use", object: { $0.member("web_search_requests", searches) })
  }
}

/// An event whose data is `{"type": name, ...}` with the fields that `body` adds.
func event(
  _ name: String, contentBytes: Int = 0, _ body: (inout JSONWriter) -> Void
) -> StreamEvent {
  var writer = JSONWriter()
  writer.beginObject()
  writer.member("type", name)
  body(&writer)
  writer.endObject()
  var bytes = Array("event: \(name)\ndata: ".utf8)
  bytes += writer.bytes
  bytes += [0x0A, 0x0A]
  return StreamEvent(bytes: bytes, contentBytes: contentBytes)
}
