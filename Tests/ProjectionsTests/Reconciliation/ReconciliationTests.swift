// Two sets of books that agree, and every way in which they do not.
import Base
import Ledger
import TestSupport
import Testing

@testable import Projections

/// A ledger's side made by hand, and a file's text.
private struct Comparison {
  var settlements: [(sequence: UInt64, settlement: Settlement, model: String)] = []
  var options = ReconciliationOptions(zone: .utc)
  var states: [String: UnsettledState] = [:]

  /// 2026-11-30 at noon, and hours around it.
  mutating func settle(
    _ message: String, hours: Int64 = 0, input: Int64 = 100, cost: Int64 = 1_000_000,
    model: String = "claude-opus-5-5"
  ) {
    var settlement = Settlement()
    settlement.upstreamMessageID = message
    settlement.upstreamRequestID = message.isEmpty ? "" : "req_\(message)"
    settlement.requestID = ULID(
      time: Timestamp(seconds: 1), random: (1, UInt64(settlements.count)))
    settlement.usage.input = input
    settlement.usage.output = 20
    settlement.list = NanoUSD(cost)
    settlement.charged = NanoUSD(cost * 2)
    settlement.serviceTime = Timestamp(seconds: 1_796_040_000 + hours * 3600)
    settlements.append((UInt64(settlements.count + 1), settlement, model))
  }

  /// - Returns: the comparison, and its findings.
  func run(_ text: String) throws -> (Reconciliation, [ReconciledRow]) {
    let rows = try invoiceRows(text, zone: options.zone).rows
    var comparison = Reconciliation(options)
    for row in rows { try comparison.note(row) }
    let wanted = settlements.filter { comparison.times.contains($0.settlement.serviceTime) }
    for (sequence, settlement, model) in wanted {
      try comparison.book(settlement, SequenceNumber(sequence), model: model)
    }
    comparison.endBooks()
    var found: [ReconciledRow] = []
    for row in rows {
      if let finding = try comparison.compare(row, state: { states[$0] }) { found.append(finding) }
    }
    if comparison.isByID {
      for (sequence, settlement, model) in wanted {
        if let row = try comparison.ours(settlement, SequenceNumber(sequence), model: model) {
          found.append(row)
        }
      }
    } else {
      try comparison.compareDays { found.append($0) }
    }
    return (comparison, found)
  }
}

@Suite struct ReconciliationTests {
  private static let head = "message_id,date,input_tokens,output_tokens,cost_usd\n"

  @Test func `equal rows match and are no finding`() throws {
    var c = Comparison()
    c.settle("a")
    c.settle("b")
    let (result, found) = try c.run(Self.head + "a,2026-11-30,100,20,0.001\nb,2026-11-30,100,20,\n")
    #expect(found.isEmpty)
    #expect(result.sums[.matched]?.theirs.rows == 2 && result.sums[.matched]?.ours.input == 200)
  }

  @Test func `what differs is named, tokens exactly and cost beyond the tolerance`() throws {
    var c = Comparison()
    for id in ["a", "b", "c"] { c.settle(id) }
    let (result, found) = try c.run(
      Self.head
        + "a,2026-11-30,101,20,0.001\nb,2026-11-30,100,20,0.001001\nc,2026-11-30,100,20,0.0011\n")
    #expect(found.map(\.differing) == [[.input], [.cost]] && found.map(\.line) == [2, 4])
    #expect(result.sums[.differing]?.theirs.rows == 2 && result.sums[.matched]?.ours.rows == 1)
  }

  @Test func `what only one side has is told, with sums`() throws {
    var c = Comparison()
    c.settle("a")
    c.settle("b")
    let (result, found) = try c.run(Self.head + "a,2026-11-30,100,20,\nz,2026-11-30,7,1,0.5\n")
    #expect(found.map(\.kind) == [.theirsOnly, .oursOnly])
    #expect(found[0].messageID == "z" && found[1].messageID == "b" && found[1].sequence.value == 2)
    #expect(result.sums[.theirsOnly]?.theirs.input == 7 && result.sums[.oursOnly]?.ours.rows == 1)
  }

