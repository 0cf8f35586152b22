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

/// An answer as it came: head, body without its chunks, and whether it was whole.
struct Received: Sendable {
  var status = 0
  var head = ""
  var body: [UInt8] = []
  var chunkSizes: [Int] = []
  /// The body had its announced length or its last chunk.
  var isWhole = false

  var text: String { String(decoding: body, as: UTF8.self) }
  var json: JSONValue? { try? JSONParser().parse(body) }
  /// The data of each event of a stream.
  var events: [JSONValue] {
    text.split(separator: "\n").filter { $0.hasPrefix("data: ") }
      .compactMap { try? JSONParser().parse(String($0.dropFirst(6))) }
  }

  init(_ bytes: [UInt8]) {
    guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) })
    else {
      return
    }
    head = String(decoding: bytes[..<end], as: UTF8.self)
    status = Int(head.split(separator: " ")[1]) ?? 0
    var rest = bytes[(end + 4)...]
    guard head.contains("transfer-encoding: chunked") else {
      body = Array(rest)
      isWhole = header("content-length") == "\(body.count)"
      return
    }
    while let line = rest.firstIndex(of: 13),
      let size = Int(String(decoding: rest[..<line], as: UTF8.self), radix: 16)
    {
      rest = rest[(line + 2)...]
      if size == 0 { isWhole = true }
      if size == 0 || rest.count < size + 2 { break }
      body += rest.prefix(size)
      chunkSizes.append(size)
      rest = rest.dropFirst(size + 2)
    }
  }
  func header(_ name: String) -> String? {
    head.split(separator: "\r\n").first { $0.hasPrefix("\(name): ") }
      .map { String($0.dropFirst(name.count + 2)) }
  }
}
