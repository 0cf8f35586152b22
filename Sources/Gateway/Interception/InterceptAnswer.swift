// The answers to requests that need no model, as the seed writes them (KEEP, byte for byte):
// members sorted by name, and `<`, `>`, `&`, U+2028, U+2029 escaped, as its JSON writer does.
import Base
import Ledger

struct InterceptAnswer {
  private let kind: InterceptKind
  private let model: String

  /// Between two events of a stream.
  static let eventMilliseconds = 20

  init(_ kind: InterceptKind, model: String) {
    self.kind = kind
    self.model = Self.quoted(model)
  }

  private var messageID: String {
    kind == .suggestion ? "msg_mock_suggestion" : "msg_mock_warmup"
  }
  private var outputTokens: Int { kind == .suggestion ? 1 : 2 }
  private var deltas: [String] { kind == .suggestion ? [""] : ["New", " Conversation"] }

  /// The whole answer of a request that does not stream.
  var body: [UInt8] {
    let usage = #""usage":{"input_tokens":10,"output_tokens":\#(outputTokens)}"#
    return Array(
      (#"{"content":[{"text":"\#(deltas.joined())","type":"text"}],"id":"\#(messageID)","#
        + #""model":\#(model),"role":"assistant","stop_reason":"end_turn","type":"message","#
        + usage + "}").utf8)
  }

  /// The events of a stream, in order.
  var events: [[UInt8]] {
    var events = [start, blockStart]
    for text in deltas {
      let data =
        #"{"delta":{"text":"\#(text)","type":"text_delta"},"index":0,"type":"content_block_delta"}"#
      events.append(SSEText.event("content_block_delta", data: Array(data.utf8)))
    }
    let stop = #"{"index":0,"type":"content_block_stop"}"#
    let delta =
      #"{"delta":{"stop_reason":"end_turn","stop_sequence":null},"type":"message_delta","#
      + #""usage":{"input_tokens":10,"output_tokens":\#(outputTokens)}}"#
    events.append(SSEText.event("content_block_stop", data: Array(stop.utf8)))
    events.append(SSEText.event("message_delta", data: Array(delta.utf8)))
    events.append(SSEText.messageStop)
    return events
  }

  private var start: [UInt8] {
    let data =
      #"{"message":{"content":[],"id":"\#(messageID)","model":\#(model),"role":"assistant","#
      + #""stop_reason":null,"stop_sequence":null,"type":"message","#
      + #""usage":{"input_tokens":10,"output_tokens":0}},"type":"message_start"}"#
    return SSEText.event("message_start", data: Array(data.utf8))
  }
  private var blockStart: [UInt8] {
    let data =
      #"{"content_block":{"text":"","type":"text"},"index":0,"type":"content_block_start"}"#
    return SSEText.event("content_block_start", data: Array(data.utf8))
  }

  /// A JSON string as the seed's writer has it.
  private static func quoted(_ text: String) -> String {
    var bytes: [UInt8] = []
    JSONWriter.appendQuoted(text, to: &bytes)
    var escaped = ""
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      switch scalar {
      case "<": escaped += #"\u003c"#
      case ">": escaped += #"\u003e"#
      case "&": escaped += #"\u0026"#
      case "\u{2028}": escaped += #"\u2028"#
      case "\u{2029}": escaped += #"\u2029"#
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
