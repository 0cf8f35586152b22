// What an open makes of a log's end: cut what a crash can have torn, refuse everything else.
import Base
import Ledger
import TestSupport
import Testing

private let segment = "data/segments/00000000000000000001.lz4"

@Suite struct RecoveryTests {
  /// Opens, reads everything, closes.
  private func reopen(
    _ files: SimulatedFileSystem, confirmed: SequenceNumber = .none
  ) throws -> Recovery {
    var options = LedgerOptions()
    options.segmentBytes = 64 << 10
    options.confirmed = confirmed
    let ledger = try Ledger.open(files, at: "data", options: options)
    #expect(try LedgerFixture.readAll(ledger.files) == ledger.recovery.last)
    try ledger.close()
    return ledger.recovery
  }

  private func damage(_ body: () throws -> Void) -> Damage? {
    do {
      try body()
      return nil
    } catch LedgerError.damaged(let damage) {
      return damage
    } catch {
      Issue.record(error)
      return nil
    }
  }

  @Test func `a block torn at any byte is cut and earlier events survive`() throws {
    let image = try LedgerFixture.simulatedLog(blocks: [1, 2, 3])
    let start = 8192
    for kept in 0..<4096 {
      let files = image.crash(seed: 0)
      files.tamper(segment) { bytes in
        let range = start + kept..<bytes.count
        bytes.replaceSubrange(range, with: repeatElement(0, count: range.count))
      }
      let isWhole = files.content(segment) == image.content(segment)
      let last = SequenceNumber(isWhole ? 6 : 3)
      try #require(try LedgerFiles.open(files, at: "data").durable == last, "kept \(kept) bytes")
      guard kept.isMultiple(of: 97) || kept > 4085 else { continue }
      let recovery = try reopen(files)
      try #require(recovery.last == last, "kept \(kept) bytes")
      try #require((recovery.cut != nil) == (!isWhole && kept > 0), "kept \(kept) bytes")
    }
  }

  @Test func `a file that ends inside its last block is cut there`() throws {
    let image = try LedgerFixture.simulatedLog(blocks: [1, 2, 3])
    for size in stride(from: 8193, to: 12_288, by: 61) {
      let files = image.crash(seed: 0)
      files.tamper(segment) { $0.removeLast($0.count - size) }
      try #require(try reopen(files).last == SequenceNumber(3), "\(size) bytes left")
    }
  }

  @Test func `cut bytes are kept, and zero in the segment`() throws {
    let files = try LedgerFixture.simulatedLog(blocks: [1, 2, 3])
    files.tamper(segment) { $0[12_000] ^= 1 }
    let torn = Array(try #require(files.content(segment))[8192...])
    let cut = try #require(try reopen(files).cut)
    #expect(cut.offset == 8192)
    #expect(files.content(cut.copy).map { Array($0) } == torn)
    #expect(try #require(files.content(segment)).count == 8192)
    #expect(try Verification.run(files, at: "data").damages == [])
  }

  @Test func `a damaged block with a later one behind it is refused, not cut`() throws {
    let files = try LedgerFixture.simulatedLog(blocks: [1, 2, 3])
    files.tamper(segment) { $0[8000] ^= 1 }
    let before = files.content(segment)
    let found = damage { _ = try reopen(files) }
    #expect(found?.sequence == SequenceNumber(2))
    #expect(files.content(segment) == before)
  }

  @Test func `a tail that was acknowledged is refused, not cut`() throws {
    let files = try LedgerFixture.simulatedLog(blocks: [1, 2, 3])
    files.tamper(segment) { $0[12_000] ^= 1 }
    #expect(damage { _ = try reopen(files, confirmed: SequenceNumber(4)) } != nil)
    #expect(damage { _ = try reopen(files, confirmed: SequenceNumber(3)) } == nil)
  }

  @Test func `a log that ends before what was acknowledged is refused`() throws {
    let files = try LedgerFixture.simulatedLog(blocks: [1, 2, 3])
    #expect(damage { _ = try reopen(files, confirmed: SequenceNumber(7)) } != nil)
  }

  @Test func `a valid block that does not continue the chain is refused`() throws {
    let one = try LedgerFixture.simulatedLog(blocks: [1, 2, 3])
    // The same log, its second block taken from a run with other records of the same sequences.
    let chained = try #require(one.content(segment))
    one.tamper(segment) { bytes in
      bytes.replaceSubrange(8192..<12_288, with: chained[4096..<8192])
      bytes.replaceSubrange(4096..<8192, with: chained[8192..<12_288])
    }
    #expect(damage { _ = try reopen(one) } != nil)
  }

  @Test func `a block of another log is no block`() throws {
    let mine = try LedgerFixture.simulatedLog(blocks: [1])
    let other = try LedgerFixture.simulatedLog(blocks: [1, 1])
    let foreign = try #require(other.content(segment))[4096..<8192]
    mine.tamper(segment) { $0.append(contentsOf: foreign) }
    let recovery = try reopen(mine)
    #expect(recovery.last == SequenceNumber(1))
    #expect(recovery.cut != nil)
  }

  @Test func `a missing segment in the middle is refused`() throws {
    let files = try LedgerFixture.simulatedLog(
      blocks: Array(repeating: 1, count: 9), segmentBytes: 12_288)
    try files.remove("data/segments/00000000000000000004.lz4")
    #expect(damage { _ = try reopen(files) } != nil)
  }

  @Test func `the epoch never decreases, even with an old ledger json`() throws {
    let files = try LedgerFixture.simulatedLog(blocks: [1])
    let old = try #require(files.content("data/ledger.json"))
    for _ in 1...3 {
      let fixture = try LedgerFixture(files, at: "data")
      try fixture.start()
      try fixture.appendDurably()
      try fixture.ledger.close()
    }
    files.tamper("data/ledger.json") { $0 = old }
    let ledger = try Ledger.open(files, at: "data")
    #expect(ledger.files.identity.epoch == 5)
    try ledger.close()
  }

  @Test func `segments without ledger json are refused`() throws {
    let files = try LedgerFixture.simulatedLog(blocks: [1])
    try files.remove("data/ledger.json")
    #expect(throws: LedgerError.self) { _ = try Ledger.open(files, at: "data") }
  }

  @Test func `a second writer is refused and told the first one's pid`() throws {
    let directory = TemporaryDirectory()
    let first = try Ledger.open(RealFileSystem(), at: directory.path)
    #expect(throws: LedgerError.locked(path: directory.path, holder: processID())) {
      _ = try Ledger.open(RealFileSystem(), at: directory.path)
    }
    try first.close()
    try Ledger.open(RealFileSystem(), at: directory.path).close()
  }

  @Test func `reading without a server changes nothing and shows no torn tail`() throws {
    let files = try LedgerFixture.simulatedLog(blocks: [1, 2, 3])
    files.tamper(segment) { $0[12_000] ^= 1 }
    let before = files.content(segment)
    let reading = try LedgerFiles.open(files, at: "data")
    #expect(try LedgerFixture.readAll(reading) == SequenceNumber(3))
    #expect(files.content(segment) == before)
  }
}
