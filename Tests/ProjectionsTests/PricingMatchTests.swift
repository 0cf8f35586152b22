// Which price a model name finds, and by which rule.
import Ledger
import Testing

@testable import Projections

private func book(_ names: [String], aliases: [String: [String]] = [:]) -> PriceBook {
  PriceBook(
    models: names.map { name in
      var model = pricedModel()
      model.name = name
      model.aliases = aliases[name] ?? []
      return model
    })
}

@Suite struct `Matching a model's price` {
  static let names = [
    "claude-opus-4-5", "claude-opus-4-5-20251101", "claude-opus-5", "claude-opus-5-5",
    "claude-sonnet-4-5-20250929", "claude-sonnet-5-5", "claude-3-5-haiku-20241022",
    "claude-3-5-haiku-20240307", "claude-haiku-4-5", "gemini/gemini-2.5-pro",
    "gemini-3.1-pro-preview",
    "gemini-3.8-flash", "gemini-3.8-flash-lite", "gemini-2.5-flash-image", "gpt-5", "gpt-5.1",
    "gpt-5.4-mini", "o3",
  ]

  @Test(arguments: [
    ("claude-opus-5-5", "claude-opus-5-5", PriceRule.exact),
    ("claude-opus-4-5-20251101", "claude-opus-4-5-20251101", .exact),
    ("Claude-Opus-5-5", "claude-opus-5-5", .alias),
    ("best", "claude-opus-5-5", .alias),
    ("anthropic/claude-opus-5-5", "claude-opus-5-5", .providerPrefix),
    ("models/gemini-2.5-pro", "gemini/gemini-2.5-pro", .providerPrefix),
    ("gemini-2.5-pro", "gemini/gemini-2.5-pro", .providerPrefix),
    ("google/models/gemini-3.8-flash", "gemini-3.8-flash", .providerPrefix),
    ("claude-opus-5-5-20261001", "claude-opus-5-5", .dateStripped),
    ("claude-opus-5-5@20261001", "claude-opus-5-5", .dateStripped),
    ("claude-opus-4-5-20991231", "claude-opus-4-5", .dateStripped),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", .dateStripped),
    ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022", .dateStripped),
    ("gpt-5.1-2025-11-13", "gpt-5.1", .dateStripped),
    ("gemini-3.8-flash-09-2026", "gemini-3.8-flash", .dateStripped),
    ("vertex_ai/claude-opus-5-5@default", "claude-opus-5-5", .dateStripped),
    ("claude-opus-4.5", "claude-opus-4-5", .dotted),
    ("gpt-5-1", "gpt-5.1", .dotted),
    ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929", .dotted),
    ("claude-opus-5-5-thinking", "claude-opus-5-5", .longestPrefix),
    ("claude-opus-5-5[1m]", "claude-opus-5-5", .longestPrefix),
    ("gpt-5.4-mini-high", "gpt-5.4-mini", .longestPrefix),
    ("claude-opus-4.5-fast", "claude-opus-4-5", .longestPrefix),
  ])
  func `a name finds its price by the first rule that fits`(
    name: String, expected: String, rule: PriceRule
  ) throws {
    let book = book(Self.names, aliases: ["claude-opus-5-5": ["best"]])
    let match = try #require(book.match(name))
    #expect(match.model.name == expected)
    #expect(match.rule == rule)
  }

  @Test(arguments: [
    ("claude-opus-6", "claude-opus-5-5"), ("opus", "claude-opus-5-5"),
    ("claude-4-sonnet", "claude-sonnet-5-5"),
    ("claude-3-haiku", "claude-haiku-4-5"), ("gemini-4-pro", "gemini-3.1-pro-preview"),
    ("gemini-4-flash", "gemini-3.8-flash"), ("gemini-4-flash-lite", "gemini-3.8-flash-lite"),
    ("gpt-7", "gpt-5.1"), ("gpt-7-mini", "gpt-5.4-mini"),
  ])
  func `an unknown member of a family has the price of its newest`(
    name: String, expected: String
  ) throws {
    let book = book(Self.names)
    #expect(book.match(name) == nil)
    let match = try #require(book.matchFamily(name))
    #expect(match.model.name == expected)
    #expect(match.rule == .family)
  }

  @Test(arguments: [
    "llama-4", "gemini-9", "gemini-3-pro-image", "gpt-image-9", "", "/", "---", "claude",
  ])
  func `a name of no family has no price`(name: String) {
    let book = book(Self.names)
    #expect(book.match(name) == nil)
    #expect(book.matchFamily(name) == nil)
    #expect(book.resolve(asked: name) == nil)
  }

  @Test func `a request is priced by the model asked for, then the mapped one, family, default`() {
    let book = book(Self.names)
    func found(_ asked: String, _ mapped: String? = nil, _ standard: String? = nil) -> String? {
      book.resolve(asked: asked, mapped: mapped, defaultModel: standard).map {
        "\($0.model.name) \($0.rule) \($0.isUnpriced)"
      }
    }
    #expect(found("gpt-5", "o3") == "gpt-5 exact false")
    #expect(found("mine", "o3") == "o3 exact false")
    #expect(found("claude-opus-9", "o3") == "o3 exact false")
    #expect(found("claude-opus-9", "llama") == "claude-opus-5-5 family false")
    #expect(found("mine", "gemini-9-pro") == "gemini-3.1-pro-preview family false")
    #expect(found("mine", "llama", "claude-sonnet-5-5") == "claude-sonnet-5-5 defaultModel true")
    #expect(found("mine", "llama", "unknown") == nil)
  }

  @Test func `the order of the file does not matter`() {
    let forward = book(Self.names)
    let backward = book(Self.names.reversed())
    for name in Self.names + ["claude-3-5-haiku", "opus", "gpt-5-9", "gemini-2-5-pro"] {
      #expect(forward.resolve(asked: name)?.model.name == backward.resolve(asked: name)?.model.name)
    }
  }

  @Test(arguments: [
    ("gemini-2.0-flash", "gemini-flash-latest"), ("gemini-3-pro-preview", "gemini-pro-latest"),
  ])
  func `models of yesterday still have a price in the built-in book`(
    name: String, family: String
  ) throws {
    let match = try #require(PriceBook.builtIn.resolve(asked: name))
    #expect(match.rule == .family)
    #expect(!match.isUnpriced)
  }

  @Test func `every name of the built-in book matches itself`() {
    for model in PriceBook.builtIn.models {
      #expect(PriceBook.builtIn.match(model.name)?.model.name == model.name)
      #expect(PriceBook.builtIn.match(model.name)?.rule == .exact)
    }
  }
}
