// Damaged files: the read model is made again from the log; the log itself is cut only where an
// unfinished write explains it, and refused, with place and advice, everywhere else.

import Base
import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.serialized) struct FaultDamageTests {
  /// A ledger with a few settled requests, whose server has ended.
  private func usedBed() async throws -> FaultBed {
    let bed = try await FaultBed(try FaultyUpstream([:]))
    let server = try await bed.serve()
    for _ in 0..<5 { try #require(try await server.ask("good").status == 200) }
    try #require(try await server.process.terminate() == .exited(0))
    return bed
  }
  private func segment(of bed: FaultBed) -> String {
    bed.data + "/segments/00000000000000000001.lz4"
  }

  /// Ways to damage projections.sqlite.
  enum ReadModelDamage: String, CaseIterable, Sendable {
    case gone, empty, noise, cut, changedMoney, changedSequence
  }

  @Test(arguments: ReadModelDamage.allCases)
  func `a damaged read model is made again from the log, and the balance is the same`(
    damage: ReadModelDamage
  ) async throws {
    let bed = try await usedBed()
    let before = try await bed.json("balance", "rich")["balance_usd"]
    let file = bed.data + "/projections.sqlite"
    let size = try #require(try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
    switch damage {
    case .gone: try FileManager.default.removeItem(atPath: file)
    case .empty: truncate(file, 0)
    case .noise: try overwrite(file, at: 0, [UInt8](repeating: 0xA5, count: size))
    case .cut: truncate(file, size / 2)
    case .changedMoney:
      try FaultTool.run(
        "sqlite3", file, "UPDATE balances SET balance_nano_usd = balance_nano_usd + 1")
    case .changedSequence:
      try FaultTool.run("sqlite3", file, "UPDATE checkpoint SET sequence = sequence - 1")
    }
    let server = try await bed.serve()
    try await server.process.complained("made again")
    #expect(try await bed.json("balance", "rich")["balance_usd"] == before)
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
    let again = try await bed.serve()
    #expect(try await again.process.terminate() == .exited(0))
    #expect(!again.process.errors.contains("made again"), "said once: \(again.process.errors)")
  }

  @Test func `a torn last block that nothing acknowledged is cut, kept and told`() async throws {
    let bed = try await usedBed()
    let events = try await bed.events().count
    let blocks = try Block.all(in: segment(of: bed))
    let last = try #require(blocks.last)
    try flip(segment(of: bed), at: last.end - 8)
    // The read model and the signed heads are what proves that an event was acknowledged.
    for name in ["projections.sqlite", "projections.sqlite-wal", "projections.sqlite-shm"]
      + ["checkpoints.log", "checkpoints.tail"]
    { try? FileManager.default.removeItem(atPath: bed.data + "/" + name) }
    let server = try await bed.serve()
    #expect(server.process.errors.contains("bytes of an unfinished write were cut and kept in"))
    let cuts = try await bed.events("tail_cut")
    #expect(cuts.count == 1)
    let kept = try FileManager.default.contentsOfDirectory(atPath: bed.data + "/cut")
    #expect(kept.count == 1)
    #expect(try await bed.events().count >= events - last.count)
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))
    #expect(try await bed.json("verify")["intact"] == .bool(true))
    #expect(try await bed.json("rebuild")["equal"] == .bool(true))
  }

  @Test func `a damaged last block that the read model confirms is refused and left as it is`()
    async throws
  {
    let bed = try await usedBed()
    let last = try #require(try Block.all(in: segment(of: bed)).last)
    try flip(segment(of: bed), at: last.end - 8)
    try await expectDamage(bed, at: last)
  }

  @Test func `a damaged middle block is refused, and cat shows what stands before it`()
    async throws
  {
    let bed = try await usedBed()
    let blocks = try Block.all(in: segment(of: bed))
    let middle = blocks[blocks.count / 2]
    try flip(segment(of: bed), at: middle.end - 8)
    // Without the read model too: a valid block behind it proves that it was whole once.
    try await expectDamage(bed, at: middle)
    try FileManager.default.removeItem(atPath: bed.data + "/projections.sqlite")
    try await expectDamage(bed, at: middle)
  }

  @Test func `damage under a running server is found by verify`() async throws {
    let bed = try await usedBed()
    let server = try await bed.serve()
    let middle = try Block.all(in: segment(of: bed))[2]
    try flip(segment(of: bed), at: middle.end - 8)
    let verify = try await bed.run("verify")
    #expect(verify.end == .exited(3) && verify.errors.contains("sequence \(middle.first)"))
    #expect(try await server.process.terminate() == .exited(0))
  }

  /// serve, verify and cat end with 3, name the place and say what to do; the log is not touched.
  private func expectDamage(_ bed: FaultBed, at block: Block) async throws {
    let content = try Data(contentsOf: URL(fileURLWithPath: segment(of: bed)))
    let place =
      "segment 00000000000000000001.lz4, offset \(block.offset), sequence \(block.first)"
    for words in [["serve", "--config", bed.configurationPath], ["verify"], ["cat"], ["status"]] {
      let (end, output, errors) = try await ServerProcess.run(
        ["--data", bed.data] + words, environment: FaultBed.environment)
      #expect(end == .exited(3), "\(words): \(errors)")
      #expect(errors.contains(place) && errors.contains("repair"), "\(place), \(words): \(errors)")
      #expect(errors.filter { $0 == "\n" }.count == 1, "\(words): \(errors)")
      guard words == ["cat"] else { continue }
      let lines = output.split(separator: "\n")
      #expect(lines.count == block.first - 1, "everything before the damage is shown")
      #expect(try lines.last.map { try JSONParser().parse(String($0))["sequence"] } != nil)
    }
    let found = try await bed.run("verify", "--json")
    let damage = try JSONParser().parse(found.output)["damages"]?.array?.first
    #expect(damage?["offset"]?.integer == Int64(block.offset))
    #expect(damage?["sequence"]?.integer == Int64(block.first))
    let after = try Data(contentsOf: URL(fileURLWithPath: segment(of: bed)))
    #expect(after == content, "a damaged log is left as it is")
  }
}

/// A block of an open segment, by the header that spec/ledger.md describes.
private struct Block {
  let offset: Int
  /// Behind the last byte that is not padding.
  let end: Int
  let first: Int
  let count: Int

  static func all(in path: String) throws -> [Block] {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    func number(_ at: Int, _ size: Int) -> Int {
      (0..<size).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }
    var blocks: [Block] = []
    var offset = 0
    while offset + 104 <= bytes.count, number(offset, 4) == 0x184D_2A5D {
      // Header, padding, and the LZ4 frame, which ends the block.
      let length = 8 + number(offset + 4, 4) + number(offset + 76, 4)
      blocks.append(
        Block(
          offset: offset, end: offset + length, first: number(offset + 40, 8),
          count: number(offset + 48, 4)))
      offset += length
    }
    return blocks
  }
}

private func overwrite(_ path: String, at offset: Int, _ bytes: [UInt8]) throws {
  let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
  try file.seek(toOffset: UInt64(offset))
  try file.write(contentsOf: bytes)
  try file.close()
}
/// Inverts one byte.
private func flip(_ path: String, at offset: Int) throws {
  let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  try overwrite(path, at: offset, [bytes[offset] ^ 0xFF])
}
