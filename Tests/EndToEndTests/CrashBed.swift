// A scripted upstream, a data directory with one user of known credit, and servers on it that come
// and go. The upstream outlives the servers: its record says what really was answered.

import Base
import Foundation
import TestSupport
import Testing

/// One ledger and its upstream.
final class CrashBed: Sendable {
  let folder: String
  let upstream: ServerProcess
  let key: String
  /// What the user was given, nano-USD.
  let credit: Int64
  static let user = "crash-test"

  var data: String { folder + "/data" }
  var record: String { folder + "/record.jsonl" }
  private var configuration: String { folder + "/daybook.json" }

  /// - Parameters:
  ///   - upstreamFlags: pace and size of the answers.
  ///   - credits: decimal USD, added one by one.
  init(upstreamFlags: [String], credits: [String]) async throws {
    folder = NSTemporaryDirectory() + "daybook-crash-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    let (upstream, port) = try await ServerProcess.listening(
      ["sandbox", "--listen", "127.0.0.1:0", "--record", folder + "/record.jsonl"] + upstreamFlags)
    self.upstream = upstream
    try Self.configuration(upstreamPort: port)
      .write(toFile: folder + "/daybook.json", atomically: true, encoding: .utf8)
    // The first start declares the group; users need no server.
    let data = folder + "/data"
    let (first, _) = try await ServerProcess.listening(
      ["--data", data, "serve", "--config", folder + "/daybook.json"],
      environment: Self.environment)
    _ = try await Self.command(["user", "add", Self.user, "--concurrency", "200"], data)
    var credit: Int64 = 0
    for amount in credits {
      _ = try await Self.command(
        ["credit", "add", "--user", Self.user, "--usd", amount, "--reason", "a test"], data)
      credit += try nanoUSD(amount)
    }
    self.credit = credit
    let issued = try await Self.command(
      ["key", "issue", "--user", Self.user, "--group", "default", "--json"], data)
    key = try #require(try JSONParser().parse(issued)["key"]?.string)
    #expect(try await first.terminate() == .exited(0))
  }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Starts a server on the ledger, as it is.
  func serve() async throws -> (process: ServerProcess, port: UInt16) {
    try await ServerProcess.listening(
      ["--data", data, "serve", "--config", configuration], environment: Self.environment)
  }
  /// Runs a command on the ledger and gives its output; anything but exit code 0 is thrown.
  @discardableResult
  func command(_ words: String...) async throws -> String { try await Self.command(words, data) }

  private static let environment: [String: String?] = ["CRASH_UPSTREAM_KEY": "sk-ant-test"]

  private static func command(_ words: [String], _ data: String) async throws -> String {
    let (end, output, errors) = try await ServerProcess.run(["--data", data] + words)
    guard end == .exited(0) else {
      throw ServerFailure(description: "daybook \(words): \(end)\n\(output)\(errors)")
    }
    return output
  }
  private static func configuration(upstreamPort: UInt16) -> String {
    """
    {
      "listen": "127.0.0.1:0",
      "groups": [{"name": "default", "platform": "anthropic", "type": "balance"}],
      "accounts": [
        {"name": "upstream", "platform": "anthropic", "groups": ["default"],
         "base_url": "http://127.0.0.1:\(upstreamPort)", "credential": "env:CRASH_UPSTREAM_KEY",
         "concurrency": 500}
      ],
      "gateway": {"metrics_listen": "127.0.0.1:0"}
    }
    """
  }
}

/// Decimal USD as nano-USD; anything finer is an error.
func nanoUSD(_ text: String) throws -> Int64 {
  let scaled = try DecimalText.parse(text, scale: 9)
  try #require(scaled.isExact, "\(text) is finer than a nano-USD")
  return try #require(Int64(exactly: scaled.value))
}
