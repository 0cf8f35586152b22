// An upstream that is never the limit: a reactor in a process of its own. Every POST gets the same
// message, as JSON or as a stream written five events at a time (of 50 events unless told
// otherwise), at once or after a while.
import Base
import Glibc
import HTTP

enum CannedUpstream {
  static let json =
    #"{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","#
    + #""model":"claude-sonnet-5-5","content":[{"type":"text","text":""#
    + String(repeating: "fixed answer ", count: 32)
    + #""}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":520,"#
    + #""cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":104,"#
    + #""service_tier":"standard"}}"#

  /// The argument that makes this program an upstream.
  static let command = "--canned-upstream"

  /// Starts this program again as an upstream.
  /// - Parameters:
  ///   - deltas: events of a stream with text in them; 5 more stand around them.
  ///   - textBytes: text in each.
  static func start(
    delayMilliseconds: Int, deltas: Int = 45, textBytes: Int = 10
  ) throws -> (port: UInt16, process: ChildProcess) {
    let process = try ChildProcess([
      Tools.myself, command, "\(delayMilliseconds)", "\(deltas)", "\(textBytes)",
    ])
    let text = try process.wait(for: "upstream on port ", seconds: 10)
    guard let port = UInt16(text) else { throw BenchmarkError("not a port: \(text)") }
    return (port, process)
  }

  /// The upstream's whole life: until it is killed.
  static func serve(_ numbers: [Int]) throws -> Never {
    guard numbers.count == 3 else { throw BenchmarkError("\(command) DELAY DELTAS BYTES") }
    raiseDescriptorLimit()
    let reactor = Reactor(index: 0)
    let server = try Server(
      .tcp(host: "127.0.0.1", port: 0), on: [reactor], limits: ServerLimits(),
      refusals: { status, reason in
        (ResponseHeaders(contentType: "text/plain"), Array("\(status) \(reason)".utf8))
      },
      handler: CannedHandler(
        delayMilliseconds: numbers[0], deltas: numbers[1], textBytes: numbers[2]))
    try reactor.start()
    guard case .tcp(_, let port) = server.address else { throw BenchmarkError("no port") }
    print("upstream on port \(port)")
    fflush(nil)
    while true { pause() }
  }
}

private struct CannedHandler: RequestHandler {
  let delayMilliseconds: Int
  private let json = Array(CannedUpstream.json.utf8)
  /// A stream: its beginning, the same five deltas again and again, its end.
  private let opening: [UInt8]
  private let middle: [UInt8]
  private let middles: Int
  private let closing: [UInt8]

  init(delayMilliseconds: Int, deltas: Int, textBytes: Int) {
    self.delayMilliseconds = delayMilliseconds
    let text = String(repeating: "hello wrld", count: max(1, textBytes / 10))
    let delta = Self.event(
      "content_block_delta",
      #""index":0,"delta":{"type":"text_delta","text":"\#(text)"}"#)
    opening = Array((Self.opening + String(repeating: delta, count: 3)).utf8)
    middle = Array(String(repeating: delta, count: 5).utf8)
    middles = (deltas - 5) / 5
    closing = Array((String(repeating: delta, count: 2) + Self.closing).utf8)
  }

  func respond(to request: Request, on client: Client) async {
    guard let body = try? await client.readBody(limit: 1 << 20) else { return }
    if delayMilliseconds > 0 {
      _ = await client.sleep(
        until: client.reactor.now.advanced(milliseconds: delayMilliseconds))
    }
    // The load's streams say so within their first 100 bytes.
    guard body.prefix(100).contains(Array("\"stream\":true".utf8)) else {
      client.respond(
        status: 200, headers: ResponseHeaders(contentType: "application/json"), body: json)
      return
    }
    client.startStream(status: 200, headers: ResponseHeaders(contentType: "text/event-stream"))
    do {
      try await client.write(opening)
      for _ in 0..<middles { try await client.write(middle) }
      try await client.write(closing)
    } catch { return }
    client.finishStream()
  }

  private static func event(_ name: String, _ data: String) -> String {
    "event: \(name)\ndata: {\"type\":\"\(name)\",\(data)}\n\n"
  }

  private static var opening: String {
    let start =
      #""message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","#
      + #""model":"claude-sonnet-5-5","content":[],"stop_reason":null,"stop_sequence":null,"#
      + #""usage":{"input_tokens":520,"cache_creation_input_tokens":0,"#
      + #""cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}"#
    let block = #""index":0,"content_block":{"type":"text","text":""}"#
    return event("message_start", start) + event("content_block_start", block)
  }

  private static var closing: String {
    let end =
      #""delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":104}"#
    return event("content_block_stop", #""index":0"#) + event("message_delta", end)
      + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
  }
}

extension Collection where Element: Equatable {
  /// Whether the elements of `other` stand somewhere in a row.
  fileprivate func contains(_ other: [Element]) -> Bool {
    indices.contains { self[$0...].starts(with: other) }
  }
}
