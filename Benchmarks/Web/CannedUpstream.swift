// An upstream that is never the limit: a reactor in a process of its own. Every POST gets the same
// message, as JSON or as a stream of 50 events in 10 writes, at once or after a while.
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
  static func start(delayMilliseconds: Int) throws -> (port: UInt16, process: ChildProcess) {
    let process = try ChildProcess([Tools.myself, command, "\(delayMilliseconds)"])
    let text = try process.wait(for: "upstream on port ", seconds: 10)
    guard let port = UInt16(text) else { throw BenchmarkError("not a port: \(text)") }
    return (port, process)
  }

  /// The upstream's whole life: until it is killed.
  static func serve(delayMilliseconds: Int) throws -> Never {
    raiseDescriptorLimit()
    let reactor = Reactor(index: 0)
    let server = try Server(
      .tcp(host: "127.0.0.1", port: 0), on: [reactor], limits: ServerLimits(),
      refusals: { status, reason in
        (ResponseHeaders(contentType: "text/plain"), Array("\(status) \(reason)".utf8))
      }, handler: CannedHandler(delayMilliseconds: delayMilliseconds))
    try reactor.start()
    guard case .tcp(_, let port) = server.address else { throw BenchmarkError("no port") }
    print("upstream on port \(port)")
    fflush(nil)
    while true { pause() }
  }

  private static func raiseDescriptorLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}

private struct CannedHandler: RequestHandler {
  let delayMilliseconds: Int
  private let json = Array(CannedUpstream.json.utf8)
  private let parts = CannedHandler.makeParts()

  init(delayMilliseconds: Int) { self.delayMilliseconds = delayMilliseconds }

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
    for part in parts {
      do { try await client.write(part) } catch { return }
    }
    client.finishStream()
  }

  private static func makeParts() -> [[UInt8]] {
    func event(_ name: String, _ data: String) -> String {
      "event: \(name)\ndata: {\"type\":\"\(name)\",\(data)}\n\n"
    }
    let start =
      #""message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","#
      + #""model":"claude-sonnet-5-5","content":[],"stop_reason":null,"stop_sequence":null,"#
      + #""usage":{"input_tokens":520,"cache_creation_input_tokens":0,"#
      + #""cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}"#
    let block = #""index":0,"content_block":{"type":"text","text":""}"#
    let delta = #""index":0,"delta":{"type":"text_delta","text":"hello wrld"}"#
    let end =
      #""delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":104}"#
    var events = [event("message_start", start), event("content_block_start", block)]
    events += [String](repeating: event("content_block_delta", delta), count: 45)
    events.append(event("content_block_stop", #""index":0"#))
    events.append(event("message_delta", end))
    events.append("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    return stride(from: 0, to: 50, by: 5).map { Array(events[$0..<$0 + 5].joined().utf8) }
  }
}

extension Collection where Element: Equatable {
  /// Whether the elements of `other` stand somewhere in a row.
  fileprivate func contains(_ other: [Element]) -> Bool {
    indices.contains { self[$0...].starts(with: other) }
  }
}
