// An upstream played on bare sockets: each of its names misbehaves in a way of its own. The first
// part of the path chooses, so that one server with one account for each name meets them all.

import Base
import Foundation
import Synchronization
import TestSupport

final class FaultyUpstream: Sendable {
  /// What is done with a connection once the request is read; it is closed afterwards.
  typealias Behaviour = @Sendable (RawSocket) throws -> Void

  /// Accounts to declare. `down` has nobody listening.
  let names: [String]
  private let listener: RawListener
  /// Bound, so that nobody else gets its port, and refusing.
  private let dead: RawListener
  private let counts = Counts()

  init(_ behaviours: [String: Behaviour]) throws {
    names = ["down", "good"] + behaviours.keys.sorted()
    listener = try RawListener()
    dead = try RawListener()
    dead.stop()
    let all = behaviours.merging(["good": FaultyUpstream.good]) { given, _ in given }
    let listener = listener
    let counts = counts
    try SystemThread.start(name: "upstream") {
      while let socket = try? listener.accept() {
        try? SystemThread.start(name: "answer") {
          guard let name = try? Self.readRequest(socket) else { return }
          counts.add(name)
          try? all[name]?(socket)
        }.detach()
      }
    }.detach()
  }
  deinit { listener.stop() }

  func url(_ name: String) -> String {
    name == "down"
      ? "http://127.0.0.1:\(dead.port)" : "http://127.0.0.1:\(listener.port)/\(name)"
  }
  /// How many requests a name got.
  func requests(_ name: String) -> Int { counts[name] }

  /// Waits until a name got so many requests; 30 s at most.
  func awaitRequests(_ name: String, _ count: Int) async throws {
    let counts = counts
    let came = try await onThread { counts.wait(for: name, count) }
    if !came { throw SocketFailure(call: "waited in vain for \(count) of \(name)", code: 0) }
  }

  private final class Counts: Sendable {
    private let counts = Mutex<[String: Int]>([:])
    private let changed = NSCondition()
    func add(_ name: String) {
      changed.withLock { counts.withLock { $0[name, default: 0] += 1 } }
      changed.broadcast()
    }
    subscript(_ name: String) -> Int { counts.withLock { $0[name] ?? 0 } }
    func wait(for name: String, _ count: Int) -> Bool {
      let end = Date(timeIntervalSinceNow: 30)
      return changed.withLock {
        while self[name] < count { if !changed.wait(until: end) { return false } }
        return true
      }
    }
  }

  /// - Returns: the first part of the path.
  private static func readRequest(_ socket: RawSocket) throws -> String {
    var text = try socket.receive(until: "\r\n\r\n")
    let length = text.components(separatedBy: "ontent-length: ").dropFirst().first
      .flatMap { Int($0.prefix { $0.isNumber }) }
    let head = text.range(of: "\r\n\r\n")?.upperBound ?? text.endIndex
    var missing = (length ?? 0) - text[head...].utf8.count
    while missing > 0 {
      let more = try socket.receive()
      if more.isEmpty { throw SocketFailure(call: "the request was cut", code: 0) }
      missing -= more.count
      text += String(decoding: more, as: UTF8.self)
    }
    return text.split(separator: " ")[1].split(separator: "/").first.map(String.init) ?? ""
  }
}

// MARK: - Words of an upstream

extension FaultyUpstream {
  /// A whole answer with its usage: 10 tokens in, 5 out.
  static let good: Behaviour = { try $0.send(json(message())) }

  static func json(_ body: String, headers: String = "", length: Int? = nil) -> String {
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\(headers)"
      + "content-length: \(length ?? body.utf8.count)\r\n\r\n" + body
  }
  static func message(usage: String = #"{"input_tokens":10,"output_tokens":5}"#) -> String {
    #"{"id":"msg_01\#(UInt64.random(in: 1_000_000...9_999_999))","type":"message","#
      + #""role":"assistant","model":"claude-sonnet-5-5","stop_reason":"end_turn","#
      + #""content":[{"type":"text","text":"Hello to you"}],"usage":\#(usage)}"#
  }

  static let streamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
  static let streamEnd = "0\r\n\r\n"

  static func chunk(_ bytes: [UInt8]) -> [UInt8] {
    Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
  }
  static func event(_ name: String, _ data: String) -> [UInt8] {
    chunk(Array("event: \(name)\ndata: \(data)\n\n".utf8))
  }
  static func start() -> [UInt8] {
    event(
      "message_start",
      #"{"type":"message_start","message":{"id":"msg_01abcdefgh","type":"message","#
        + #""role":"assistant","model":"claude-sonnet-5-5","content":[],"stop_reason":null,"#
        + #""usage":{"input_tokens":10,"output_tokens":1}}}"#)
      + event(
        "content_block_start",
        #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#)
  }
  static func delta(_ text: String = "word ") -> [UInt8] {
    event(
      "content_block_delta",
      #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(text)"}}"#)
  }
  static func stop(usage: String = #"{"output_tokens":5}"#) -> [UInt8] {
    event("content_block_stop", #"{"type":"content_block_stop","index":0}"#)
      + event(
        "message_delta",
        #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":\#(usage)}"#)
      + event("message_stop", #"{"type":"message_stop"}"#)
      + Array(streamEnd.utf8)
  }
}
