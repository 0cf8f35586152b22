// A sandbox on one reactor and bare sockets to ask it with.

import Base
import Foundation
import HTTP
import Synchronization
import TestSupport

@testable import Sandbox

/// A running sandbox with a record file of its own.
final class SandboxBed: Sendable {
  let reactor = Reactor()
  let sandbox: Sandbox
  let port: UInt16
  let recordPath: String
  /// What the sandbox complained about.
  let complaints: Complaints
  private let ownsRecord: Bool

  /// - Parameter recordPath: a file that exists already; it is left where it is.
  init(_ options: SandboxOptions = SandboxOptions(), recordPath: String? = nil) throws {
    ownsRecord = recordPath == nil
    let path = recordPath ?? NSTemporaryDirectory() + "sandbox-\(UUID().uuidString).jsonl"
    self.recordPath = path
    var options = options
    options.recordPath = path
    let complaints = Complaints()
    self.complaints = complaints
    sandbox = try Sandbox(options, on: [reactor]) { complaints.add($0) }
    guard case .tcp(_, let port) = sandbox.address else {
      preconditionFailure("a TCP address was asked for")
    }
    self.port = port
    try reactor.start()
  }
  deinit {
    sandbox.stop(withinMilliseconds: 0)
    reactor.stop()
    if ownsRecord { try? FileManager.default.removeItem(atPath: recordPath) }
  }

  /// The record's lines, parsed.
  func records() throws -> [JSONValue] {
    try String(contentsOfFile: recordPath, encoding: .utf8).split(separator: "\n")
      .map { try JSONParser().parse(String($0)) }
  }
  /// Asks once, on a thread of its own.
  func ask(_ body: String, path: String = "/v1/messages", method: String = "POST") async throws
    -> Received
  {
    let port = port
    return try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(
        """
        \(method) \(path) HTTP/1.1\r\nhost: x\r\nx-api-key: any\r\nconnection: close\r
        content-length: \(body.utf8.count)\r\n\r\n\(body)
        """)
      return Received(try socket.receiveAll())
    }
  }
  static func body(
    model: String = "claude-sonnet-5-5", stream: Bool = false, maxTokens: Int = 200,
    text: String = "hello", extra: String = ""
  ) -> String {
    """
    {"model":"\(model)","max_tokens":\(maxTokens),"stream":\(stream)\(extra),
    "messages":[{"role":"user","content":"\(text)"}]}
    """
  }
}

/// Texts from any thread.
final class Complaints: Sendable {
  private let said = Mutex<[String]>([])
  var texts: [String] { said.withLock { $0 } }
  func add(_ text: String) { said.withLock { $0.append(text) } }
}

/// What both providers say of a prompt beyond the context, the two numbers captured.
var tooLong: Regex<(Substring, Substring, Substring)> {
  /prompt is too long: ([0-9]+) tokens > ([0-9]+) maximum/
}
