// Compaction, backup, restore and repair on a simulated disk: nothing is lost, a crash at any call
// leaves what was there before or what was to come.
import Base
import TestSupport
import Testing

@testable import Ledger

@Suite struct UpkeepTests {
  /// A ledger of small sealed segments and an open one, closed.
  private static func log(seals: Bool = true) throws -> SimulatedFileSystem {
    let disk = SimulatedFileSystem(capacity: 8 << 20)
    var options = LedgerOptions()
    options.segmentBytes = 16 << 10
    let fixture = try LedgerFixture(disk, at: "data", options: options)
    try fixture.start()
    for _ in 0..<10 {
      fixture.batch.withLock { batch in
        for _ in 0..<30 {
          _ = batch.append(
            record: LedgerFixture.record(batch.next, size: 90).span, reserve: .ordinary)
        }
      }
      fixture.ledger.signal()
      let last = fixture.batch.withLock { SequenceNumber($0.next.value - 1) }
      try fixture.ledger.durability.waitUntilDurable(last)
    }
    if seals { while try fixture.ledger.sealIfNeeded(counting: { _, _ in }) != .nothingToDo {} }
    try fixture.ledger.close()
    return disk
  }

  private static func identity(_ disk: SimulatedFileSystem) throws -> LogIdentity {
    try #require(try LedgerDirectory(disk, at: "data").readIdentity())
  }

  // MARK: - Compaction

  private static func compact(_ disk: SimulatedFileSystem) throws {
    let fixture = try LedgerFixture(disk, at: "data")
    while try fixture.ledger.compactOnce(limit: 1 << 20, counting: { _, _ in }) != .nothingToDo {}
    try fixture.ledger.close()
  }

