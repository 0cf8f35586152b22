// `daybook serve` on a generated history, with one account whose upstream is ours and a caller's
// key that is known.
import Base
import Ledger
import Projections

struct DaybookServer {
  let binary: String
  let scratch: Scratch

  /// Serves a data directory until the target goes.
  func start(_ name: String, data: String, upstream: UInt16) throws -> WebTarget {
    let config = scratch.file("\(name).json")
    let groups =
      [("generated-default", "balance", "1.0"), ("generated-api", "balance", "1.25")]
      .map {
        #"{"name":"\#($0.0)","platform":"anthropic","type":"\#($0.1)","rate_multiplier":\#($0.2)}"#
      } + [
        #"{"name":"generated-pro","platform":"anthropic","type":"subscription","#
          + #""rate_multiplier":0.8}"#
      ]
    let text = """
      {"listen": "127.0.0.1:0", "groups": [\(groups.joined(separator: ",\n"))],
       "accounts": [{"name": "bench", "platform": "anthropic", "groups": ["generated-default"],
         "base_url": "http://127.0.0.1:\(upstream)", "credential": "env:DAYBOOK_BENCH_KEY",
         "concurrency": 100000}]}

      """
    let file = try RealFileSystem().open(config, .replace)
    try file.writeFully(Array(text.utf8).span, at: 0)
    let process = try ChildProcess(
      [binary, "serve", "--data", data, "--config", config],
      environment: ["DAYBOOK_BENCH_KEY=unused"])
    let url = try process.wait(for: "listening on ", seconds: 120)
    return WebTarget(url: url, process: process)
  }

  /// A history whose first key is the load's, rich enough to pay for all of it.
  static func history(requests: Int, seed: UInt64) -> HistoryOptions {
    var options = HistoryOptions.realistic(requests: requests, hasFailures: true, seed: seed)
    options.firstKeyHash = stride(from: 0, to: 64, by: 2).map { at in
      let digits = Array(Wrk.keyHash)
      return UInt8(String(digits[at...at + 1]), radix: 16) ?? 0
    }
    options.startingCreditUSD = 100_000_000
    options.concurrency = 0
    return options
  }
}

extension DaybookServer {
  /// The load's key, in books of such a history.
  static func loadKey(in books: borrowing Books, seed: UInt64) throws -> KeyID {
    let hash = history(requests: 1000, seed: seed).firstKeyHash
    guard let key = books.catalog.allKeys.first(where: { Array($0.hash.bytes) == hash }) else {
      throw BenchmarkError("the load's key is not in the history")
    }
    return key.id
  }
}

/// What the web benchmarks need; nil, and reported, where a tool is missing.
struct WebTools {
  let wrk: Wrk
  let nginx: Nginx
  let daybook: DaybookServer

  init?(_ run: Run, _ scratch: Scratch, _ what: String) {
    guard let wrk = Tools.find("wrk"), let nginx = Tools.find("nginx") else {
      let missing = ["wrk", "nginx"].filter { Tools.find($0) == nil }
      run.report.skip(what, because: "\(missing.joined(separator: ", ")) is not installed")
      return nil
    }
    guard let daybook = Tools.daybook() else {
      run.report.skip(what, because: "there is no daybook binary beside this program: make build")
      return nil
    }
    self.wrk = Wrk(path: wrk, scratch: scratch)
    self.nginx = Nginx(path: nginx, scratch: scratch)
    self.daybook = DaybookServer(binary: daybook, scratch: scratch)
  }
}
