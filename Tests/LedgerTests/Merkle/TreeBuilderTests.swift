// The tree behind a log: heads follow durability, damage of tiles is healed, a log that does not
// extend what was signed is not signed, and crashes lose no head.
import Base
import TestSupport
import Testing

@testable import Ledger

@Suite struct TreeBuilderTests {
  private static func build(_ files: LedgerFiles) -> TreeBuilder {
    let builder = TreeBuilder(files)
    while builder.step(signsNow: true) {}
    return builder
  }

  /// A closed log of so many records on a simulated disk.
  private static func log(_ count: Int) throws -> SimulatedFileSystem {
    let rest = count % 100
    return try LedgerFixture.simulatedLog(
      blocks: [Int](repeating: 100, count: count / 100) + (rest > 0 ? [rest] : []))
  }

  private static func root(_ files: LedgerFiles, _ size: UInt64) throws -> TreeHash {
    var edge = TreeEdge()
    for leaf in try LogTree.leaves(in: files, 0..<size) { edge.append(leaf) { _, _ in } }
    return edge.root
  }

  @Test func `a head covers what is durable and verifies with the served key`() throws {
    let disk = try Self.log(700)
    let files = try LedgerFiles.open(disk, at: "data")
    let status = Self.build(files).status
    #expect(status.problem == nil && status.size == 700)
    let (head, verifier) = (try #require(status.head), try #require(status.verifier))
    #expect(head.head.size == 700)
    #expect(try head.head.root == Self.root(files, 700))
    #expect(try TreeHead(note: head.note, by: NoteVerifier(vkey: verifier.vkey)) == head.head)
    #expect(try TreeBuilder.confirmed(in: files.directory).value == 700)
    #expect(try TreeBuilder.lastHead(in: files.directory) == head)
  }

  @Test func `a log that went on gets a head that extends the one before`() throws {
    let disk = try Self.log(300)
    disk.capacity = 64 << 20
    let first = try #require(Self.build(try LedgerFiles.open(disk, at: "data")).status.head)
    let fixture = try LedgerFixture(disk, at: "data")
    try fixture.start()
    for _ in 0..<290 { try fixture.appendDurably() }
    let builder = Self.build(fixture.ledger.files)
    let second = try #require(builder.status.head)
    #expect(second.head.size == 590)
    var reader = builder.tree.reader
    let proof = try reader.consistency(from: 300, to: 590)
    #expect(
      MerkleProof.isConsistent(
        from: 300, first.head.root, to: 590, second.head.root, path: proof))
    try fixture.ledger.close()
  }

  @Test func `nothing is signed twice, and nothing while nothing is new`() throws {
    let disk = try Self.log(10)
    let files = try LedgerFiles.open(disk, at: "data")
    let builder = Self.build(files)
    let before = disk.content("data/checkpoints.log")
    builder.step(signsNow: true)
    _ = Self.build(files)
    #expect(disk.content("data/checkpoints.log") == before)
  }

  @Test func `tiles that were lost or changed are made again from the log`() throws {
    let disk = try Self.log(1100)
    let files = try LedgerFiles.open(disk, at: "data")
    let builder = Self.build(files)
    let tile = TileCoordinates(level: 0, index: 2)
    let hashes = try builder.tree.hashes(of: tile)
    disk.tamper("data/tiles/0/002") { $0[77] ^= 4 }
    #expect(try builder.tree.hashes(of: tile) == hashes)
    disk.tamper("data/tiles/0/002") { $0.removeLast(5) }
    #expect(try builder.tree.hashes(of: tile) == hashes)
    try disk.remove("data/tiles/0/002")
    #expect(try builder.tree.hashes(of: tile) == hashes)
    #expect(disk.content("data/tiles/0/002")?.count == 8192, "it was written again")
    // With a tile changed the tree is not the signed one: it is hashed anew from the log.
    disk.tamper("data/tiles/0/001") { $0[0] ^= 1 }
    let again = Self.build(files)
    #expect(again.status.problem == nil && again.status.size == 1100)
    #expect(again.tree.edge == builder.tree.edge)
  }

  /// A log whose checkpoints.log says that a head of this size and root was signed.
  private static func log(
    _ count: Int, signed size: UInt64, _ root: TreeHash
  ) throws -> SimulatedFileSystem {
    let disk = try log(count)
    let files = try LedgerFiles.open(disk, at: "data")
    let signer = NoteSigner(name: files.identity.treeName, seed: secureRandomBytes(32))
    try disk.replaceFile("data/signing.key", in: "data", with: Array(signer.text.utf8))
    var log = try CheckpointLog(files.directory)
    try log.append(
      SignedHead(TreeHead(origin: signer.verifier.name, size: size, root: root), signer: signer))
    return disk
  }

