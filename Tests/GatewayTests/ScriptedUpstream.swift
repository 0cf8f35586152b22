// An upstream whose every step the test takes: which request it reads, when it answers, with what.
import Base
import TestSupport

/// Listens on a port of its own; connections are taken one after the other by `next`.
final class ScriptedUpstream: Sendable {
  private let listener: RawListener

  init() throws { listener = try RawListener() }
  deinit { listener.stop() }

  var url: String { "http://127.0.0.1:\(listener.port)" }

  /// A request that has come whole.
  struct Arrived: Sendable {
    let socket: RawSocket
    let head: String
    let body: [UInt8]

    /// Answers a whole body and closes.
    func answer(_ status: Int, _ body: String, headers: String = "") async throws {
      try await send(
        """
        HTTP/1.1 \(status) X\r\ncontent-type: application/json\r\n\(headers)connection: close\r
        content-length: \(body.utf8.count)\r\n\r\n\(body)
        """)
    }
    /// Begins a stream that ends with its connection.
    func beginStream() async throws {
      try await send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    }
    func send(_ text: String) async throws {
      let socket = socket
      try await onThread { try socket.send(text) }
    }
  }

  /// Waits for the next request, at most as long as a socket waits.
  func next() async throws -> Arrived {
    let listener = listener
    return try await onThread {
      let socket = try listener.accept()
      var bytes: [UInt8] = []
      while true {
        if let end = bytes.indices.first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) }) {
          let head = String(decoding: bytes[..<end], as: UTF8.self)
          let length =
            head.lowercased().split(separator: "\r\n")
            .first { $0.hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
          if bytes.count >= end + 4 + length {
            return Arrived(
              socket: socket, head: head, body: Array(bytes[(end + 4)..<(end + 4 + length)]))
          }
        }
        let more = try socket.receive()
        guard !more.isEmpty else {
          throw SocketFailure(call: "a request that is not whole", code: 0)
        }
        bytes += more
      }
    }
  }
}

/// Anthropic's answers, as short as they can be.
enum Anthropic {
  static func message(input: Int = 10, output: Int = 5, text: String = "hi") -> String {
    """
    {"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-5-5",\
    "content":[{"type":"text","text":"\(text)"}],"stop_reason":"end_turn","stop_sequence":null,\
    "usage":{"input_tokens":\(input),"output_tokens":\(output)}}
    """
  }
  static let promptTooLong = """
    {"type":"error","error":{"type":"invalid_request_error",\
    "message":"prompt is too long: 208310 tokens > 200000 maximum"}}
    """
  static func event(_ name: String, _ data: String) -> String {
    "event: \(name)\ndata: \(data)\n\n"
  }
  static func start(input: Int = 10) -> String {
    event(
      "message_start",
      """
      {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",\
      "model":"claude-sonnet-5-5","content":[],"stop_reason":null,"stop_sequence":null,\
      "usage":{"input_tokens":\(input),"output_tokens":1}}}
      """)
      + event(
        "content_block_start",
        #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#)
  }
  static func delta(_ text: String) -> String {
    event(
      "content_block_delta",
      """
      {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\(text)"}}
      """)
  }
  static func end(output: Int = 5) -> String {
    event("content_block_stop", #"{"type":"content_block_stop","index":0}"#)
      + event(
        "message_delta",
        """
        {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},\
        "usage":{"output_tokens":\(output)}}
        """)
      + event("message_stop", #"{"type":"message_stop"}"#)
  }
  static func stream(input: Int = 10, output: Int = 5) -> String {
    start(input: input) + delta("hi") + end(output: output)
  }
}
