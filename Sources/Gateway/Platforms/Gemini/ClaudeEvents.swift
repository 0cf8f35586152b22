// The events of a streamed message (https://docs.anthropic.com/en/docs/build-with-claude/streaming)
// as bytes, block by block.
import Base

struct ClaudeEvents {
  private enum Kind { case text, thinking }

  private var output: [UInt8] = []
  private var open: Kind?
  /// Index of the open block, else of the next one.
  private var index = 0
  private(set) var hasStarted = false

  /// What has been written since the last time.
  mutating func takeOutput() -> [UInt8] {
    var bytes: [UInt8] = []
    swap(&bytes, &output)
    return bytes
  }

  /// Once. Input is not known yet, so it is 0.
  mutating func start(id: String, model: String) {
    guard !hasStarted else { return }
    hasStarted = true
    var json = begin("message_start")
    json.key("message")
    json.beginObject()
    json.member("id", id)
    json.member("type", "message")
    json.member("role", "assistant")
    json.member("model", model)
    json.key("content")
    json.raw("[]")
    json.member(null: "stop_reason")
    json.member(null: "stop_sequence")
    json.key("usage")
    json.raw(#"{"input_tokens":0,"output_tokens":0}"#)
    json.endObject()
    end(json)
  }

  mutating func write(_ piece: GeminiTurn.Piece, from scanner: borrowing JSONScanner) {
    switch piece {
    case .text(let text):
      openBlock(.text)
      delta("text_delta", "text", text, scanner)
    case .thinking(let text):
      openBlock(.thinking)
      delta("thinking_delta", "thinking", text, scanner)
    case .signature(let signature):
      openBlock(.thinking)
      delta("signature_delta", "signature", signature, scanner)
      closeBlock()
    case .call(let id, let name, let arguments):
      call(id, name, arguments, scanner)
    }
  }

  /// A block that is complete when it comes.
  mutating func write(block: [UInt8]) {
    closeBlock()
    startBlock { $0.raw(block.span) }
    stopBlock()
  }

  /// The message's end.
  mutating func finish(stopReason: String, usage: ReportedUsage) {
    closeBlock()
    var json = begin("message_delta")
    json.key("delta")
    json.beginObject()
    json.member("stop_reason", stopReason)
    json.member(null: "stop_sequence")
    json.endObject()
    json.key("usage")
    json.usage(usage)
    end(json)
    end(begin("message_stop"))
  }

  /// The open block's end, when the message has none.
  mutating func closeBlock() {
    guard open != nil else { return }
    open = nil
    stopBlock()
  }

  mutating func error(_ kind: String, _ message: String) {
    var json = begin("error")
    json.key("error")
    json.beginObject()
    json.member("type", kind)
    json.member("message", message)
    json.endObject()
    end(json)
  }

  // MARK: Blocks

  private mutating func openBlock(_ kind: Kind) {
    guard open != kind else { return }
    closeBlock()
    startBlock {
      switch kind {
      case .text: $0.raw(#"{"type":"text","text":""}"#)
      case .thinking: $0.raw(#"{"type":"thinking","thinking":"","signature":""}"#)
      }
    }
    open = kind
  }

  private mutating func startBlock(_ block: (inout JSONWriter) -> Void) {
    var json = begin("content_block_start")
    json.member("index", index)
    json.key("content_block")
    block(&json)
    end(json)
  }

  private mutating func stopBlock() {
    var json = begin("content_block_stop")
    json.member("index", index)
    end(json)
    index += 1
  }

  private mutating func delta(
    _ type: String, _ field: StaticString, _ text: JSONSlice, _ scanner: borrowing JSONScanner
  ) {
    var json = begin("content_block_delta")
    json.member("index", index)
    json.key("delta")
    json.beginObject()
    json.member("type", type)
    json.key(field)
    json.copy(text, from: scanner)
    json.endObject()
    end(json)
  }

  private mutating func call(
    _ id: String, _ name: JSONSlice, _ arguments: JSONSlice?, _ scanner: borrowing JSONScanner
  ) {
    closeBlock()
    var json = begin("content_block_start")
    json.member("index", index)
    json.key("content_block")
    json.beginObject()
    json.member("type", "tool_use")
    json.member("id", id)
    json.key("name")
    json.copy(name, from: scanner)
    json.key("input")
    json.raw("{}")
    json.endObject()
    end(json)
    json = begin("content_block_delta")
    json.member("index", index)
    json.key("delta")
    json.beginObject()
    json.member("type", "input_json_delta")
    json.key("partial_json")
    if let arguments {
      json.string(utf8: scanner.bytes.extracting(arguments.range))
    } else {
      json.string("{}")
    }
    json.endObject()
    end(json)
    stopBlock()
  }

  // MARK: Events

  /// Opens an event and its object; `type` is written.
  private mutating func begin(_ name: StaticString) -> JSONWriter {
    var bytes = takeOutput()
    bytes.append(utf8: "event: ")
    name.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    bytes.append(utf8: "\ndata: ")
    var json = JSONWriter(appendingTo: bytes)
    json.beginObject()
    json.member("type", "\(name)")
    return json
  }

  private mutating func end(_ json: consuming JSONWriter) {
    json.endObject()
    output = json.bytes
    output.append(10)
    output.append(10)
  }
}
