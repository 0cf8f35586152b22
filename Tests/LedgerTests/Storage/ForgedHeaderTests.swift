// Blocks whose header is whole but says something else than the log needs: what only somebody, or a
// mixed-up disk, can have put there. Each comparison is tried by itself.
import Base
import TestSupport
import Testing

@testable import Ledger

@Suite struct ForgedHeaderTests {
  /// A closed log of four blocks in two epochs, its path, and where its blocks begin.
  private static func log() throws -> (disk: SimulatedFileSystem, path: String, blocks: [Int]) {
    let disk = try LedgerFixture.simulatedLog(blocks: [3, 3])
    let fixture = try LedgerFixture(disk, at: "data")
    try fixture.start()
    try fixture.appendDurably()
    try fixture.appendDurably()
    try fixture.ledger.close()
    let name = try #require(try disk.list("data/segments").first { $0.hasSuffix(".lz4") })
    let path = "data/segments/" + name
    let bytes = try #require(disk.content(path))
    let logID = try #require(try LedgerDirectory(disk, at: "data").readIdentity()).logID
    let blocks = stride(from: 0, to: bytes.count, by: BlockHeader.alignment).filter {
      let end = min($0 + BlockHeader.alignment, bytes.count)
      return (try? BlockHeader(bytes.span.extracting($0..<end), of: logID)) != nil
    }
    return (disk, path, blocks)
  }

  /// Rewrites the header of a block, its own checksum included.
  private static func forge(
    _ log: (disk: SimulatedFileSystem, path: String, blocks: [Int]), _ block: Int,
    _ change: (inout BlockHeader) -> Void
  ) throws {
    let logID = try #require(try LedgerDirectory(log.disk, at: "data").readIdentity()).logID
    let offset = log.blocks[block]
    let bytes = try #require(log.disk.content(log.path))
    var header = try BlockHeader(
      bytes.span.extracting(offset..<offset + BlockHeader.alignment), of: logID)
    change(&header)
    let forged = header
    log.disk.tamper(log.path) { forged.encode(into: &$0, at: offset) }
  }

  /// Says what `verify` and a thorough reader make of it.
  private static func expectFound(
    _ log: (disk: SimulatedFileSystem, path: String, blocks: [Int]), _ what: String
  ) throws {
    let damages = try Verification.run(log.disk, at: "data").damages
    #expect(damages.first?.what.contains(what) == true, "\(damages)")
    #expect(throws: LedgerError.self) {
      try LedgerFixture.readAll(try LedgerFiles.open(log.disk, at: "data"))
    }
  }

  @Test func `untouched it is whole`() throws {
    let log = try Self.log()
    #expect(log.blocks.count == 4)
    #expect(try Verification.run(log.disk, at: "data").damages == [])
  }

  @Test func `a block that does not continue the chain is found`() throws {
    let log = try Self.log()
    try Self.forge(log, 1) { $0.chain ^= 1 }
    try Self.expectFound(log, "does not continue the chain")
  }

  @Test(arguments: [-1, 1, 2]) func `a block with another sequence is found`(by: Int) throws {
    let log = try Self.log()
    try Self.forge(log, 1) { $0.first = SequenceNumber(UInt64(Int($0.first.value) + by)) }
    try Self.expectFound(log, "begins with sequence")
  }

  @Test func `a segment that does not continue the chain of the one before is found`() throws {
    let disk = try LedgerFixture.simulatedLog(blocks: [3, 3, 3], segmentBytes: 8 << 10)
    let names = try disk.list("data/segments").filter { $0.hasSuffix(".lz4") }.sorted()
    #expect(names.count == 2)
    let log = (disk: disk, path: "data/segments/" + names[1], blocks: [0])
    for (what, change) in [
      ("chain", { $0.chain ^= 1 }), ("epoch", { $0.epoch = 0 }), ("time", { $0.leastTime = 0 }),
    ] as [(String, (inout BlockHeader) -> Void)] {
      let copy = (disk: disk.crash(seed: 0), path: log.path, blocks: log.blocks)
      try Self.forge(copy, 0, change)
      try Self.expectFound(copy, what)
    }
  }

  @Test func `a block of an earlier epoch is found`() throws {
    let log = try Self.log()
    try Self.forge(log, 3) { $0.epoch = 1 }
    try Self.expectFound(log, "epoch")
  }

  @Test func `records other than their checksum says are found`() throws {
    let log = try Self.log()
    try Self.forge(log, 3) { $0.rawChecksum ^= 1 }
    #expect(
      try Verification.run(log.disk, at: "data").damages.first?.what.contains("record bytes")
        == true)
  }

  @Test func `a block whose time goes back is found`() throws {
    let log = try Self.log()
    try Self.forge(log, 2) { $0.leastTime = 0 }
    try Self.expectFound(log, "time")
  }

  @Test func `a count other than the records is found`() throws {
    let log = try Self.log()
    try Self.forge(log, 3) { $0.count += 1 }
    try Self.expectFound(log, "whole records")
  }
}
