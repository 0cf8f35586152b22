// Reading ahead on a thread of its own gives what LedgerReader gives: the same records in the same
// order, the same errors at the same place, from and to any sequence.
import Base
import Ledger
import TestSupport
import Testing

/// Reads ahead, giving chunks back as a fold does.
/// - Returns: the sequences read, and what ended it.
private func readAhead(
  _ files: LedgerFiles, from start: SequenceNumber, through last: SequenceNumber
) throws -> (sequences: [UInt64], failure: LedgerError?) {
  let reading = try ReadAhead(files, from: start, through: last)
  defer { reading.stop() }
  var sequences: [UInt64] = []
  var chunk: RecordChunk?
  do throws(LedgerError) {
    while true {
      let used = chunk
      chunk = try reading.next(returning: used)
      guard let records = chunk else { return (sequences, nil) }
      var batch = records.batch
      while let record = batch.next() {
        sequences.append(batch.sequence.value)
        if record.u64(16) != batch.sequence.value { return (sequences + [0], nil) }
      }
    }
  } catch { return (sequences, error) }
}

@Test func `reading ahead gives every record once and in order, whatever the blocks' sizes`() throws
{
  let counts = [1, 300, 2, 1, 900, 5, 5, 5, 400, 1]
  let files = try LedgerFiles.open(LedgerFixture.simulatedLog(blocks: counts), at: "data")
  let total = UInt64(counts.reduce(0, +))
  let read = try readAhead(files, from: .first, through: files.durable)
  #expect(read.failure == nil)
  #expect(read.sequences == Array(1...total))
}

@Test(arguments: [1, 2, 301, 302, 1000, 1210] as [UInt64])
func `reading ahead begins in the midst of a block`(start: UInt64) throws {
  let counts = [1, 300, 2, 1, 900, 5, 1]
  let files = try LedgerFiles.open(LedgerFixture.simulatedLog(blocks: counts), at: "data")
  let read = try readAhead(files, from: SequenceNumber(start), through: files.durable)
  #expect(read.failure == nil)
  #expect(read.sequences == Array(start...1210))
}

@Test func `reading ahead goes no further than the block that holds the last record wanted`() throws
{
  let files = try LedgerFiles.open(
    LedgerFixture.simulatedLog(blocks: [10, 10, 10, 10]), at: "data")
  let read = try readAhead(files, from: .first, through: SequenceNumber(15))
  #expect(read.sequences == Array(1...20))
}

@Test func `what stands before a damaged block is read ahead before the damage is told`() throws {
  let disk = try LedgerFixture.simulatedLog(blocks: [10, 10, 10, 10])
  let files = try LedgerFiles.open(disk, at: "data")
  let path = "data/segments/00000000000000000001.lz4"
  var bytes = try disk.readFile(path)
  bytes[2 * 4096 + 4000] ^= 1
  try disk.open(path, .write).writeFully(bytes.span, at: 0)
  let read = try readAhead(files, from: .first, through: files.durable)
  #expect(read.sequences == Array(1...20))
  guard case .damaged(let damage)? = read.failure else {
    Issue.record("no damage was told: \(String(describing: read.failure))")
    return
  }
  #expect(damage.sequence == SequenceNumber(21))
}

@Test func `a fold that stops early ends the reading thread`() throws {
  let counts = [Int](repeating: 700, count: 40)
  let files = try LedgerFiles.open(
    LedgerFixture.simulatedLog(blocks: counts, segmentBytes: 1 << 20, capacity: 16 << 20),
    at: "data")
  let reading = try ReadAhead(files, from: .first, through: files.durable)
  let chunk = try #require(try reading.next(returning: nil))
  #expect(chunk.batch.first == .first)
  reading.stop()
}