  @Test func `request ids find a settlement too, ours in any case and the upstream's`() throws {
    var c = Comparison()
    c.settle("a")
    c.settle("b")
    let ours = c.settlements[0].settlement.requestID.description.lowercased()
    let (result, found) = try c.run("request_id,input_tokens\n\(ours),100\nreq_b,100\n")
    #expect(found.isEmpty && result.sums[.matched]?.ours.rows == 2)
  }

  @Test func `a repeated id is counted once, whichever side has it`() throws {
    var c = Comparison()
    c.settle("a")
    let line = "a,2026-11-30,100,20,\n"
    let foreign = "z,2026-11-30,1,1,\n"
    let (result, found) = try c.run(Self.head + line + line + foreign + foreign + foreign)
    #expect(result.duplicates == 3 && found.filter(\.isDuplicate).map(\.line) == [3, 5, 6])
    #expect(result.sums[.matched]?.theirs.rows == 1 && result.sums[.theirsOnly]?.theirs.rows == 1)
  }

  @Test func `two settlements of one id are matched by two rows`() throws {
    var c = Comparison()
    c.settle("a")
    c.settle("a")
    let line = "a,2026-11-30,100,20,\n"
    let (result, found) = try c.run(Self.head + line + line)
    #expect(found.isEmpty && result.duplicates == 0 && result.sums[.matched]?.ours.rows == 2)
  }

  @Test func `days are those of the file, and what crossed midnight is still found`() throws {
    var c = Comparison()
    c.settle("late", hours: -13)  // 23:00 of the day before, in their books after midnight
    c.settle("other", hours: -14)
    c.settle("a")
    c.settle("next", hours: 13)
    let (_, found) = try c.run(Self.head + "late,2026-11-30,100,20,\na,2026-11-30,100,20,\n")
    #expect(found.isEmpty)
  }

  @Test func `without times the days are those where the ids were found`() throws {
    var c = Comparison()
    c.settle("old", hours: -100)
    c.settle("a")
    c.settle("b", hours: 1)
    let (result, found) = try c.run("id,input_tokens\na,100\n")
    #expect(found.map(\.messageID) == ["b"])
    #expect(result.range?.lowerBound == result.range?.upperBound)
  }

  @Test func `rows of other days than those asked for are passed over`() throws {
    var c = Comparison()
    c.options.from = DayNumber(text: "2026-11-30")
    c.options.to = c.options.from
    c.settle("a")
    let (result, found) = try c.run(
      Self.head + "a,2026-11-30,100,20,\nx,2026-11-28,1,1,\ny,2026-12-02,1,1,\n")
    #expect(found.isEmpty && result.outside == 2)
  }

  @Test func `sums of a day and model match under every spelling of the model`() throws {
    var c = Comparison()
    c.settle("a", model: "claude-opus-4-5")
    c.settle("b", model: "claude-opus-4-5-20251101")
    c.settle("c", model: "claude-haiku-5-5")
    let (result, found) = try c.run(
      """
      date,model,input_tokens,output_tokens,cost
      2026-11-30,anthropic/claude-opus-4.5,200,40,0.002
      2026-11-30,claude-haiku-5-5,100,21,0.001

      """)
    #expect(!result.isByID && result.matchedCells == 1)
    #expect(found.map(\.differing) == [[.output]] && found[0].model == "claude-haiku-5-5")
    #expect(result.sums[.matched]?.ours.rows == 2)
  }

  @Test func `without models days are compared as a whole`() throws {
    var c = Comparison()
    c.settle("a", model: "m-1")
    c.settle("b", model: "m-2")
    let (result, found) = try c.run("date,cost\n2026-11-30,0.002\n2026-12-01,3\n")
    #expect(found.map(\.kind) == [.theirsOnly] && result.matchedCells == 1)
  }

  @Test func `days begin where the zone says`() throws {
    var c = Comparison()
    c.options = ReconciliationOptions(zone: try LocalZone(named: "Asia/Tokyo"))
    c.settle("a", hours: 4)  // 16:00 UTC is the first of December there
    let (_, found) = try c.run("date,input_tokens,output_tokens\n2026-12-01,100,20\n")
    #expect(found.isEmpty)
  }

