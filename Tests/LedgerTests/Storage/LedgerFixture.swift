// A ledger under test: a pending batch behind a lock, as the live state has it, and records whose
// content tells their sequence.
import Base
import Ledger
import Synchronization
import TestSupport
import Testing

final class LedgerFixture: Sendable {
  let ledger: Ledger
  let batch: Mutex<PendingBatch>

  init(_ files: any FileSystem, at path: String, options: LedgerOptions = LedgerOptions()) throws {
    ledger = try Ledger.open(files, at: path, options: options)
    batch = Mutex(ledger.makeBatch())
  }

  func start() throws {
    try ledger.start { spare in self.batch.withLock { $0.exchange(with: &spare) } }
  }

  /// Appends the record that belongs to the next sequence.
  @discardableResult
  func append(size: Int = 64) -> SequenceNumber? {
    let appended = batch.withLock { batch in
      let record = Self.record(batch.next, size: size)
      return batch.append(record: record.span, reserve: .ordinary)
    }
    ledger.signal()
    if case .appended(let sequence, _) = appended { return sequence }
    return nil
  }

  /// Appends a record and waits until it is durable.
  @discardableResult
  func appendDurably(size: Int = 64) throws -> SequenceNumber {
    let sequence = try #require(append(size: size))
    try ledger.durability.waitUntilDurable(sequence)
    return sequence
  }

  /// Writes `counts` records into a new simulated ledger, one block a number, and closes it.
  static func simulatedLog(
    blocks counts: [Int], segmentBytes: Int = 64 << 10, capacity: Int = 1 << 20,
    closes: Bool = true
  ) throws -> SimulatedFileSystem {
    let files = SimulatedFileSystem(capacity: capacity)
    var options = LedgerOptions()
    options.segmentBytes = segmentBytes
    let fixture = try LedgerFixture(files, at: "data", options: options)
    try fixture.start()
    for count in counts {
      fixture.batch.withLock { batch in
        for _ in 0..<count {
          _ = batch.append(record: record(batch.next, size: 80).span, reserve: .ordinary)
        }
      }
      fixture.ledger.signal()
      let last = fixture.batch.withLock { SequenceNumber($0.next.value - 1) }
      try fixture.ledger.durability.waitUntilDurable(last)
    }
    if closes {
      try fixture.ledger.close()
      return files
    }
    let image = files.crash(seed: 0)
    try fixture.ledger.close()
    return image
  }

  /// A record of `size` bytes that only `sequence` has.
  static func record(_ sequence: SequenceNumber, size: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: max(size, 24))
    bytes.store(UInt32(bytes.count), at: 0)
    bytes.store(UInt16(0x8001), at: 4)
    bytes.store(UInt16(24), at: 6)
    bytes.store(Int64(sequence.value) * 1000, at: 8)
    bytes.store(sequence.value, at: 16)
    var noise = sequence.value &* 0x9E37_79B9_7F4A_7C15
    for index in bytes.indices.dropFirst(24) {
      noise = noise &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes[index] = UInt8(truncatingIfNeeded: noise >> 60)
    }
    return bytes
  }

  /// Reads everything from `start` on and checks that each record is the one of its sequence.
  /// - Returns: the last sequence.
  static func readAll(
    _ files: LedgerFiles, from start: SequenceNumber = .first
  ) throws -> SequenceNumber {
    var reader = LedgerReader(files, from: start, isThorough: true)
    var expected = max(start, .first)
    while var batch = try reader.next() {
      while let record = batch.next() {
        try #require(batch.sequence == expected)
        try #require(record.u64(16) == expected.value)
        try #require([UInt8](record.bytes) == Self.record(expected, size: record.bytes.count))
        expected = expected.next
      }
    }
    return SequenceNumber(expected.value - 1)
  }
}
