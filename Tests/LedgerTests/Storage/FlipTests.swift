// A flipped bit at every byte of a small log: `verify` finds every one and says where; `open` finds
// every one in the blocks of the open segment. Positions are sampled; `make soak` takes them all.
import Base
import TestSupport
import Testing

@testable import Ledger

@Suite struct FlipTests {
  private static let step = LongTests.areWanted ? 1 : 7

  /// Sealed segments and an open one, every event covered by a signed head.
  private static func log() throws -> SimulatedFileSystem {
    let disk = SimulatedFileSystem(capacity: 8 << 20)
    var options = LedgerOptions()
    options.segmentBytes = 16 << 10
    let fixture = try LedgerFixture(disk, at: "data", options: options)
    try fixture.start()
    for _ in 0..<9 {
      for _ in 0..<2 { fixture.append(size: 300) }
      try fixture.appendDurably(size: 700)
    }
    while try fixture.ledger.sealIfNeeded(counting: { _, _ in }) != .nothingToDo {}
    let builder = TreeBuilder(fixture.ledger.files)
    while builder.step(signsNow: true) {}
    try fixture.ledger.close()
    return disk
  }

  private static func segments(_ disk: SimulatedFileSystem) throws -> [String] {
    try disk.list("data/segments").filter { $0.hasSuffix(".lz4") }.sorted()
  }

  @Test func `verify finds a flipped bit at every byte of every segment and names the place`()
    throws
  {
    let disk = try Self.log()
    let names = try Self.segments(disk)
    #expect(names.count > 2)
    #expect(try Verification.run(disk, at: "data").damages == [])
    var tried = 0
    for name in names {
      let path = "data/segments/" + name
      let size = try #require(disk.content(path)).count
      for place in stride(from: 0, to: size, by: Self.step) {
        let bit = UInt8(1) << UInt8(place % 8)
        disk.tamper(path) { $0[place] ^= bit }
        let damages = try Verification.run(disk, at: "data").damages
        disk.tamper(path) { $0[place] ^= bit }
        let first = try #require(damages.first, "\(name) at \(place)")
        tried += 1
        try #require(first.segment == name, "\(name) at \(place): \(first)")
        try #require(first.offset <= place, "\(name) at \(place): \(first)")
        try #require(first.sequence >= .first && first.sequence.value <= 28, "\(first)")
      }
    }
    #expect(tried > 1000)
    #expect(try Verification.run(disk, at: "data").damages == [])
  }

  @Test func `open finds a flipped bit at every byte of the open segment's blocks`() throws {
    let disk = try Self.log()
    let name = try #require(try Self.segments(disk).last)
    let path = "data/segments/" + name
    let size = try #require(disk.content(path)).count
    let confirmed = try TreeBuilder.confirmed(in: LedgerDirectory(disk, at: "data"))
    #expect(confirmed.value == 27)
    for place in stride(from: 0, to: size, by: Self.step) {
      let damaged = disk.crash(seed: 0)
      damaged.tamper(path) { $0[place] ^= 1 << UInt8(place % 8) }
      var options = LedgerOptions()
      options.confirmed = confirmed
      let error = #expect(throws: LedgerError.self, "\(name) at \(place)") {
        _ = try Ledger.open(damaged, at: "data", options: options)
      }
      guard case .damaged(let damage)? = error else {
        Issue.record("\(name) at \(place): \(String(describing: error))")
        continue
      }
      try #require(damage.segment == name && damage.offset <= place, "\(place): \(damage)")
      let block = place / BlockHeader.alignment * BlockHeader.alignment
      try #require(damage.offset >= block - 3 * BlockHeader.alignment, "\(place): \(damage)")
    }
  }
}