  @Test func `compaction joins segments and changes no record`() throws {
    let disk = try Self.log()
    let before = try Verification.run(disk, at: "data")
    let fixture = try LedgerFixture(disk, at: "data")
    #expect(fixture.ledger.files.segments.count >= 3)
    // A reader in the middle of the first segment, and one that has not begun.
    var inside = LedgerReader(fixture.ledger.files, from: .first)
    _ = try inside.next()
    while try fixture.ledger.compactOnce(limit: 1 << 20, counting: { _, _ in }) != .nothingToDo {}
    #expect(fixture.ledger.files.segments.count == 2)
    var expected = inside.position
    while var batch = try inside.next() {
      while batch.next() != nil {
        #expect(batch.sequence == expected)
        expected = expected.next
      }
    }
    #expect(expected.value == 301)
    for start in [1, 2, 59, 60, 61, 150, 299, 300] {
      #expect(
        try LedgerFixture.readAll(fixture.ledger.files, from: SequenceNumber(UInt64(start))).value
          == 300)
    }
    try fixture.ledger.close()
    let after = try Verification.run(disk, at: "data")
    #expect(after.damages == [] && after.root == before.root && after.segments == 2)
  }

  @Test func `a crash at any call of a compaction loses nothing`() throws {
    let base = try Self.log()
    var number = 0
    while true {
      number += LongTests.areWanted ? 1 : 3
      let disk = base.crash(seed: 0)
      let last = disk.calls + number
      disk.plan { $0.number == last ? .crash : nil }
      try? Self.compact(disk)
      if !disk.hasCrashed { break }
      let after = disk.crash(seed: UInt64(number))
      try #require(try Verification.run(after, at: "data").damages == [], "call \(number)")
      let fixture = try LedgerFixture(after, at: "data")
      try #require(try LedgerFixture.readAll(fixture.ledger.files).value == 300, "call \(number)")
      try fixture.ledger.close()
      try Self.compact(after)
      try #require(try Verification.run(after, at: "data").segments == 2, "call \(number)")
    }
    #expect(number > 40)
  }

  // MARK: - Backup

  private static func backUp(
    _ disk: SimulatedFileSystem, to target: SimulatedFileSystem
  ) throws -> BackupReport {
    try Backup.run(
      try LedgerFiles.open(disk, at: "data"), to: "/backup", on: target,
      now: Timestamp(seconds: 1_800_000_000))
  }

  private static func restore(
    _ target: SimulatedFileSystem, published: TreeHead? = nil
  ) throws -> (SimulatedFileSystem, RestoreReport) {
    let fresh = SimulatedFileSystem(capacity: 8 << 20)
    let report = try Restore.run(
      from: "/backup", on: target, to: LedgerDirectory(fresh, at: "data"), published: published,
      request: VerificationRequest(), Authorship(actor: "test", reason: "test"))
    return (fresh, report)
  }

  private static func grow(_ disk: SimulatedFileSystem, by count: Int) throws {
    let fixture = try LedgerFixture(disk, at: "data")
    try fixture.start()
    for _ in 0..<count { try fixture.appendDurably() }
    while try fixture.ledger.sealIfNeeded(counting: { _, _ in }) != .nothingToDo {}
    try fixture.ledger.close()
  }

  @Test func `a backup restores to the same log, and a second one copies only what is new`()
    throws
  {
    let disk = try Self.log()
    let target = SimulatedFileSystem(capacity: 8 << 20)
    let first = try Self.backUp(disk, to: target)
    #expect(first.last.value == 300 && first.copiedBytes == first.bytes)
    #expect(try Self.backUp(disk, to: target).copiedBytes == 0)
    try Self.grow(disk, by: 3)
    let second = try Self.backUp(disk, to: target)
    #expect(second.last.value == 303 && second.copiedBytes < first.bytes / 2)
    let (fresh, report) = try Self.restore(target)
    #expect(report.last.value == 303 && !report.keepsTree)
    let fixture = try LedgerFixture(fresh, at: "data")
    #expect(try LedgerFixture.readAll(fixture.ledger.files).value == 303)
    #expect(fixture.ledger.files.identity.epoch > (try Self.identity(disk)).epoch)
    try fixture.ledger.close()
  }

  @Test func `a restored log keeps its tree only with the head that was published last`() throws {
    let disk = try Self.log()
    let builder = TreeBuilder(try LedgerFiles.open(disk, at: "data"))
    while builder.step(signsNow: true) {}
    let head = try #require(builder.status.head).head
    let target = SimulatedFileSystem(capacity: 8 << 20)
    _ = try Self.backUp(disk, to: target)
    let (same, kept) = try Self.restore(target, published: head)
    #expect(kept.keepsTree)
    let again = TreeBuilder(try LedgerFiles.open(same, at: "data"))
    while again.step(signsNow: true) {}
    #expect(again.status.problem == nil && again.status.verifier == builder.status.verifier)
    let newer = TreeHead(origin: head.origin, size: head.size + 1, root: head.root)
    let (other, report) = try Self.restore(target, published: newer)
    #expect(!report.keepsTree && other.content("data/signing.key") == nil)
    let begun = TreeBuilder(try LedgerFiles.open(other, at: "data"))
    while begun.step(signsNow: true) {}
    #expect(begun.status.problem == nil)
    #expect(begun.status.verifier?.name != builder.status.verifier?.name)
    let forged = TreeHead(origin: head.origin, size: 100, root: .emptyRoot)
    #expect(throws: LedgerError.self) { try Self.restore(target, published: forged) }
  }

  @Test func `an interrupted backup leaves the one before usable`() throws {
    let disk = try Self.log()
    let base = SimulatedFileSystem(capacity: 8 << 20)
    _ = try Self.backUp(disk, to: base)
    try Self.grow(disk, by: 40)
    var number = 0
    while true {
      number += LongTests.areWanted ? 1 : 2
      let target = base.crash(seed: 0)
      let last = target.calls + number
      target.plan { $0.number == last ? .crash : nil }
      _ = try? Self.backUp(disk, to: target)
      if !target.hasCrashed { break }
      let after = target.crash(seed: UInt64(number))
      let (_, report) = try Self.restore(after)
      try #require(report.last.value == 300 || report.last.value == 340, "call \(number)")
      try #require(try Self.backUp(disk, to: after).last.value == 340, "call \(number)")
      try #require(try Self.restore(after).1.last.value == 340, "call \(number)")
    }
    #expect(number > 15)
  }

  @Test func `what is no backup, or another log's, is refused and left alone`() throws {
    let disk = try Self.log()
    let builder = TreeBuilder(try LedgerFiles.open(disk, at: "data"))
    while builder.step(signsNow: true) {}
    let target = SimulatedFileSystem(capacity: 8 << 20)
    _ = try Self.backUp(disk, to: target)
    let other = try Self.log()
    #expect(throws: LedgerError.self) { try Self.backUp(other, to: target) }
    let full = SimulatedFileSystem(capacity: 8 << 20)
    try full.makeDirectory("/backup")
    try full.replaceFile("/backup/letter.txt", in: "/backup", with: [1])
    #expect(throws: LedgerError.self) { try Self.backUp(disk, to: full) }
    #expect(full.content("/backup/letter.txt") == [1])
    let names = try target.list("/backup").filter { $0 != "manifest.json" }
    for name in names {
      let damaged = target.crash(seed: 0)
      damaged.tamper("/backup/" + name) { if !$0.isEmpty { $0[$0.count / 2] ^= 8 } }
      #expect(throws: LedgerError.self, "\(name)") { try Self.restore(damaged) }
    }
    #expect(throws: LedgerError.self) {
      try Restore.run(
        from: "/backup", on: target, to: LedgerDirectory(other, at: "data"), published: nil,
        request: VerificationRequest(), Authorship())
    }
  }

  @Test func `a manifest that claims anything is refused or restores nothing`() throws {
    let disk = try Self.log()
    let target = SimulatedFileSystem(capacity: 8 << 20)
    _ = try Self.backUp(disk, to: target)
    let text = String(
      decoding: try #require(target.content("/backup/manifest.json")), as: UTF8.self)
    let changes = [
      ("", "{}"), ("\"format\":1", "\"format\":2"), ("\"bytes\":", "\"bytes\":9223372036854775"),
      ("\"bytes\":", "\"bytes\":-"), ("segments/", "../"), ("segments/", "segments//"),
      ("\"last_sequence\":300", "\"last_sequence\":301"), ("\"sha256\":\"", "\"sha256\":\"0"),
    ]
    for (before, after) in changes {
      let changed = target.crash(seed: 0)
      let new = before.isEmpty ? after : text.replacing(before, with: after)
      try #require(new != text, "\(before)")
      try changed.replaceFile("/backup/manifest.json", in: "/backup", with: Array(new.utf8))
      #expect(throws: LedgerError.self, "\(after)") { try Self.restore(changed) }
    }
  }

  // MARK: - Repair

  private static func plan(_ disk: SimulatedFileSystem) throws -> RepairPlan {
    try RepairPlan(
      LedgerDirectory(disk, at: "data"), of: try identity(disk).logID,
      confirmed: try TreeBuilder.confirmed(in: LedgerDirectory(disk, at: "data")))
  }

  private static func repair(_ disk: SimulatedFileSystem) throws {
    try plan(disk).apply(
      to: LedgerDirectory(disk, at: "data"), Authorship(actor: "test", reason: "test"))
  }

  /// Bytes of all files that keep what was cut.
  private static func kept(_ disk: SimulatedFileSystem) throws -> Int {
    try disk.list("data/cut").reduce(0) { $0 + (disk.content("data/cut/" + $1)?.count ?? 0) }
  }

  @Test func `a whole log needs no repair`() throws {
    #expect(try !Self.plan(try Self.log()).isNeeded)
    #expect(try !Self.plan(try Self.log(seals: false)).isNeeded)
  }

  @Test(arguments: [true, false])
  func `behind a damaged block everything is cut and kept, before it everything stays`(
    isSealed: Bool
  ) throws {
    let disk = try Self.log(seals: isSealed)
    let names = try disk.list("data/segments").filter { $0.hasSuffix(".lz4") }.sorted()
    let second = "data/segments/" + names[1]
    let size = try #require(disk.content(second)).count
    disk.tamper(second) { $0[200] ^= 1 }
    let plan = try Self.plan(disk)
    let first = try #require(UInt64(names[1].prefix(20)))
    #expect(plan.isNeeded && plan.keeps.value >= first - 1 && plan.keeps.value < 300)
    #expect(plan.lostEvents == 300 - plan.keeps.value)
    #expect(plan.damages.first?.segment == names[1])
    let before = names.dropFirst(1).reduce(0) {
      $0 + (disk.content("data/segments/" + $1)?.count ?? 0)
    }
    try Self.repair(disk)
    #expect(try Self.kept(disk) >= before - size)
    #expect(try Verification.run(disk, at: "data").damages == [])
    let fixture = try LedgerFixture(disk, at: "data")
    #expect(try LedgerFixture.readAll(fixture.ledger.files) == plan.keeps)
    try fixture.start()
    try fixture.appendDurably()
    try fixture.ledger.close()
    #expect(try !Self.plan(disk).isNeeded)
    let note = try #require(try LedgerDirectory(disk, at: "data").pendingNote())
    #expect(note.kind == .repaired && note.first == plan.keeps.next)
  }

  @Test func `a damaged footer costs no event`() throws {
    let disk = try Self.log()
    let names = try disk.list("data/segments").filter { $0.hasSuffix(".lz4") }.sorted()
    disk.tamper("data/segments/" + names[0]) { $0[$0.count - 40] ^= 1 }
    #expect(try Verification.run(disk, at: "data").damages.count == 1)
    let plan = try Self.plan(disk)
    #expect(plan.isNeeded && plan.lostEvents == 0 && plan.cuts.count == 1)
    try Self.repair(disk)
    #expect(try Verification.run(disk, at: "data").damages == [])
    let fixture = try LedgerFixture(disk, at: "data")
    #expect(try LedgerFixture.readAll(fixture.ledger.files).value == 300)
    try fixture.ledger.close()
  }

  @Test func `a segment that is missing cuts what stands behind the gap`() throws {
    let disk = try Self.log()
    let names = try disk.list("data/segments").filter { $0.hasSuffix(".lz4") }.sorted()
    try disk.remove("data/segments/" + names[2])
    let plan = try Self.plan(disk)
    #expect(plan.keeps.value == (try #require(UInt64(names[2].prefix(20)))) - 1)
    try Self.repair(disk)
    #expect(try Verification.run(disk, at: "data").damages == [])
  }

  @Test func `a repair below a signed head ends the tree and begins another`() throws {
    let disk = try Self.log()
    let builder = TreeBuilder(try LedgerFiles.open(disk, at: "data"))
    while builder.step(signsNow: true) {}
    let old = try #require(builder.status.verifier)
    let names = try disk.list("data/segments").filter { $0.hasSuffix(".lz4") }.sorted()
    disk.tamper("data/segments/" + names[1]) { $0[200] ^= 1 }
    let plan = try Self.plan(disk)
    #expect(plan.endsTree && plan.signed == 300)
    try Self.repair(disk)
    #expect(disk.content("data/checkpoints.log") == nil)
    let again = TreeBuilder(try LedgerFiles.open(disk, at: "data"))
    while again.step(signsNow: true) {}
    let new = try #require(again.status.verifier)
    #expect(again.status.problem == nil && new.name != old.name && new.keyID != old.keyID)
    #expect(try disk.list("data/cut").contains { $0.hasPrefix("checkpoints.log-") })
  }

  @Test(arguments: [true, false])
  func `a crash at any call of a repair leaves a log that can be repaired again`(
    isSealed: Bool
  ) throws {
    let base = try Self.log(seals: isSealed)
    let builder = TreeBuilder(try LedgerFiles.open(base, at: "data"))
    while builder.step(signsNow: true) {}
    let names = try base.list("data/segments").filter { $0.hasSuffix(".lz4") }.sorted()
    // The open form has blocks in the middle of a file: then a part of it is copied and cut.
    base.tamper("data/segments/" + names[1]) { $0[isSealed ? 200 : 4296] ^= 1 }
    let plan = try Self.plan(base)
    let keeps = plan.keeps
    let removed = plan.cuts.map { cut in
      let name = LedgerDirectory.name(of: cut.segment)
      let bytes = base.content("data/segments/" + name) ?? []
      return Array(bytes[cut.offset..<cut.offset + cut.byteCount])
    }
    var number = 0
    while true {
      number += 1
      let disk = base.crash(seed: 0)
      let last = disk.calls + number
      disk.plan { $0.number == last ? .crash : nil }
      try? Self.repair(disk)
      if !disk.hasCrashed { break }
      let after = disk.crash(seed: UInt64(number))
      let plan = try Self.plan(after)
      try #require(plan.keeps == keeps, "call \(number)")
      if plan.isNeeded { try Self.repair(after) }
      let kept = try after.list("data/cut").map { after.content("data/cut/" + $0) }
      for bytes in removed { try #require(kept.contains(bytes), "call \(number)") }
      try #require(try Verification.run(after, at: "data").damages == [], "call \(number)")
      let fixture = try LedgerFixture(after, at: "data")
      try #require(try LedgerFixture.readAll(fixture.ledger.files) == keeps, "call \(number)")
      try fixture.ledger.close()
    }
    #expect(number > 30)
  }
}
