// What the ledger says after a load: every answer of the upstream's record settled once, whole, at
// its price, and no hold left open.
import Base
import Ledger
import Projections

struct LedgerAudit {
  private(set) var settlements = 0
  private(set) var charged = NanoUSD.zero
  /// What is wrong, the first few cases.
  private(set) var problems: [String] = []

  /// Compares the settlements of streams in a ledger that nobody serves with the record of a
  /// sandbox.
  /// - Parameter record: path of the sandbox's record.
  init(ledger directory: String, record: String) throws {
    var expected = try Self.charges(in: record)
    let reading = try LedgerReading(directory: directory)
    var reader = LedgerReader(reading.files, from: .first)
    while var batch = try reader.next() {
      while let record = batch.next() {
        guard record.type == RecordType.forwardSettled.rawValue else { continue }
        let settled = ForwardSettled(record).settlement
        // The generated history before the load has messages of its own.
        guard let charge = expected.removeValue(forKey: settled.upstreamMessageID) else { continue }
        settlements += 1
        charged += settled.charged
        if settled.isPartial || settled.charged != charge {
          let (id, amount) = (settled.upstreamMessageID, settled.charged.value)
          note("\(id) charged \(amount), not \(charge.value) nano-USD")
        }
      }
    }
    for id in expected.keys { note("\(id) is not settled") }
    let (open, held) = reading.withBooks { ($0.openRequests.openCount, $0.openRequests.held) }
    if open != 0 || held != .zero {
      note("\(open) requests are open, \(held.value) nano-USD held")
    }
  }

  private mutating func note(_ problem: String) {
    if problems.count < 5 { problems.append(problem) }
  }

  /// What each whole answer of a record costs in a group without a multiplier, by message.
  private static func charges(in path: String) throws -> [String: NanoUSD] {
    var charges: [String: NanoUSD] = [:]
    let lines = try RealFileSystem().readFile(path).split(separator: UInt8(ascii: "\n"))
    for line in lines {
      let answer = try JSONParser().parse(Array(line))
      guard answer["complete"]?.bool == true, let id = answer["message_id"]?.string,
        let model = answer["model"]?.string, let usage = answer["usage"],
        let price = PriceBook.builtIn.match(model)?.model
      else { throw BenchmarkError("the record holds an answer that is not whole") }
      func count(_ value: JSONValue?) -> Int64 { value?.integer ?? 0 }
      var tokens = TokenUsage()
      tokens.input = count(usage["input_tokens"])
      tokens.output = count(usage["output_tokens"])
      tokens.cacheRead = count(usage["cache_read_input_tokens"])
      tokens.cacheWrite5m = count(usage["cache_creation"]?["ephemeral_5m_input_tokens"])
      tokens.cacheWrite1h = count(usage["cache_creation"]?["ephemeral_1h_input_tokens"])
      charges[id] = try Rating.rate(tokens, at: price).list
    }
    return charges
  }
}
