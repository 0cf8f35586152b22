// The lines of a settlement: usage that the upstream billed at another model's price (iterations,
// compaction), as the settlement's `lines` text holds it.
//
//   [{"model": NAME, "input_tokens": N, "output_tokens": N, "cache_read_tokens": N,
//     "cache_write_5m_tokens": N, "cache_write_1h_tokens": N, "list_nano_usd": N}, ...]
import Base
public import Ledger

/// Usage billed at one model's price, rated.
public struct SettledLine: Hashable, Sendable {
  /// The model whose price was used, as its book names it.
  public let model: String
  public let usage: TokenUsage
  public let list: NanoUSD

  public init(model: String, usage: TokenUsage, list: NanoUSD) {
    self.model = model
    self.usage = usage
    self.list = list
  }
}

public enum SettledLines {
  /// Longest text that a settlement keeps, in bytes: a report beyond it is dropped whole, since
  /// half of it would be no JSON.
  public static let limit = 4096

  /// The text of a settlement's lines; "" for none, and for more than `limit` bytes.
  public static func text(_ lines: [SettledLine]) -> String {
    guard !lines.isEmpty else { return "" }
    var json = JSONWriter()
    json.array { json in
      for line in lines {
        json.object {
          $0.member("model", line.model)
          $0.member("input_tokens", line.usage.input)
          $0.member("output_tokens", line.usage.output)
          $0.member("cache_read_tokens", line.usage.cacheRead)
          $0.member("cache_write_5m_tokens", line.usage.cacheWrite5m)
          $0.member("cache_write_1h_tokens", line.usage.cacheWrite1h)
          $0.member("list_nano_usd", line.list.value)
        }
      }
    }
    return json.bytes.count <= limit ? String(decoding: json.bytes, as: UTF8.self) : ""
  }

  /// The lines of such a text; nil when it is anything else.
  public static func parse(_ text: String) -> [SettledLine]? {
    if text.isEmpty { return [] }
    guard let array = (try? JSONParser(maxDepth: 4).parse(text))?.array else { return nil }
    var lines: [SettledLine] = []
    for element in array {
      guard let model = element["model"]?.string, let list = element["list_nano_usd"]?.integer
      else { return nil }
      var usage = TokenUsage()
      usage.input = element["input_tokens"]?.integer ?? 0
      usage.output = element["output_tokens"]?.integer ?? 0
      usage.cacheRead = element["cache_read_tokens"]?.integer ?? 0
      usage.cacheWrite5m = element["cache_write_5m_tokens"]?.integer ?? 0
      usage.cacheWrite1h = element["cache_write_1h_tokens"]?.integer ?? 0
      lines.append(SettledLine(model: model, usage: usage, list: NanoUSD(list)))
    }
    return lines
  }
}
