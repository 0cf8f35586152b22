// Two events of one decision stand in one block, wherever a block ends: a crash keeps both or none.
import Base
import Testing

@testable import Ledger

@Suite struct JointTests {
  private func encoded(_ payload: some RecordPayload) throws -> [UInt8] {
    var writer = RecordWriter()
    _ = try writer.append(payload, time: Timestamp(seconds: 1))
    return writer.bytes
  }

  /// Blocks of a batch, as ranges of record counts.
  private func blocks(of batch: PendingBatch) -> [PendingBatch.Part] {
    var parts: [PendingBatch.Part] = []
    while parts.last?.range.upperBound ?? 0 < batch.bytes.count {
      parts.append(batch.part(from: parts.last?.range.upperBound ?? 0))
    }
    return parts
  }

  @Test func `a block never ends before an event that joins the one before it`() throws {
    let user = try encoded(UserAdded())
    var answered = CommandAnswered()
    answered.answer = String(repeating: "a", count: 300)
    let answer = try encoded(answered)
    let pair = user.count + answer.count
    var filler = SettingsDeclared()
    // Fillers of every length up to a pair move the end of the block through the pair.
    for length in stride(from: 0, through: pair, by: 13) {
      filler.settings = String(repeating: "s", count: 1000 + length)
      let fill = try encoded(filler)
      var batch = PendingBatch(after: .none, lastTime: Timestamp(seconds: 0))
      var starts: [Int] = []
      func add(_ record: [UInt8], joins: Bool = false) {
        if joins { starts.append(batch.bytes.count) }
        let done = batch.append(
          record: record.span, reserve: .ordinary, joinsEventBefore: joins)
        #expect(done != .full)
      }
      add(fill)
      while batch.bytes.count < BlockHeader.greatestRawBytes + 4096 {
        add(user)
        add(answer, joins: true)
      }
      let parts = blocks(of: batch)
      #expect(parts.count == 2)
      #expect(parts.reduce(0) { $0 + $1.count } == starts.count * 2 + 1)
      #expect(parts.allSatisfy { $0.range.count <= BlockHeader.greatestRawBytes })
      let ends = Set(parts.map(\.range.upperBound))
      #expect(starts.allSatisfy { !ends.contains($0) }, "filler of \(length) more bytes")
    }
  }

  @Test func `a batch forgets its joints when it is handed over`() throws {
    var batch = PendingBatch(after: .none, lastTime: Timestamp(seconds: 0))
    var other = batch
    let record = try encoded(SettingsDeclared())
    let end = BlockHeader.greatestRawBytes / record.count * record.count
    func fill(joins: Bool) {
      while batch.bytes.count < end {
        _ = batch.append(record: record.span, reserve: .ordinary)
      }
      _ = batch.append(record: record.span, reserve: .ordinary, joinsEventBefore: joins)
    }
    fill(joins: true)
    #expect(batch.part(from: 0).range.upperBound == end - record.count)
    // The second handing over gives the first buffer back, empty.
    batch.exchange(with: &other)
    batch.exchange(with: &other)
    #expect(batch.isEmpty)
    fill(joins: false)
    #expect(batch.part(from: 0).range.upperBound == end)
  }
}
