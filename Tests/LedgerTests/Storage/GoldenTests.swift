// A log written by an earlier build reads the same for ever. fixtures/ledger/v1 is never edited,
// only added to: ledger.json, a sealed segment, a cleanly closed one, and events.txt, which tells
// what every record said when it was written. Later versions may say more, never something else.
//
// To make a further one: DAYBOOK_WRITE_GOLDEN=fixtures/ledger/v1-more swift test --filter Golden
import Base
import Foundation
import TestSupport
import Testing

@testable import Ledger

/// Fills fields with values that differ from one another and fit everywhere.
private struct PatternFiller: RecordCoder {
  var next: UInt64 = 1

  mutating func field<Value: FieldValue>(
    _ name: StaticString, _ value: inout Value, at offset: Int
  ) {
    value = Value(bits: Value.width == 1 ? next % 3 : next * 3)
    next += 1
  }
  mutating func text(_ name: StaticString, _ value: inout String) {
    value = "text \(next) é漢"
    next += 1
  }
  mutating func bytes(
    _ name: StaticString, _ value: inout [UInt8], count: Int, at offset: Int
  ) {
    value = (0..<count).map { UInt8(truncatingIfNeeded: next &+ UInt64($0)) }
    next += 1
  }
  mutating func packedText(_ name: StaticString, _ value: inout String, at offset: Int) {
    value = next.isMultiple(of: 2) ? "msg_01AbCdEfGhIjKlMnOpQrStUv" : "odd/id \(next)"
    next += 1
  }
}

private func filled<P: RecordPayload>(_ type: P.Type) -> P {
  var payload = P()
  var filler = PatternFiller()
  payload.fields(&filler)
  return payload
}

extension LedgerFixture {
  fileprivate func append<P: RecordPayload>(filled type: P.Type) throws -> SequenceNumber {
    let payload = filled(type)
    return try batch.withLock { batch in
      let clock = Timestamp(microseconds: 1_800_000_000_000_000 + Int64(batch.next.value) * 1000)
      let appended = try batch.append(payload, clock: clock, reserve: .ordinary)
      guard case .appended(let sequence, _) = appended else { return .none }
      return sequence
    }
  }
}

/// What a record says, one line a field.
private func tell(_ record: RecordView, _ sequence: SequenceNumber) -> [String] {
  guard let event = Event(record) else { return ["\(sequence) unknown \(record.type)"] }
  let head = "\(sequence) \(event.type.name)"
  return ["\(head) time \(event.time)"]
    + event.fields.map { "\(head) \($0.name) \($0.meaning)" }
}

@Suite struct GoldenTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// A copy of the fixture: reading takes a lock in the directory.
  private func copy() throws -> TemporaryDirectory {
    let directory = TemporaryDirectory()
    let files = RealFileSystem()
    let fixture = Self.root + "/fixtures/ledger/v1"
    try files.makeDirectory(directory.path + "/segments")
    var names = ["/ledger.json"]
    for name in try files.list(fixture + "/segments") { names.append("/segments/" + name) }
    for name in names {
      let bytes = try files.readFile(fixture + name)
      try Self.write(bytes, to: directory.path + name)
    }
    return directory
  }

  private static func write(_ bytes: [UInt8], to path: String) throws {
    let file = try RealFileSystem().open(path, .replace)
    try file.writeFully(bytes.span, at: 0)
  }

  @Test func `the golden log verifies and ends where it did`() throws {
    let directory = try copy()
    let found = try Verification.run(RealFileSystem(), at: directory.path)
    #expect(found.damages == [])
    #expect(found.last == SequenceNumber(70))
    #expect(found.sealedSegments == 1)
    #expect(found.segments == 2)
    let text = try RealFileSystem().readFile(Self.root + "/fixtures/ledger/v1/chain.txt")
    #expect(String(decoding: text, as: UTF8.self) == "\(found.chain)\n")
  }

  @Test func `every golden record still says what it said`() throws {
    let directory = try copy()
    let expected = String(
      decoding: try RealFileSystem().readFile(Self.root + "/fixtures/ledger/v1/events.txt"),
      as: UTF8.self
    ).split(separator: "\n").map(String.init)
    var told: Set<String> = []
    let files = try LedgerFiles.open(RealFileSystem(), at: directory.path)
    var reader = LedgerReader(files, from: .first, isThorough: true)
    while var batch = try reader.next() {
      while let record = batch.next() { told.formUnion(tell(record, batch.sequence)) }
    }
    #expect(expected.count > 300)
    #expect(expected.filter { !told.contains($0) } == [])
  }

  @Test(.enabled(if: ProcessInfo.processInfo.environment["DAYBOOK_WRITE_GOLDEN"] != nil))
  func `a golden log is written`() throws {
    let path = ProcessInfo.processInfo.environment["DAYBOOK_WRITE_GOLDEN"] ?? ""
    var options = LedgerOptions()
    options.segmentBytes = 8192
    options.origin = "golden"
    let fixture = try LedgerFixture(RealFileSystem(), at: path, options: options)
    try fixture.start()
    var lines: [String] = []
    for (index, type) in (RecordType.allCases + RecordType.allCases).enumerated() {
      let sequence = try fixture.append(filled: type.payload)
      if index % 35 == 34 {
        fixture.ledger.signal()
        try fixture.ledger.durability.waitUntilDurable(sequence)
      }
    }
    _ = try fixture.ledger.sealIfNeeded { _, _ in }
    var reader = fixture.ledger.reader(from: .first)
    while var batch = try reader.next() {
      while let record = batch.next() { lines += tell(record, batch.sequence) }
    }
    let chain = try LedgerReader.chain(
      through: fixture.ledger.durability.last, in: fixture.ledger.files)
    try fixture.ledger.close()
    try Self.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: path + "/events.txt")
    try Self.write(Array("\(chain)\n".utf8), to: path + "/chain.txt")
  }
}
