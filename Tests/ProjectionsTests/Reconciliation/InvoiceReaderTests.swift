// Bills and logs as people have them: every spelling that is taken, every fault told by its line.
import Base
import Ledger
import TestSupport
import Testing

@testable import Projections

/// All rows of a file with this text.
func invoiceRows(
  _ text: String, zone: LocalZone = .utc
) throws -> (rows: [InvoiceRow], unbilled: Int) {
  let directory = TemporaryDirectory()
  let path = directory.path + "/invoice"
  let file = try RealFileSystem().open(path, .replace)
  try file.writeFully(Array(text.utf8).span, at: 0)
  var reader = try InvoiceReader(path, in: RealFileSystem(), zone: zone)
  var rows: [InvoiceRow] = []
  while let row = try reader.next() { rows.append(row) }
  return (rows, reader.unbilled)
}

@Suite struct InvoiceReaderTests {
  private func problem(_ text: String) -> InvoiceError? {
    do {
      _ = try invoiceRows(text)
      return nil
    } catch { return error as? InvoiceError }
  }

  @Test func `columns are found by loose names, in any order, among others`() throws {
    let (rows, _) = try invoiceRows(
      """
      Note,Cost (USD),Input Tokens,outputTokens,Cache-Read Input Tokens,ID,Date,Model\r
      "a, b",$0.0125,100,20,3,msg_1,2026-11-30,claude-opus-5-5\r
      ,-1.5,,,,msg_2,,\r

      """)
    #expect(rows.map(\.messageID) == ["msg_1", "msg_2"] && rows.map(\.line) == [2, 3])
    #expect(rows[0].cost == NanoUSD(12_500_000) && rows[1].cost == NanoUSD(-1_500_000_000))
    #expect(rows[0].counts.input == 100 && rows[0].counts.output == 20)
    #expect(rows[0].counts.cacheRead == 3 && rows[1].counts == InvoiceCounts())
    #expect(rows[0].day?.description == "2026-11-30" && rows[0].model == "claude-opus-5-5")
  }

  @Test func `a message id counts before an id`() throws {
    let (rows, _) = try invoiceRows("id,message_id,request_id,cost\n7,msg_1,req_1,1\n")
    #expect(rows[0].messageID == "msg_1" && rows[0].requestID == "req_1")
  }

  @Test(arguments: [";", "\t"])
  func `semicolons and tabs separate too`(separator: String) throws {
    let text = "id,cost\nmsg_1,2\n".replacing(",", with: separator)
    #expect(try invoiceRows(text).rows.map(\.cost) == [NanoUSD(2_000_000_000)])
  }

  @Test func `cache writes of both lifetimes add up`() throws {
    let (rows, _) = try invoiceRows("id,cache_write_5m_tokens,cache_write_1h_tokens\nm,3,4\n")
    #expect(rows[0].counts.cacheWrite == 7 && rows[0].counts.cacheWrite1h == 4)
  }

  @Test(arguments: [
    ("2026-11-30T23:30:00Z", "2026-12-01"), ("2026-11-30T23:30:00+09:00", "2026-11-30"),
    ("2026-11-30", "2026-11-30"), ("2026-11-30 23:30", "2026-11-30"),
    ("2026-11-30T23:30:59.5", "2026-11-30"), ("1796081400", "2026-12-01"),
    ("1796081400000", "2026-12-01"),
  ])
  func `a time with a zone is another day elsewhere, a date stays what it is`(
    text: String, day: String
  ) throws {
    let zone = try LocalZone(named: "Asia/Tokyo")
    let (rows, _) = try invoiceRows("time,cost\n\(text),1\n", zone: zone)
    #expect(rows[0].day?.description == day)
  }

  @Test func `wrong columns are answered with those found and those needed`() throws {
    let error = try #require(problem("name,price\nx,1\n"))
    #expect(error.line == 1)
    #expect(error.problem.contains("name, price") && error.problem.contains("message_id"))
  }

  @Test(arguments: [
    ("id,cost\nm,1\nm2,ten\n", 3, "amount of USD"), ("id,cost\nm,NaN\n", 2, "amount of USD"),
    ("id,cost\nm,1e30\n", 2, "amount of USD"), ("id,input_tokens\nm,-1\n", 2, "whole number"),
    ("id,input_tokens\nm,\"1,000\"\n", 2, "whole number"),
    ("id,input_tokens\nm,1.5\n", 2, "whole number"), ("id,cost\nm\n", 2, "1 fields"),
    ("day,cost\n30.11.2026,1\n", 2, "must be a date"),
    ("day,cost\n2026-11-31,1\n", 2, "must be a date"), ("id,cost,amount\nm,1,1\n", 0, ""),
    ("id,cost,Cost\nm,1,1\n", 1, "both say"), ("id,day,cost\n,,12\n", 2, "neither an id nor"),
    ("id,cost,currency\nm,1,EUR\n", 2, "must be USD"), ("id,cost\n\"m,1\n", 2, "never closed"),
    ("", 0, "empty"), ("\n\n", 0, "no header"), ("[{}]", 1, "JSON array"),
    ("\u{1F}\u{0}", 0, "not UTF-8"), ("{\"id\":\"m\",\"cost\":1}\n{\"id\":", 2, "not one JSON"),
    ("{\"id\":\"m\",\"usage\":{\"input_tokens\":-1}}", 1, "usage.input_tokens"),
    ("{\"id\":[],\"cost\":1}", 1, "must be a text"), ("{\"a\":1}\n{\"b\":2}\n", 0, "has: a"),
    ("{\"usage\":{\"input_tokens\":1}}", 1, "neither an id nor"),
  ])
  func `a fault is told with its line and what is wrong`(text: String, line: Int, what: String) {
    let error = problem(text)
    if what.isEmpty {
      #expect(error == nil)
    } else {
      #expect(error?.line == line && error?.problem.contains(what) == true, "\(error as Any)")
    }
  }

  @Test func `lines of the sandbox's record are read, errors among them passed over`() throws {
    let (rows, unbilled) = try invoiceRows(
      """
      {"message_id":"msg_1","model":"m","usage":{"input_tokens":9,"output_tokens":5,\
      "cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":2}},\
      "status":200,"complete":true}
      {"message_id":null,"model":"m","usage":null,"status":529,"complete":true}
      """)
    #expect(rows.count == 1 && unbilled == 1)
    #expect(rows[0].messageID == "msg_1" && rows[0].status == 200)
    #expect(rows[0].counts.input == 9 && rows[0].counts.cacheWrite == 3)
    #expect(rows[0].usageText.hasPrefix("{\"input_tokens\":9"))
  }

  @Test func `a log may keep whole answers inside of its lines`() throws {
    let (rows, unbilled) = try invoiceRows(
      """
      {"type":"user","timestamp":"2026-11-30T10:00:00Z","message":{"role":"user"}}
      {"id":"line-1","requestId":"req_1","timestamp":"2026-11-30T10:00:01Z","costUSD":0.5,\
      "message":{"id":"msg_1","model":"m","usage":{"input_tokens":1,"output_tokens":2}}}
      """)
    #expect(unbilled == 1 && rows.count == 1)
    #expect(rows[0].messageID == "msg_1" && rows[0].requestID == "req_1")
    #expect(rows[0].model == "m" && rows[0].cost == NanoUSD(500_000_000))
  }

  @Test func `a line that is too long is refused`() {
    let text = "{\"id\":\"" + String(repeating: "x", count: InvoiceReader.lineLimit) + "\"}"
    #expect(problem(text)?.problem.contains("MB") == true)
  }
}
