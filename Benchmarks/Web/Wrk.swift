// wrk, the load generator: one thread, many connections.
import Base

struct WrkResult {
  var requests = 0.0
  var perSecond = 0.0
  /// Microseconds.
  var p50 = 0.0
  var p99 = 0.0
  /// What wrk says of errors; empty when there were none.
  var errors = ""
}

struct Wrk {
  static let key = "sk-daybook-benchmark-0123456789012345678901234567890123456789"
  /// SHA-256 of `key`.
  static let keyHash = "d971c21de7c294ca774d9e193d253e757ced42f10c523b1299c4649a5d19b9bc"

  let path: String
  let scratch: Scratch

  /// - Parameters:
  ///   - post: POST a 2 KB Messages request, else GET.
  ///   - pause: milliseconds each connection waits between two requests, on average.
  func run(
    _ url: String, connections: Int, seconds: Int, post: PostKind?, pause: Int = 0
  ) throws -> WrkResult {
    let script = scratch.file("wrk.lua")
    let file = try RealFileSystem().open(script, .replace)
    try file.writeFully(Array(Self.script(post, pause).utf8).span, at: 0)
    let child = try ChildProcess([
      path, "-t1", "-c\(connections)", "-d\(seconds)s", "--latency", "--timeout", "10s", "-s",
      script, url,
    ])
    return try Self.parse(child.finish(seconds: seconds + 60))
  }

  enum PostKind {
    case json
    case stream
  }

  private static func script(_ post: PostKind?, _ pause: Int) -> String {
    var lines = ["wrk.headers[\"x-api-key\"] = \"\(key)\""]
    if let post {
      let stream = post == .stream ? "\"stream\":true," : ""
      lines += [
        "wrk.method = \"POST\"", "wrk.headers[\"Content-Type\"] = \"application/json\"",
        "wrk.headers[\"anthropic-version\"] = \"2023-06-01\"",
        "wrk.body = '{\"model\":\"claude-sonnet-5-5\",\(stream)\"max_tokens\":100,\"messages\":"
          + "[{\"role\":\"user\",\"content\":\"' .. string.rep(\"a\", 1950) .. '\"}]}'",
      ]
    }
    if pause > 0 {
      lines.append("function delay() return math.random(\(pause / 2), \(pause * 3 / 2)) end")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func parse(_ text: String) throws -> WrkResult {
    var result = WrkResult()
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count >= 2 else { continue }
      if words[0] == "50%" { result.p50 = duration(words[1]) }
      if words[0] == "99%" { result.p99 = duration(words[1]) }
      if words[0] == "Requests/sec:" { result.perSecond = Double(words[1]) ?? 0 }
      if words[1] == "requests" { result.requests = Double(words[0]) ?? 0 }
      if words[0] == "Socket" || words[0] == "Non-2xx" {
        result.errors += words.joined(separator: " ") + " "
      }
    }
    guard result.requests > 0, result.perSecond > 0 else {
      throw BenchmarkError("wrk measured nothing:\n\(text)")
    }
    return result
  }

  private static func duration(_ text: String) -> Double {
    for (unit, factor) in [("us", 1.0), ("ms", 1000), ("s", 1_000_000), ("m", 60_000_000)]
    where text.hasSuffix(unit) {
      return (Double(text.dropLast(unit.count)) ?? 0) * factor
    }
    return 0
  }
}

/// A server under load.
struct WebTarget {
  let url: String
  let process: ChildProcess

  /// The port in the URL.
  var port: UInt16 {
    get throws {
      guard let port = UInt16(url.split(separator: ":").last ?? "") else {
        throw BenchmarkError("not a port: \(url)")
      }
      return port
    }
  }
}

struct WebSlice {
  var wrk = WrkResult()
  /// Microseconds of the server's processor time per request.
  var cpu = 0.0
}

extension Wrk {
  /// Loads targets in turn, forth and back.
  /// - Returns: the slices of each.
  func compare(
    _ targets: [WebTarget], rounds: Int, connections: Int, seconds: Int, post: PostKind?,
    pause: Int = 0
  ) throws -> [[WebSlice]] {
    try interleave(
      rounds: rounds,
      targets.map { target in
        {
          let before = target.process.cpuMicroseconds
          var slice = WebSlice()
          slice.wrk = try run(
            target.url, connections: connections, seconds: seconds, post: post, pause: pause)
          slice.cpu = (target.process.cpuMicroseconds - before) / slice.wrk.requests
          return slice
        }
      })
  }
}
