// A gateway with everything it has, in front of scripted upstreams that keep a record of what they
// billed: several users, groups of each kind, accounts that fail.
import Base
import Foundation
import TestSupport
import Testing

/// A caller's key and what may be asked with it.
struct MixKey: Sendable {
  let key: String
  let group: String
  let models: [String]
  var path = "/v1/messages"
}

final class MixBed: Sendable {
  let folder: String
  let upstreams: [ServerProcess]
  let server: ServerProcess
  let port: UInt16
  let metricsPort: UInt16
  let keys: [MixKey]

  static let environment: [String: String?] = ["MIX_UPSTREAM_KEY": "sk-upstream-secret"]

  var data: String { folder + "/data" }

  /// - Parameter seed: decides what the upstreams answer and which of them fail when.
  init(seed: UInt64) async throws {
    folder = NSTemporaryDirectory() + "daybook-mix-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    var upstreams: [ServerProcess] = []
    var ports: [UInt16] = []
    for (name, flags) in Self.upstreamFlags {
      let (process, port) = try await ServerProcess.listening(
        [
          "sandbox", "--listen", "127.0.0.1:0", "--record", "\(folder)/\(name).jsonl",
          "--seed", "\(seed)",
        ] + flags)
      upstreams.append(process)
      ports.append(port)
    }
    self.upstreams = upstreams
    try Data(Self.prices.utf8).write(to: URL(fileURLWithPath: folder + "/prices.json"))
    try Data(Self.configuration(ports).utf8).write(
      to: URL(fileURLWithPath: folder + "/daybook.json"))
    (server, port) = try await ServerProcess.listening(
      ["--data", folder + "/data", "serve", "--config", folder + "/daybook.json"],
      environment: Self.environment)
    let line = server.output.split(separator: "\n").first { $0.hasPrefix("metrics on ") }
    metricsPort = try #require(line?.split(separator: ":").last.flatMap { UInt16($0) })
    keys = try await Self.makeKeys(folder + "/data")
  }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Runs a command on the ledger and gives its output.
  func command(_ words: String...) async throws -> String { try await Self.command(words, data) }

  private static func command(_ words: [String], _ data: String) async throws -> String {
    let (end, output, errors) = try await ServerProcess.run(
      ["--data", data] + words, environment: environment)
    guard end == .exited(0) else {
      throw ServerFailure(description: "daybook \(words): \(end)\n\(output)\(errors)")
    }
    return output
  }

  private static func makeKeys(_ data: String) async throws -> [MixKey] {
    func issue(_ user: String, _ group: String, _ more: [String] = []) async throws -> String {
      let words = ["key", "issue", "--user", user, "--group", group, "--json"] + more
      return try #require(try JSONParser().parse(try await command(words, data))["key"]?.string)
    }
    for (user, slots, usd) in [
      ("rich", "12", "100000"), ("busy", "2", "5000"), ("poor", "3", "0.3"),
    ] {
      _ = try await command(["user", "add", user, "--concurrency", slots], data)
      _ = try await command(
        ["credit", "add", "--user", user, "--usd", usd, "--reason", "a test"], data)
    }
    _ = try await command(
      ["subscription", "grant", "--user", "rich", "--group", "pro", "--days", "3"], data)
    let claude = ["claude-opus-5-5", "claude-sonnet-5-5"]
    return [
      MixKey(key: try await issue("rich", "default"), group: "default", models: claude),
      MixKey(key: try await issue("busy", "default"), group: "default", models: claude),
      MixKey(key: try await issue("poor", "default"), group: "default", models: claude),
      MixKey(
        key: try await issue("rich", "default", ["--quota", "0.05"]), group: "default",
        models: claude),
      MixKey(key: try await issue("rich", "pro"), group: "pro", models: claude),
      MixKey(key: try await issue("rich", "faults"), group: "faults", models: Self.failures),
      MixKey(key: try await issue("rich", "warm"), group: "warm", models: claude),
      MixKey(key: try await issue("busy", "google"), group: "google", models: ["gemini-2.5-pro"]),
      MixKey(
        key: try await issue("rich", "mixed"), group: "mixed", models: ["claude-sonnet-5-5"],
        path: "/antigravity/v1/messages"),
    ]
  }

  // MARK: What it is made of