  @Test func `a file of ids is compared by day when that is asked for, if it has days`() throws {
    var c = Comparison()
    c.options.byDay = true
    c.settle("a")
    let (result, found) = try c.run(Self.head + "zzz,2026-11-30,100,20,0.001\n")
    #expect(!result.isByID && found.isEmpty)
    #expect(throws: InvoiceError.self) { try c.run("id,cost\na,1\n") }
  }

  @Test func `the charge is compared when that is asked for`() throws {
    var c = Comparison()
    c.settle("a")
    c.options.cost = .charged
    #expect(try c.run("id,cost\na,0.002\n").1.isEmpty)
    #expect(try c.run("id,cost\na,0.001\n").1.map(\.differing) == [[.cost]])
  }

  @Test func `a request that is known but not settled says where it stands`() throws {
    var c = Comparison()
    c.states = ["R1": .outcomeUnknown, "R2": .open]
    let (_, found) = try c.run("request_id,cost\nR1,1\nR2,1\nR3,1\n")
    #expect(found.map(\.state) == [.outcomeUnknown, .open, nil])
  }

  @Test func `a second row of one request is a repetition, whatever its message id`() throws {
    var c = Comparison()
    c.states = ["R1": .outcomeUnknown]
    let (result, found) = try c.run("request_id,message_id,cost\nR1,a,1\nR1,b,1\n")
    #expect(found.map(\.isDuplicate) == [false, true] && result.duplicates == 1)
  }

  @Test func `more settlements than are held, and more days and models, are refused`() throws {
    var c = Comparison()
    c.settle("a")
    c.settle("b")
    c.options.limits.settlements = 1
    #expect(throws: InvoiceError.self) { try c.run("id,cost\na,1\n") }
    c.options.limits.cells = 1
    #expect(throws: InvoiceError.self) {
      try c.run("date,model,cost\n2026-11-30,m-1,1\n2026-11-30,m-2,1\n")
    }
  }

  @Test func `ids beyond those that are remembered are counted, not looked at`() throws {
    var c = Comparison()
    c.options.limits.foreignIDs = 1
    let (result, found) = try c.run("id,cost\nx,1\ny,1\ny,1\nx,1\n")
    #expect(result.unremembered == 2 && found.map(\.isDuplicate) == [false, false, false, true])
  }

  @Test func `sums beyond 64 bits are refused, not wrapped`() throws {
    let rows = String(repeating: "2026-11-30,m,-1000000000\n", count: 10)
    #expect(throws: InvoiceError.self) { try Comparison().run("date,model,cost\n" + rows) }
  }

  @Test(arguments: 0..<8)
  func `random books agree with a comparison by dictionaries`(seed: UInt64) throws {
    var numbers = SeededRandom(seed: seed)
    var c = Comparison()
    for number in 0..<200 where UInt8.random(in: 0...9, using: &numbers) > 0 {
      c.settle("m\(number)", input: Int64.random(in: 1...3, using: &numbers))
    }
    let ours = Dictionary(
      uniqueKeysWithValues: c.settlements.map {
        ($0.settlement.upstreamMessageID, $0.settlement.usage.input)
      })
    var theirs: [String: Int64] = [:]
    var text = "id,date,input_tokens\n"
    for number in (0..<210).shuffled(using: &numbers)
    where UInt8.random(in: 0...9, using: &numbers) > 0 {
      theirs["m\(number)"] = Int64.random(in: 1...3, using: &numbers)
      text += "m\(number),2026-11-30,\(theirs["m\(number)"] ?? 0)\n"
    }
    let (result, found) = try c.run(text)
    let both = Set(ours.keys).intersection(theirs.keys)
    let equal = both.filter { ours[$0] == theirs[$0] }
    func ids(_ kind: ReconciledClass) -> Set<String> {
      Set(found.filter { $0.kind == kind }.map(\.messageID))
    }
    #expect(result.sums[.matched]?.ours.rows == Int64(equal.count), "seed \(seed)")
    #expect(ids(.differing) == both.subtracting(equal), "seed \(seed)")
    #expect(ids(.oursOnly) == Set(ours.keys).subtracting(both), "seed \(seed)")
    #expect(ids(.theirsOnly) == Set(theirs.keys).subtracting(both), "seed \(seed)")
  }
}
