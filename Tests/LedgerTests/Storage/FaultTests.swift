// A disk that misbehaves while the writer writes.
import Base
import Glibc
import Ledger
import Synchronization
import TestSupport
import Testing

func processID() -> Int32 { getpid() }

@Suite struct FaultTests {
  private func options() -> LedgerOptions {
    var options = LedgerOptions()
    options.segmentBytes = 64 << 10
    options.retryMilliseconds = 1
    return options
  }

  private static func isBlock(_ call: SimulatedCall, _ operation: FileOperation) -> Bool {
    call.operation == operation && call.path.hasSuffix(".lz4")
  }

  @Test func `interrupted and short writes are repeated until the block is whole`() throws {
    let files = SimulatedFileSystem()
    let fixture = try LedgerFixture(files, at: "data", options: options())
    try fixture.start()
    let count = Mutex(0)
    files.plan { call in
      guard Self.isBlock(call, .write) else { return nil }
      return
        switch count.withLock({
          $0 += 1; return $0 % 4
        })
      {
      case 1: .short(512)
      case 2: .error(EINTR)
      case 3: .short(0)
      default: nil
      }
    }
    for _ in 1...10 { try fixture.appendDurably() }
    #expect(fixture.ledger.statistics.retries > 0)
    #expect(try LedgerFixture.readAll(fixture.ledger.files) == SequenceNumber(10))
    try fixture.ledger.close()
    #expect(try Verification.run(files, at: "data").damages == [])
  }

  @Test func `a full disk keeps events waiting, refuses admissions, and loses nothing`() throws {
    let files = SimulatedFileSystem(capacity: 256 << 10)
    let fixture = try LedgerFixture(files, at: "data", options: options())
    try fixture.start()
    #expect(!fixture.ledger.canAdmit(openRequests: 1))
    let settled = Mutex(0)
    let bell = Doorbell()
    var appended = 0
    while !fixture.ledger.isOutOfSpace {
      guard let sequence = fixture.append(size: 4000) else { break }
      appended += 1
      fixture.ledger.durability.wait(for: sequence) { result in
        if result == .durable { settled.withLock { $0 += 1 } }
        bell.ring()
      }
      bell.wait(until: SystemMonotonicClock().now.advanced(milliseconds: 50))
    }
    #expect(fixture.ledger.isOutOfSpace)
    files.capacity = 16 << 20
    try fixture.ledger.durability.waitUntilDurable(SequenceNumber(UInt64(appended)))
    #expect(!fixture.ledger.isOutOfSpace)
    #expect(settled.withLock { $0 } == appended)
    #expect(try fixture.ledger.prepareAhead())
    #expect(try LedgerFixture.readAll(fixture.ledger.files).value == UInt64(appended))
    try fixture.ledger.close()
  }

  @Test func `a failed sync poisons the log, and what was acknowledged survives`() throws {
    let files = SimulatedFileSystem(capacity: 1 << 20)
    let reasons = Mutex<[LedgerError]>([])
    var options = options()
    let bell = Doorbell()
    options.onPoison = { reason in
      reasons.withLock { $0.append(reason) }
      bell.ring()
    }
    let fixture = try LedgerFixture(files, at: "data", options: options)
    try fixture.start()
    for _ in 1...5 { try fixture.appendDurably() }
    files.plan { Self.isBlock($0, .sync) ? .syncLost : nil }
    #expect(throws: LedgerError.self) { try fixture.appendDurably() }
    files.plan(nil)
    #expect(throws: LedgerError.self, "no later event becomes durable") {
      try fixture.appendDurably()
    }
    #expect(throws: LedgerError.self, "reads fail, too") {
      _ = try LedgerFixture.readAll(fixture.ledger.files)
    }
    bell.wait()
    #expect(reasons.withLock { $0.count } == 1)
    try? fixture.ledger.close()

    let reopened = try Ledger.open(files, at: "data", options: self.options())
    #expect(try LedgerFixture.readAll(reopened.files) == SequenceNumber(5))
    try reopened.close()
  }

  @Test func `an input output error of a write poisons the log`() throws {
    let files = SimulatedFileSystem(capacity: 1 << 20)
    let fixture = try LedgerFixture(files, at: "data", options: options())
    try fixture.start()
    files.plan { $0.operation == .write && $0.path.hasSuffix("1.lz4") ? .error(EIO) : nil }
    #expect(throws: LedgerError.self) { try fixture.appendDurably() }
    #expect(fixture.ledger.durability.failure != nil)
    try? fixture.ledger.close()
  }

  @Test func `closing while the disk is full ends, and says that events were not written`() throws {
    let files = SimulatedFileSystem(capacity: 64 << 10)
    let fixture = try LedgerFixture(files, at: "data", options: options())
    try fixture.start()
    var last = SequenceNumber.none
    for _ in 1...40 { last = fixture.append(size: 4000) ?? last }
    let answer = Mutex<DurabilityResult?>(nil)
    fixture.ledger.durability.wait(for: last) { result in answer.withLock { $0 = result } }
    try? fixture.ledger.close()
    #expect(answer.withLock { $0 } != .durable)
    #expect(answer.withLock { $0 } != nil)
  }

  @Test func `all that counts as reserve can be written when the disk takes no more`() throws {
    let files = SimulatedFileSystem(capacity: 24 << 20)
    var options = options()
    options.segmentBytes = 256 << 20
    let fixture = try LedgerFixture(files, at: "data", options: options)
    try fixture.start()
    #expect(try fixture.ledger.prepareAhead())
    files.capacity = 0
    while fixture.ledger.canAdmit(openRequests: 1) { try fixture.appendDurably() }
    // What admitted requests still need: one block each.
    for _ in 1...200 { try fixture.appendDurably() }
    #expect(!fixture.ledger.isOutOfSpace && !fixture.ledger.canAdmit(openRequests: 1))
    let last = fixture.ledger.durability.last
    files.capacity = 24 << 20
    #expect(try fixture.ledger.prepareAhead())
    #expect(fixture.ledger.canAdmit(openRequests: 1))
    try fixture.appendDurably()
    #expect(try LedgerFixture.readAll(fixture.ledger.files) == last.next)
    try fixture.ledger.close()
    #expect(try Verification.run(files, at: "data").damages == [])
  }

  @Test func `the reserve is there before requests are admitted`() throws {
    let files = SimulatedFileSystem(capacity: 64 << 20)
    var options = options()
    options.segmentBytes = 32 << 20
    let ledger = try Ledger.open(files, at: "data", options: options)
    #expect(ledger.canAdmit(openRequests: 1), "an open writes the first reserve")
    #expect(!ledger.canAdmit(openRequests: 2000))
    #expect(ledger.wantsPreparing)
    #expect(try ledger.prepareAhead())
    #expect(ledger.canAdmit(openRequests: 2000))
    #expect(!ledger.canAdmit(openRequests: 100_000))
    try ledger.close()
  }
}