  private static let upstreamFlags: [(String, [String])] = [
    ("steady", ["--first-token-ms", "5", "--interval-ms", "2"]),
    (
      "shaky",
      [
        "--first-token-ms", "3", "--interval-ms", "1", "--stall", "0.01", "--fail",
        "529:0.04,500:0.06,429:0.03,502:0.02", "--cut", "before:0.05,inside:0.05",
      ]
    ),
    ("google", ["--first-token-ms", "5", "--interval-ms", "2", "--fail", "500:0.05,429:0.03"]),
  ]

  /// Models whose names make the upstream fail.
  private static let failures = [
    "sandbox-stream-error", "sandbox-early-error", "sandbox-cut-inside", "sandbox-cut-before",
    "sandbox-garbage", "sandbox-error-body", "sandbox-no-usage", "sandbox-400", "sandbox-500",
    "sandbox-429", "sandbox-too-long",
  ]

  /// USD per token in whole nano-dollars, so that only multipliers round.
  private static let prices = """
    {
      "claude-opus-5-5": {
        "litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 4e-06,
        "output_cost_per_token": 2e-05, "cache_read_input_token_cost": 2e-07,
        "cache_creation_input_token_cost": 5e-06,
        "cache_creation_input_token_cost_above_1hr": 8e-06
      },
      "claude-sonnet-5-5": {
        "litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 2e-06,
        "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1e-07,
        "cache_creation_input_token_cost": 2.5e-06,
        "cache_creation_input_token_cost_above_1hr": 4e-06
      },
      "gemini-2.5-pro": {
        "litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-07
      }
    }
    """

  private static func configuration(_ ports: [UInt16]) -> String {
    func account(
      _ name: String, _ upstream: Int, _ groups: [String], _ concurrency: Int, _ more: String = "",
      platform: String = "anthropic"
    ) -> String {
      """
      {"name": "\(name)", "platform": "\(platform)", "groups": \(groups),
       "base_url": "http://127.0.0.1:\(ports[upstream])", "credential": "env:MIX_UPSTREAM_KEY",
       "concurrency": \(concurrency)\(more.isEmpty ? "" : ", " + more)}
      """
    }
    let accounts = [
      account("steady", 0, ["default", "pro"], 10),
      account("shaky-1", 1, ["default", "pro"], 6),
      account("shaky-2", 1, ["default", "pro"], 6),
      account("broken", 0, ["faults"], 4, #""models": {"claude-*": "*", "sandbox-*": "*"}"#),
      account("wide", 0, ["large"], 4, #""models": {"sandbox-too-long": "claude-opus-5-5"}"#),
      account("warm", 0, ["warm"], 2, #""intercept_warmup": true"#),
      account("gemini", 2, ["google"], 4, platform: "gemini"),
      account(
        "antigravity", 2, ["mixed"], 4, #""mixed": true, "project": "mix""#,
        platform: "antigravity"),
    ]
    return """
      {
        "listen": "127.0.0.1:0", "prices": "prices.json",
        "groups": [
          {"name": "default", "platform": "anthropic", "type": "balance"},
          {"name": "pro", "platform": "anthropic", "type": "subscription",
           "rate_multiplier": 0.333333, "daily_limit_usd": 5000},
          {"name": "large", "platform": "anthropic", "type": "balance", "rate_multiplier": 2},
          {"name": "faults", "platform": "anthropic", "type": "balance",
           "fallback_group": "large"},
          {"name": "warm", "platform": "anthropic", "type": "balance"},
          {"name": "google", "platform": "gemini", "type": "balance", "rate_multiplier": 1.1},
          {"name": "mixed", "platform": "anthropic", "type": "balance"}
        ],
        "accounts": [\(accounts.joined(separator: ",\n"))],
        "gateway": {"metrics_listen": "127.0.0.1:0", "ping_interval_seconds": 1,
          "user_wait_seconds": 3, "account_wait_seconds": 3, "sticky_wait_seconds": 3,
          "stream_gap_seconds": 2, "first_byte_seconds": 5, "stream_first_byte_seconds": 5,
          "drain_seconds": 2, "write_stall_seconds": 3,
          "cooldown_seconds": {"429": 1, "529": 1, "5xx_max": 1}}
      }
      """
  }
}
