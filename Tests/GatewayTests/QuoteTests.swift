// The prices a request is admitted under, and how little is looked at to find them.
import Base
import Ledger
import Projections
import Testing

@testable import Gateway

private let names = [
  "claude-sonnet-5-5", "claude-opus-5-5", "claude-opus-77", "nobody-has-a-price", "gemini-3-flash",
]

@Test(arguments: [nil, "claude-haiku-5-5", "nobody-has-a-price"])
func `a quote prices each name sent as the price book resolves it`(fallback: String?) {
  let book = PriceBook.builtIn
  for asked in names {
    let quote = Quote(
      asked: asked, mapped: names, book: PriceBookID(1), prices: book, fallback: fallback)
    for sent in names + ["another-name"] {
      let expected = book.resolve(asked: asked, mapped: sent, defaultModel: fallback)
      #expect(quote?.price(sent: sent) == expected || quote == nil && expected == nil)
      #expect(quote?.hasPrice(sent: sent) ?? false == (expected != nil))
    }
  }
}

private func account(_ id: UInt32, _ map: [String: String]) -> UpstreamAccount {
  UpstreamAccount(
    id: AccountID(id), name: "a\(id)", platform: .anthropic, baseURL: "http://127.0.0.1",
    authorization: nil, models: ModelMap(map), interceptsWarmup: false, project: nil, proxy: nil)
}

@Test(arguments: [10, 10_000])
func `accounts that share a model map are looked at once`(count: UInt32) {
  let maps = [["claude-*": "claude-opus-5-5"], ["claude-*": "claude-opus-5-5", "b": "c"], [:]]
  let accounts = (1...count).map { account($0, maps[Int($0) % maps.count]) }
  let group = GroupID(1)
  let snapshot = Gateway.Snapshot(
    configuration: Configuration(),
    accounts: Dictionary(uniqueKeysWithValues: accounts.map { ($0.id, $0) }),
    groupAccounts: [group: accounts.map(\.id)])
  #expect(snapshot.groupMaps[group]?.count == maps.count)
  #expect(snapshot.mappedModels("claude-x", group: group) == ["claude-opus-5-5"])
  #expect(snapshot.mappedModels("b", group: group) == ["c"])
}
