// groundingMetadata (https://ai.google.dev/api/generate-content#GroundingMetadata): what the
// upstream searched for and found. It counts for the fee, and the caller gets it as the blocks of
// a web search.
import Base

struct GeminiGrounding {
  struct Source: Equatable {
    let title: String
    let url: String
  }

  private(set) var queries: [String] = []
  private(set) var sources: [Source] = []
  private var isGrounded = false

  private static let greatestCount = 100
  private static let greatestLength = 4096

  /// The last report holds: it grows in the course of a stream.
  mutating func read(_ metadata: JSONSlice, _ scanner: borrowing JSONScanner) {
    var found: [String] = []
    var queries = scanner.elements(of: scanner.member("webSearchQueries", of: metadata))
    while let query = queries.next(), found.count < Self.greatestCount {
      if let text = Self.text(query, scanner), !text.isEmpty { found.append(text) }
    }
    var sources: [Source] = []
    var chunks = scanner.elements(of: scanner.member("groundingChunks", of: metadata))
    while let chunk = chunks.next(), sources.count < Self.greatestCount {
      let web = scanner.member("web", of: chunk)
      guard let url = Self.text(scanner.member("uri", of: web), scanner) else { continue }
      let title = Self.text(scanner.member("title", of: web), scanner) ?? ""
      sources.append(Source(title: title, url: url))
    }
    if !found.isEmpty { self.queries = found }
    if !sources.isEmpty { self.sources = sources }
    isGrounded = isGrounded || !found.isEmpty || !sources.isEmpty
  }

  private static func text(_ value: JSONSlice?, _ scanner: borrowing JSONScanner) -> String? {
    scanner.decoded(value).map { String($0.prefix(greatestLength)) }
  }

  /// Searches with a fee.
  func searches(feeForEachQuery: Bool) -> Int64 {
    guard isGrounded else { return 0 }
    return feeForEachQuery ? Int64(max(1, queries.count)) : 1
  }

  /// The blocks of a web search, as JSON: server_tool_use and web_search_tool_result. None when
  /// nothing was searched.
  func blocks(_ ids: AnswerIDs) -> [[UInt8]] {
    guard isGrounded else { return [] }
    let id = ids.serverToolUse()
    var call = JSONWriter()
    call.object {
      $0.member("type", "server_tool_use")
      $0.member("id", id)
      $0.member("name", "web_search")
      $0.member("input", object: { $0.member("query", queries.joined(separator: "; ")) })
    }
    var result = JSONWriter()
    result.object {
      $0.member("type", "web_search_tool_result")
      $0.member("tool_use_id", id)
      $0.member(
        "content",
        array: { list in
          for source in sources {
            list.object {
              $0.member("type", "web_search_result")
              $0.member("title", source.title)
              $0.member("url", source.url)
              $0.member("encrypted_content", "")
              $0.member(null: "page_age")
            }
          }
        })
    }
    return [call.bytes, result.bytes]
  }
}
