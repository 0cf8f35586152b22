// A search of the web as the providers do it themselves: what was looked for and what was found.
// The scripted upstream always finds the same.
//
//   Anthropic   server_tool_use and web_search_tool_result, usage.server_tool_use
//   Google      groundingMetadata of the last chunk

import Base

enum WebSearch {
  static let queries = ["what is a daybook", "book of original entry"]
  private static let results = [
    ("Daybook", "https://example.com/daybook"), ("Pacioli", "https://example.com/pacioli"),
  ]

  /// The input of Anthropic's search tool, in pieces.
  static var input: [Piece] {
    [Piece(text: "", tokens: 0), Piece(text: #"{"query":"\#(queries[0])"}"#, tokens: 7)]
  }
  static func writeResults(to writer: inout JSONWriter) {
    for (title, url) in results {
      writer.object { writer in
        writer.member("type", "web_search_result")
        writer.member("title", title)
        writer.member("url", url)
        writer.member("encrypted_content", "Eo8BCioIAhgBIiQ")
        writer.member(null: "page_age")
      }
    }
  }
  static func writeGrounding(to writer: inout JSONWriter) {
    writer.member("webSearchQueries", array: { for query in queries { $0.string(query) } })
    writer.member(
      "groundingChunks",
      array: { writer in
        for (title, url) in results {
          writer.object { writer in
            writer.member(
              "web",
              object: { web in
                web.member("uri", url)
                web.member("title", title)
              })
          }
        }
      })
  }
}
