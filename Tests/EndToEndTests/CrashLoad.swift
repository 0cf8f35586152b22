// Callers that ask as fast as they are answered, streams and messages in turn, until the server is
// gone. One of them kills it: the one that receives the piece of an answer that was drawn by lot.

import Base
import Foundation
import Glibc
import Synchronization
import TestSupport

/// Token counts as a usage object tells them.
struct Tokens: Hashable, Sendable {
  var input: Int64 = 0
  var output: Int64 = 0
  var cacheRead: Int64 = 0
  var cacheWrite: Int64 = 0

  /// From Anthropic's object; nil when there is none. A stream's last object lacks no field.
  init?(usage: JSONValue?) {
    guard let usage, let output = usage["output_tokens"]?.integer else { return nil }
    input = usage["input_tokens"]?.integer ?? 0
    self.output = output
    cacheRead = usage["cache_read_input_tokens"]?.integer ?? 0
    cacheWrite = usage["cache_creation_input_tokens"]?.integer ?? 0
  }
  init(input: Int64, output: Int64, cacheRead: Int64, cacheWrite: Int64) {
    self.input = input
    self.output = output
    self.cacheRead = cacheRead
    self.cacheWrite = cacheWrite
  }
}

/// What callers have seen.
struct Seen: Sendable {
  /// Answers that came whole, by message id.
  var complete: [String: Tokens] = [:]
  /// Answers that broke off.
  var interrupted = 0
  /// Answers nobody should have got: status and body.
  var unexpected: [String] = []

  mutating func add(_ other: Seen) {
    complete.merge(other.complete) { first, _ in first }
    interrupted += other.interrupted
    unexpected += other.unexpected
  }
}

/// The callers of one server's life.
final class CrashLoad: Sendable {
  private let port: UInt16
  private let key: String
  private let seed: UInt64
  private let pieces = Atomic<Int>(0)
  private let lastPiece: Int
  private let kill: @Sendable () -> Void

  /// - Parameters:
  ///   - seed: what is asked.
  ///   - lastPiece: on the receipt of how many pieces of answers, by all callers, `kill` is called.
  init(
    port: UInt16, key: String, seed: UInt64, lastPiece: Int, kill: @escaping @Sendable () -> Void
  ) {
    self.port = port
    self.key = key
    self.seed = seed
    self.lastPiece = lastPiece
    self.kill = kill
  }

  /// Runs `callers` callers until the server is gone.
  func run(callers: Int) async throws -> Seen {
    try await withThrowingTaskGroup(of: Seen.self) { group in
      for caller in 0..<callers {
        group.addTask { try await onThread { self.call(as: caller) } }
      }
      var seen = Seen()
      for try await part in group { seen.add(part) }
      return seen
    }
  }

  private func call(as caller: Int) -> Seen {
    var seen = Seen()
    var turn = 0
    while true {
      let number = UInt64(caller * 10_000 + turn) &+ seed &* 1_000_003
      let isStream = (caller + turn) % 2 == 0
      turn += 1
      guard let socket = try? RawSocket.connect(port: port) else { return seen }
      var answer = CrashAnswer()
      do {
        try socket.send(request(number, isStream: isStream))
        while true {
          let bytes = try socket.receive()
          if bytes.isEmpty { break }
          answer.bytes += bytes
          if pieces.add(1, ordering: .relaxed).newValue == lastPiece { kill() }
        }
      } catch {}
      if let (id, tokens) = answer.message() {
        seen.complete[id] = tokens
      } else if answer.status == 200 || answer.status == nil {
        seen.interrupted += 1
      } else {
        seen.unexpected.append(String(decoding: answer.bytes.prefix(600), as: UTF8.self))
        return seen
      }
    }
  }
  private func request(_ number: UInt64, isStream: Bool) -> String {
    let mark = number % 3 == 0 ? #","cache_control":{"type":"ephemeral"}"# : ""
    let body = """
      {"model":"claude-opus-5-5","max_tokens":\(8 + number % 60),"stream":\(isStream),
      "messages":[{"role":"user","content":[{"type":"text","text":"question \(number)"\(mark)}]}]}
      """
    return """
      POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: \(key)\r\nconnection: close\r
      content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)
      """
  }
}

/// An answer as it came.
struct CrashAnswer {
  var bytes: [UInt8] = []

  var status: Int? {
    guard bytes.starts(with: "HTTP/1.1 ".utf8), bytes.count > 12 else { return nil }
    return Int(String(decoding: bytes[9..<12], as: UTF8.self))
  }
  /// The id and tokens of a whole answer; nil for anything else.
  func message() -> (id: String, tokens: Tokens)? {
    guard status == 200, let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
    let body = bytes[end.upperBound...]
    if let field = head.range(of: "content-length: ") {
      let length = head[field.upperBound...].prefix { $0.isNumber }
      guard Int(length) == body.count, let message = try? JSONParser().parse(Array(body)),
        let id = message["id"]?.string, let tokens = Tokens(usage: message["usage"])
      else { return nil }
      return (id, tokens)
    }
    // A stream is whole when its last event and the last chunk have come.
    let text = String(decoding: body, as: UTF8.self)
    guard text.hasSuffix("0\r\n\r\n"), text.contains("event: message_stop") else { return nil }
    let events = text.split(separator: "\n").filter { $0.hasPrefix("data: ") }
      .compactMap { try? JSONParser().parse(String($0.dropFirst(6))) }
    guard let id = events.first?["message"]?["id"]?.string,
      let tokens = Tokens(usage: events.last { $0["type"]?.string == "message_delta" }?["usage"])
    else { return nil }
    return (id, tokens)
  }
}
