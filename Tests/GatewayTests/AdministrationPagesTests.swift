// Lists of /admin a page at a time.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct AdministrationPagesTests {
  /// All pages of a list from `path`, and how many there were.
  private func pages(
    _ bed: AdministrationBed, _ path: String, limit: Int,
    between: (Int) async throws -> Void = { _ in }
  ) async throws -> (rows: [JSONValue], count: Int) {
    var rows: [JSONValue] = []
    var count = 0
    var cursor: String?
    repeat {
      let joint = path.contains("?") ? "&" : "?"
      let after = cursor.map { "&after=\($0)" } ?? ""
      let answer = try await bed.ask("GET", "\(path)\(joint)limit=\(limit)\(after)")
      let page = try #require(answer.json, "\(answer.text)")
      let data = try #require(page["data"]?.array)
      #expect(data.count <= limit)
      rows += data
      cursor = page["next"]?.string
      #expect(page["has_more"] == .bool(cursor != nil))
      count += 1
      try await between(count)
    } while cursor != nil
    return (rows, count)
  }

  private func names(_ rows: [JSONValue]) -> [String] { rows.compactMap { $0["name"]?.string } }

  @Test func `pages together are the list, in the order of the ids`() async throws {
    let bed = try AdministrationBed()
    for number in 0..<7 { try await bed.command("user/add", #"{"name": "u\#(number)"}"#) }
    let wanted = (0..<7).map { "u\($0)" }
    for limit in [1, 3, 7, 8, 1000] {
      let found = try await pages(bed, "/admin/user/list", limit: limit)
      #expect(names(found.rows) == wanted)
      #expect(found.count == (7 + limit - 1) / limit)
    }
  }

  @Test func `a list longer than one turn under the lock is whole`() async throws {
    let bed = try AdministrationBed()
    let last = try bed.live.withBooks { books throws(BooksError) in
      for number in 1...260 {
        var state = UserState()
        state.user = books.catalog.nextUser
        state.name = "u\(number)"
        try books.append(UserAdded(state), now: Timestamp(seconds: 0))
      }
      return books.lastSequence
    }
    try bed.live.waitUntilDurable(last)
    for limit in [100, 101, 260, 1000] {
      let found = try await pages(bed, "/admin/user/list", limit: limit)
      #expect(names(found.rows) == (1...260).map { "u\($0)" })
    }
  }

  @Test func `what is added between pages comes once, behind`() async throws {
    let bed = try AdministrationBed()
    for number in 0..<4 { try await bed.command("user/add", #"{"name": "u\#(number)"}"#) }
    let found = try await pages(bed, "/admin/user/list", limit: 2) { count in
      if count < 3 { try await bed.command("user/add", #"{"name": "late\#(count)"}"#) }
    }
    #expect(names(found.rows) == ["u0", "u1", "u2", "u3", "late1", "late2"])
  }

  @Test func `pages of events together are the log, filtered or not`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann"}"#)
    try await bed.command("user/add", #"{"name": "bob"}"#)
    for number in 1...5 {
      let user = number.isMultiple(of: 2) ? "bob" : "ann"
      try await bed.command(
        "credit/add", #"{"user": "\#(user)", "usd": \#(number), "reason": "r"}"#)
    }
    let all = try await pages(bed, "/admin/events", limit: 3).rows
    #expect(all.compactMap { $0["sequence"]?.integer } == Array(1...Int64(bed.last.value)))
    let credits = try await pages(bed, "/admin/events?type=credit_added", limit: 2).rows
    #expect(credits.compactMap { $0["amount_usd"]?.string } == ["1", "2", "3", "4", "5"])
    let of = try await pages(bed, "/admin/credit/list?user=ann", limit: 1).rows
    #expect(of.compactMap { $0["amount_usd"]?.string } == ["1", "3", "5"])
    #expect(of.allSatisfy { $0["actor"]?.string == "admin token, 127.0.0.1" })
  }

  @Test(arguments: [
    "user/list?limit=x", "user/list?limit=-1", "user/list?limit=1.5", "user/list?limit=",
    "user/list?after=key_0000000001", "user/list?after=", "user/list?lmit=1", "user/list?limit=%zz",
    "events?after=-1", "events?after=9223372036854775807", "events?after=99999999999999999999",
    "events?from=1&from=2", "status?limit=1", "usage?key=sk-secret",
  ])
  func `a bad query is refused`(query: String) async throws {
    let bed = try AdministrationBed()
    let answer = try await bed.ask("GET", "/admin/\(query)")
    #expect(answer.status == 400 && answer.code == "wrong_usage", "\(answer.text)")
    #expect(!answer.text.contains("sk-secret"))
  }

  @Test func `an empty list is an empty page`() async throws {
    let bed = try AdministrationBed()
    let answer = try await bed.ask("GET", "/admin/user/list")
    #expect(answer.text == #"{"data":[],"has_more":false,"next":null}"#)
  }
}
