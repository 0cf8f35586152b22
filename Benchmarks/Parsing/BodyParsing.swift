// What reading a Messages body costs the gateway: grammar, names, model, what the hold is computed
// from. Processor time of the thread, medians.
import Gateway
import Glibc

struct BodyParsing: Benchmark {
  static let name = "body-parse"
  static let about = "CPU for reading a Messages body of 1 MB and of 50 KB"

  static func run(_ run: Run) throws {
    for kind in BodyKind.allCases {
      for bytes in [1_000_000, 50_000] {
        let body = kind.body(of: bytes)
        guard GatewayMeasuring.accepts(body) else {
          throw BenchmarkError("a body of kind \(kind.rawValue) is refused")
        }
        let perMegabyte =
          cpuMilliseconds(body, rounds: run.isSmoke ? 1 : 15) * 1e6
          / Double(body.count)
        run.report.state(
          "reading \(grouped(body.count)) bytes, \(kind.rawValue), per MB",
          "\(decimal(perMegabyte, 3)) ms", perMegabyte, .atMost(2))
      }
    }
  }

  /// The median of some rounds, each long enough to be measured.
  private static func cpuMilliseconds(_ body: [UInt8], rounds: Int) -> Double {
    let times = max(1, 8_000_000 / body.count)
    var spent: [Double] = []
    for _ in 0..<rounds {
      let before = threadNanoseconds()
      for _ in 0..<times where !GatewayMeasuring.accepts(body) { return .infinity }
      spent.append((threadNanoseconds() - before) / Double(times) / 1e6)
    }
    return spent.median
  }

  private static func threadNanoseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
}

/// Bodies as clients send them.
enum BodyKind: String, CaseIterable {
  case agent = "coding agent with tools and results"
  case chat = "chat of short text blocks"
  case escaped = "one text full of escapes"
  case unicode = "one text beyond ASCII"
  case images = "base64 images"

  func body(of bytes: Int) -> [UInt8] {
    var writer = BodyWriter()
    switch self {
    case .agent: writer.agent(bytes)
    case .chat: writer.chat(bytes)
    case .escaped:
      writer.oneText(bytes, #"if (a == \"b\") {\n\tprint(\"caf\u00e9 \\\\ \")\n}\n"#)
    case .unicode: writer.oneText(bytes, "账本 means an account book — “daybook” 📒 für alle. ")
    case .images: writer.images(bytes)
    }
    return writer.bytes
  }
}
