// An upstream on bare sockets, which answers whatever a test wants: nothing, nonsense, too much.
import Base
import Synchronization
import TestSupport

/// Opened once, from then on open for everybody.
final class Gate: Sendable {
  private let bell = Doorbell()
  private struct NeverOpened: Error {}

  private let hasOpened = Atomic<Bool>(false)

  var isOpen: Bool { hasOpened.load(ordering: .acquiring) }
  func open() {
    hasOpened.store(true, ordering: .releasing)
    bell.ring()
  }
  /// Blocks until it is open; two minutes at most.
  func pass() throws {
    let deadline = SystemMonotonicClock().now.advanced(seconds: 120)
    guard bell.wait(until: deadline) else { throw NeverOpened() }
    bell.ring()
  }
  func opened() async throws { try await onThread { try self.pass() } }
}

final class BareUpstream: Sendable {
  /// What is done with a connection once a request is read; it is closed afterwards.
  typealias Behaviour = @Sendable (RawSocket) throws -> Void

  private let listener: RawListener
  /// Open once a request has come.
  let asked = Gate()

  var wasAsked: Bool { asked.isOpen }
  var url: String { "http://127.0.0.1:\(listener.port)" }

  init(_ behaviour: @escaping Behaviour) throws {
    listener = try RawListener()
    let listener = listener
    let asked = asked
    try SystemThread.start(name: "upstream") {
      while let socket = try? listener.accept() {
        try? SystemThread.start(name: "answer") {
          guard (try? Self.readRequest(socket)) != nil else { return }
          asked.open()
          try? behaviour(socket)
        }.detach()
      }
    }.detach()
  }
  deinit { listener.stop() }

  /// Answers every request with these bytes.
  convenience init(_ answer: String) throws { try self.init { try $0.send(answer) } }

  private static func readRequest(_ socket: RawSocket) throws {
    let text = try socket.receive(until: "\r\n\r\n")
    let end = text.firstRange(of: "\r\n\r\n")?.upperBound ?? text.endIndex
    let mark = "content-length: "
    let length = text.lowercased().firstRange(of: mark).flatMap {
      Int(text.lowercased()[$0.upperBound...].prefix { $0.isNumber })
    }
    var missing = (length ?? 0) - text[end...].utf8.count
    while missing > 0 {
      let more = try socket.receive()
      if more.isEmpty { throw SocketFailure(call: "the request was cut", code: 0) }
      missing -= more.count
    }
  }
}

// MARK: - Words of an upstream

extension BareUpstream {
  static func json(_ body: String, status: String = "200 OK", headers: String = "") -> String {
    "HTTP/1.1 \(status)\r\ncontent-type: application/json\r\n\(headers)"
      + "content-length: \(body.utf8.count)\r\n\r\n" + body
  }
  static func error(_ status: Int, _ type: String, _ message: String, headers: String = "")
    -> String
  {
    json(
      #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"}}"#,
      status: "\(status) Refused", headers: headers)
  }
  static func message(
    usage: String = #"{"input_tokens":10,"output_tokens":5}"#, text: String = "Hello to you"
  ) -> String {
    #"{"id":"msg_01HostileAnswer","type":"message","role":"assistant","#
      + #""model":"claude-sonnet-5-5","stop_reason":"end_turn","#
      + #""content":[{"type":"text","text":"\#(text)"}],"usage":\#(usage)}"#
  }

  static let streamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
  static let streamEnd = "0\r\n\r\n"

  static func chunk(_ text: String) -> String {
    "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
  }
  static func event(_ name: String, _ data: String) -> String {
    "event: \(name)\ndata: \(data)\n\n"
  }
  static func start(usage: String = #"{"input_tokens":10,"output_tokens":1}"#) -> String {
    event(
      "message_start",
      #"{"type":"message_start","message":{"id":"msg_01HostileAnswer","type":"message","#
        + #""role":"assistant","model":"claude-sonnet-5-5","content":[],"stop_reason":null,"#
        + #""usage":\#(usage)}}"#)
  }
  static let blockStart = event(
    "content_block_start",
    #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#)
  static func delta(_ text: String = "word ") -> String {
    event(
      "content_block_delta",
      #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(text)"}}"#)
  }
  static func messageDelta(usage: String = #"{"output_tokens":5}"#) -> String {
    event(
      "message_delta",
      #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":\#(usage)}"#)
  }
  static let messageStop = event("message_stop", #"{"type":"message_stop"}"#)
}
