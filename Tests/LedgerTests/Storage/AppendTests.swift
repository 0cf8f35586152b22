// Appending: what is acknowledged is there, however many append at once.
import Base
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite struct AppendTests {
  let directory = TemporaryDirectory()

  @Test func `what was acknowledged is read back after a close`() throws {
    let fixture = try LedgerFixture(RealFileSystem(), at: directory.path)
    try fixture.start()
    for _ in 1...100 { try fixture.appendDurably() }
    try fixture.ledger.close()

    let files = try LedgerFiles.open(RealFileSystem(), at: directory.path)
    #expect(try LedgerFixture.readAll(files) == SequenceNumber(100))
  }

  @Test func `64 appenders at once are all acknowledged, and all is readable`() throws {
    let fixture = try LedgerFixture(RealFileSystem(), at: directory.path)
    try fixture.start()
    let acknowledged = Mutex<Set<UInt64>>([])
    let threads = try (0..<64).map { index in
      try SystemThread.start(name: "appender \(index)") {
        for _ in 1...50 {
          guard let sequence = fixture.append(),
            (try? fixture.ledger.durability.waitUntilDurable(sequence)) != nil
          else { return }
          acknowledged.withLock { _ = $0.insert(sequence.value) }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(acknowledged.withLock { $0 } == Set(1...3200))
    #expect(try LedgerFixture.readAll(fixture.ledger.files) == SequenceNumber(3200))
    try fixture.ledger.close()
  }

  @Test func `a batch above the raw limit of a block becomes several blocks`() throws {
    let fixture = try LedgerFixture(RealFileSystem(), at: directory.path)
    for _ in 1...60 { fixture.append(size: 60_000) }
    try fixture.start()
    try fixture.ledger.durability.waitUntilDurable(SequenceNumber(60))
    #expect(fixture.ledger.statistics.blocks == 4)
    #expect(try LedgerFixture.readAll(fixture.ledger.files) == SequenceNumber(60))
    try fixture.ledger.close()
  }

  @Test func `a full batch refuses ordinary events and still takes settlements`() throws {
    let fixture = try LedgerFixture(RealFileSystem(), at: directory.path)
    while fixture.append(size: 65_535) != nil {}
    let settlement = fixture.batch.withLock { batch in
      batch.append(
        record: LedgerFixture.record(batch.next, size: 100).span, reserve: .settlement)
    }
    #expect(settlement != .full)
    #expect(
      fixture.batch.withLock { $0.bytes.count } <= PendingBatch.greatestBytes - (2 << 20) + 100)
  }
}
