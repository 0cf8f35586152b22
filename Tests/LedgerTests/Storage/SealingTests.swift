// Rolling, sealing, reading across segments, and what the stock lz4 tool makes of the files.
import Base
import Foundation
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite struct SealingTests {
  private static let counter: ControlTotalsCounter = { record, totals in
    totals.charges.add(Int64(record.bytes.count))
  }

  /// 30 blocks of 5 records in segments of 5 blocks, all but the last sealed.
  private func sealedLog(_ files: any FileSystem, at path: String) throws -> LedgerFixture {
    var options = LedgerOptions()
    options.segmentBytes = 20_480
    let fixture = try LedgerFixture(files, at: path, options: options)
    try fixture.start()
    for _ in 1...30 {
      let last = fixture.batch.withLock { batch in
        for _ in 1...5 {
          let record = LedgerFixture.record(batch.next, size: 100)
          _ = batch.append(record: record.span, reserve: .ordinary)
        }
        return SequenceNumber(batch.next.value - 1)
      }
      fixture.ledger.signal()
      try fixture.ledger.durability.waitUntilDurable(last)
    }
    var sealed: [SequenceNumber] = []
    while case .sealed(let first) = try fixture.ledger.sealIfNeeded(counting: Self.counter) {
      sealed.append(first)
    }
    #expect(sealed == fixture.ledger.files.segments.dropLast())
    #expect(sealed.count >= 5)
    return fixture
  }

  @Test func `readers start at every sequence, in sealed and open segments`() throws {
    let fixture = try sealedLog(SimulatedFileSystem(capacity: 1 << 20), at: "data")
    for start in 1...150 {
      let last = try LedgerFixture.readAll(
        fixture.ledger.files, from: SequenceNumber(UInt64(start)))
      try #require(last == SequenceNumber(150), "from \(start)")
    }
    try fixture.ledger.close()
  }

  @Test func `a reader inside a segment goes on while it is sealed`() throws {
    let files = SimulatedFileSystem(capacity: 1 << 20)
    var options = LedgerOptions()
    options.segmentBytes = 12_288
    let fixture = try LedgerFixture(files, at: "data", options: options)
    try fixture.start()
    for _ in 1...3 { try fixture.appendDurably() }
    var reader = fixture.ledger.reader(from: .first)
    #expect(try reader.next()?.last == SequenceNumber(1))
    try fixture.appendDurably()
    let outcome = try fixture.ledger.sealIfNeeded(counting: Self.counter)
    #expect(outcome == .sealed(.first))
    var last = SequenceNumber.none
    while let batch = try reader.next() { last = batch.last }
    #expect(last == SequenceNumber(4))
    try fixture.ledger.close()
  }

  @Test func `one record is found by its sequence`() throws {
    let fixture = try sealedLog(SimulatedFileSystem(capacity: 1 << 20), at: "data")
    for value in UInt64(1)...150 {
      let sequence = SequenceNumber(value)
      let record = try LedgerReader.record(at: sequence, in: fixture.ledger.files)
      try #require(record == LedgerFixture.record(sequence, size: 100))
    }
    #expect(throws: LedgerError.self) {
      try LedgerReader.record(at: SequenceNumber(151), in: fixture.ledger.files)
    }
    try fixture.ledger.close()
  }

  @Test func `the chain at every sequence is the checksum of all records so far`() throws {
    let fixture = try sealedLog(SimulatedFileSystem(capacity: 1 << 20), at: "data")
    var expected = CRC32C()
    for value in UInt64(1)...150 {
      let sequence = SequenceNumber(value)
      expected.update(LedgerFixture.record(sequence, size: 100))
      let chain = try LedgerReader.chain(through: sequence, in: fixture.ledger.files)
      try #require(chain == expected.value, "sequence \(value)")
    }
    try fixture.ledger.close()
  }

  @Test func `a sealed log verifies, and any flipped bit of it is found`() throws {
    let files = SimulatedFileSystem(capacity: 1 << 20)
    try sealedLog(files, at: "data").ledger.close()
    var request = VerificationRequest()
    request.count = Self.counter
    request.threads = 1
    let whole = try Verification.run(files, at: "data", request)
    #expect(whole.damages == [])
    #expect(whole.last == SequenceNumber(150))
    #expect(whole.records == 150)
    let path = "data/segments/00000000000000000001.lz4"
    let size = try #require(files.content(path)).count
    for index in 0..<size {
      files.tamper(path) { $0[index] ^= 4 }
      let found = try Verification.run(files, at: "data", request).damages
      try #require(!found.isEmpty, "byte \(index) of \(size)")
      files.tamper(path) { $0[index] ^= 4 }
    }
  }

  @Test func `any flipped bit of an open segment is found`() throws {
    let files = try LedgerFixture.simulatedLog(blocks: [2, 1], closes: false)
    let path = "data/segments/00000000000000000001.lz4"
    let size = try #require(files.content(path)).count
    for index in Array(0..<200) + Array(3900..<4400) + Array(stride(from: 0, to: size, by: 41)) {
      files.tamper(path) { $0[index] ^= 1 }
      let found = try Verification.run(files, at: "data").damages
      try #require(!found.isEmpty, "byte \(index) of \(size)")
      files.tamper(path) { $0[index] ^= 1 }
    }
  }

  @Test func `a reader never steps over bad bytes in a sealed segment`() throws {
    let files = SimulatedFileSystem(capacity: 1 << 20)
    let fixture = try sealedLog(files, at: "data")
    files.tamper("data/segments/00000000000000000026.lz4") { $0[200] ^= 1 }
    #expect(throws: LedgerError.self) { _ = try LedgerFixture.readAll(fixture.ledger.files) }
    try fixture.ledger.close()
  }

  @Test func `an archived segment is named when it is missing`() throws {
    let files = SimulatedFileSystem(capacity: 1 << 20)
    let fixture = try sealedLog(files, at: "data")
    try fixture.ledger.close()
    try files.remove("data/segments/00000000000000000001.lz4")
    let later = try LedgerFiles.open(files, at: "data")
    #expect(try LedgerFixture.readAll(later, from: SequenceNumber(30)) == SequenceNumber(150))
    #expect(throws: LedgerError.missingSegment(holding: .first, path: "data/segments")) {
      _ = try LedgerFixture.readAll(later)
    }
  }

  @Test func `no room for the copy leaves the segment as it is`() throws {
    let files = SimulatedFileSystem(capacity: 1 << 20)
    var options = LedgerOptions()
    options.segmentBytes = 12_288
    let fixture = try LedgerFixture(files, at: "data", options: options)
    try fixture.start()
    for _ in 1...4 { try fixture.appendDurably() }
    files.plan {
      $0.operation == .write && $0.path.hasSuffix(".lz4.tmp")
        ? .error(FileError.noSpace) : nil
    }
    #expect(try fixture.ledger.sealIfNeeded(counting: Self.counter) == .noRoom)
    #expect(try LedgerFixture.readAll(fixture.ledger.files) == SequenceNumber(4))
    files.plan(nil)
    #expect(try fixture.ledger.sealIfNeeded(counting: Self.counter) == .sealed(.first))
    try fixture.ledger.close()
  }

  @Test func `the stock lz4 tool accepts and decodes every segment after a clean close`() throws {
    let directory = TemporaryDirectory()
    let fixture = try sealedLog(RealFileSystem(), at: directory.path)
    try fixture.ledger.close()
    var decoded: [UInt8] = []
    for first in fixture.ledger.files.segments {
      let digits = String(first.value)
      let name = String(repeating: "0", count: 20 - digits.count) + digits + ".lz4"
      let path = directory.path + "/segments/" + name
      #expect(try run("lz4", "-tq", path).status == 0, "\(name)")
      decoded += try run("lz4", "-dcq", path).output
    }
    let expected = (UInt64(1)...150).flatMap {
      LedgerFixture.record(SequenceNumber($0), size: 100)
    }
    #expect(decoded == expected)
  }

  private func run(_ arguments: String...) throws -> (status: Int32, output: [UInt8]) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, [UInt8](output))
  }

  @Test func `a reader follows a writer and sees only what is durable`() throws {
    let directory = TemporaryDirectory()
    let fixture = try LedgerFixture(RealFileSystem(), at: directory.path)
    try fixture.start()
    let failures = Mutex<[String]>([])
    let thread = try SystemThread.start(name: "reader") {
      var reader = fixture.ledger.reader(from: .first)
      var expected = SequenceNumber.first
      while expected.value <= 2000 {
        do {
          try fixture.ledger.durability.waitUntilDurable(expected)
          while var batch = try reader.next() {
            while let record = batch.next() {
              if record.u64(16) != expected.value || batch.sequence > fixture.ledger.files.durable {
                failures.withLock { $0.append("at \(expected)") }
              }
              expected = expected.next
            }
          }
        } catch {
          failures.withLock { $0.append("\(error)") }
          return
        }
      }
    }
    for index in 1...2000 {
      let sequence = try #require(fixture.append())
      if index.isMultiple(of: 7) { try fixture.ledger.durability.waitUntilDurable(sequence) }
    }
    try fixture.ledger.durability.waitUntilDurable(SequenceNumber(2000))
    thread.join()
    #expect(failures.withLock { $0 } == [])
    try fixture.ledger.close()
  }
}
