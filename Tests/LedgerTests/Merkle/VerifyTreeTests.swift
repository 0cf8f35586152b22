// `verify` hashes the log anew: its root is the tree's, whatever the segments, and a signed head
// that is not of these events is damage.
import Base
import TestSupport
import Testing

@testable import Ledger

@Suite struct VerifyTreeTests {
  @Test func `runs of leaves joined in any pieces give the tree's root`() {
    var random = SystemRandomNumberGenerator()
    let leaves = (0..<700).map { TreeHash.leaf(Array("\($0)".utf8).span) }
    for _ in 0..<40 {
      let count = Int.random(in: 0...700, using: &random)
      var whole = SubtreeRun(from: 0)
      var edge = TreeEdge()
      var start = 0
      while start < count {
        let end = min(count, start + Int.random(in: 1...300, using: &random))
        var part = SubtreeRun(from: UInt64(start))
        for leaf in leaves[start..<end] {
          part.append(leaf)
          edge.append(leaf) { _, _ in }
        }
        whole.append(part)
        start = end
      }
      #expect(whole.root == edge.root, "\(count) leaves")
    }
  }

  private static func log() throws -> (SimulatedFileSystem, TreeBuilder) {
    let disk = try LedgerFixture.simulatedLog(
      blocks: [Int](repeating: 40, count: 12), segmentBytes: 16 << 10)
    let builder = TreeBuilder(try LedgerFiles.open(disk, at: "data"))
    while builder.step(signsNow: true) {}
    return (disk, builder)
  }

  @Test func `the root of several segments is the signed one`() throws {
    let (disk, builder) = try Self.log()
    let found = try Verification.run(disk, at: "data")
    #expect(found.damages == [] && found.segments > 2)
    #expect(found.root == builder.tree.edge.root && found.heads == 1)
  }

  @Test func `a head of other events, or of more, is damage`() throws {
    let (disk, builder) = try Self.log()
    let head = try #require(builder.status.head)
    let signer = try NoteSigner(
      text: String(decoding: try #require(disk.content("data/signing.key")), as: UTF8.self))
    func damages(_ size: UInt64, _ root: TreeHash) throws -> [Damage] {
      let disk = disk.crash(seed: 0)
      try disk.remove("data/checkpoints.log")
      try disk.remove("data/checkpoints.tail")
      var log = try CheckpointLog(LedgerDirectory(disk, at: "data"))
      let other = TreeHead(origin: head.head.origin, size: size, root: root)
      try log.append(SignedHead(other, signer: signer))
      return try Verification.run(disk, at: "data").damages
    }
    #expect(try damages(100, .emptyRoot).first?.sequence.value == 100)
    #expect(try damages(head.head.size + 1, head.head.root).count == 1)
    #expect(try damages(head.head.size, head.head.root) == [])
  }

  @Test func `a head kept elsewhere must be one of this log`() throws {
    let (disk, builder) = try Self.log()
    var reader = builder.tree.reader
    var request = VerificationRequest()
    request.published = TreeHead(origin: "x", size: 77, root: try reader.root(of: 77))
    #expect(try Verification.run(disk, at: "data", request).damages == [])
    request.published = TreeHead(origin: "x", size: 78, root: try reader.root(of: 77))
    #expect(try Verification.run(disk, at: "data", request).damages.count == 1)
  }
}