  @Test func `a log other than the signed one is not signed`() throws {
    let disk = try Self.log(300, signed: 300, .emptyRoot)
    let before = disk.content("data/checkpoints.log")
    let builder = Self.build(try LedgerFiles.open(disk, at: "data"))
    #expect(builder.status.problem?.contains("are not those that were signed") == true)
    #expect(disk.content("data/checkpoints.log") == before)
  }

  @Test func `a log that ends before the signed head is neither opened nor signed`() throws {
    let disk = try Self.log(300, signed: 301, .emptyRoot)
    let builder = Self.build(try LedgerFiles.open(disk, at: "data"))
    #expect(builder.status.problem?.contains("301") == true)
    var options = LedgerOptions()
    options.confirmed = try TreeBuilder.confirmed(in: LedgerDirectory(disk, at: "data"))
    #expect(options.confirmed.value == 301)
    #expect(throws: LedgerError.self) { try Ledger.open(disk, at: "data", options: options) }
  }

  @Test func `a key that is missing or of another log is refused with what to do`() throws {
    let disk = try Self.log(20)
    let files = try LedgerFiles.open(disk, at: "data")
    _ = Self.build(files)
    let key = try #require(disk.content("data/signing.key"))
    try disk.remove("data/signing.key")
    #expect(Self.build(files).status.problem?.contains("bring it back") == true)
    #expect(disk.content("data/signing.key") == nil, "no other key is made")
    let stranger = NoteSigner(name: "stranger", seed: secureRandomBytes(32))
    try disk.replaceFile("data/signing.key", in: "data", with: Array(stranger.text.utf8))
    #expect(Self.build(files).status.problem?.contains("stranger") == true)
    try disk.replaceFile("data/signing.key", in: "data", with: Array("rubbish".utf8))
    #expect(Self.build(files).status.problem?.contains("signing key") == true)
    try disk.replaceFile("data/signing.key", in: "data", with: key)
    #expect(Self.build(files).status.problem == nil)
  }

  @Test func `a torn last line is put right, and earlier heads stay`() throws {
    let disk = try Self.log(40)
    let directory = LedgerDirectory(disk, at: "data")
    let signer = NoteSigner(name: "n", seed: [UInt8](repeating: 1, count: 32))
    var log = try CheckpointLog(directory)
    for size in 1...30 {
      let head = TreeHead(origin: "n", size: UInt64(size), root: .emptyRoot)
      try log.append(SignedHead(head, signer: signer))
    }
    let whole = try #require(disk.content("data/checkpoints.log"))
    // Whatever the last write left of its sector: what stands aside has it.
    for count in stride(from: whole.count / 4096 * 4096, through: whole.count, by: 97) {
      disk.tamper("data/checkpoints.log") { content in
        for index in count..<content.count { content[index] = 0xEE }
      }
      #expect(try CheckpointLog(directory).last?.size == 30)
      #expect(disk.content("data/checkpoints.log") == whole)
    }
    disk.tamper("data/checkpoints.log") { $0.removeLast(10) }
    #expect(try CheckpointLog(directory).last?.size == 30)
    // A side file that was torn itself: then the file was not touched yet.
    disk.tamper("data/checkpoints.tail") { $0[30] ^= 1 }
    #expect(try CheckpointLog(directory).last?.size == 30)
    var sizes: [UInt64] = []
    #expect(try CheckpointLog.eachLine(directory) { sizes.append($0.size) } == nil)
    #expect(sizes == Array(1...30))
    disk.tamper("data/checkpoints.log") { $0[$0.count - 20] ^= 1 }
    #expect(throws: LedgerError.self) { try CheckpointLog(directory) }
  }

  @Test func `the power may fail at any call of signing, and no head is lost or contradicted`()
    throws
  {
    let base = try Self.log(300)
    var number = 0
    while true {
      number += 1
      let disk = base.crash(seed: 0)
      let last = number
      var files = try LedgerFiles.open(disk, at: "data")
      let before = disk.calls
      disk.plan { $0.number == before + last ? .crash : nil }
      let builder = TreeBuilder(files)
      while builder.step(signsNow: true) {}
      let shown = builder.status.head
      if !disk.hasCrashed { break }
      let after = disk.crash(seed: UInt64(number))
      files = try LedgerFiles.open(after, at: "data")
      let again = Self.build(files)
      try #require(again.status.problem == nil, "call \(number)")
      if let shown { try #require(again.status.head == shown, "call \(number)") }
    }
    #expect(number > 10)
  }
}
