// Idempotency keys as the log remembers them: for a day, so many at a time, the same after a
// rebuild and from a checkpoint.
import Base
import Ledger
import Testing

@testable import Projections

@Suite struct CommandsTests {
  private func event(_ key: UInt64, request: UInt64 = 1) -> CommandAnswered {
    var event = CommandAnswered()
    event.keyHash = ULID(high: 7, low: key).bytes
    event.requestHash = ULID(high: 9, low: request).bytes
    event.status = 200
    event.command = "user/add"
    event.answer = "{}"
    return event
  }
  private func known(_ s: Scenario, _ key: UInt64) -> KnownCommand? {
    s.books.commands.command(keyHash: event(key).keyHash, at: s.now)
  }

  @Test func `a key is known for a day, from the event's time on`() throws {
    var s = try Scenario.small()
    let sequence = try s.append(event(1, request: 5))
    let found = try #require(known(s, 1))
    #expect(found.sequence == sequence && found.time == s.now)
    #expect(found.requestHash == event(1, request: 5).requestHash)
    #expect(known(s, 2) == nil)
    s.advance(seconds: Commands.keptSeconds - 1)
    #expect(known(s, 1) != nil)
    s.advance(seconds: 1)
    #expect(known(s, 1) == nil)
  }

  @Test func `a known key is refused and appends nothing`() throws {
    var s = try Scenario.small()
    let sequence = try s.append(event(1))
    let next = s.books.nextSequence
    #expect(throws: BooksError.refused(.commandKnown(sequence))) {
      try s.append(event(1, request: 2))
    }
    #expect(s.books.nextSequence == next)
  }

  @Test func `a key used again after a day is the new command`() throws {
    var s = try Scenario.small()
    try s.append(event(1))
    s.advance(seconds: Commands.keptSeconds)
    let second = try s.append(event(1, request: 2))
    #expect(known(s, 1)?.sequence == second)
  }

  @Test func `a rebuild and a checkpoint give the same`() throws {
    var s = try Scenario.small()
    for key in 1...5 as ClosedRange<UInt64> {
      try s.append(event(key % 3 + key))
      s.advance(seconds: 30_000)
    }
    var rebuilt = try s.rebuilt()
    #expect(s.books.differences(from: &rebuilt) == [])
    let store = MemoryCheckpointStore()
    let logID = try #require(LogID("000102030405060708090a0b0c0d0e0f"))
    var copy = s.books
    let cut = copy.cut()
    store.commit(
      cut,
      CheckpointHeader(
        logID: logID, epoch: 1, sequence: cut.sequence, chain: 0, foldLevel: Books.foldLevel))
    var loaded = Books()
    try loaded.load(from: store, at: cut.sequence)
    #expect(s.books.differences(from: &loaded) == [])
    for key in 1...9 as ClosedRange<UInt64> {
      let hash = event(key).keyHash
      #expect(
        loaded.commands.command(keyHash: hash, at: s.now)
          == s.books.commands.command(keyHash: hash, at: s.now))
    }
  }

  @Test func `no more keys than the limit are remembered, and none is forgotten early`() throws {
    var commands = Commands(limit: 3)
    var sequence = SequenceNumber.none
    func apply(_ key: UInt64, at seconds: Int64) throws {
      sequence = sequence.next
      var writer = RecordWriter()
      _ = try writer.append(event(key), time: Timestamp(seconds: seconds))
      try commands.apply(RecordView(writer.bytes.span), sequence: sequence)
    }
    for key in 1...3 as ClosedRange<UInt64> { try apply(key, at: Int64(key)) }
    #expect(!commands.hasRoom(at: Timestamp(seconds: 100)))
    #expect(throws: FoldFault.self) { try apply(4, at: 100) }
    let later = Commands.keptSeconds + 1
    #expect(commands.hasRoom(at: Timestamp(seconds: later)))
    try apply(4, at: later)
    let now = Timestamp(seconds: later)
    func isKnown(_ key: UInt64) -> Bool {
      commands.command(keyHash: event(key).keyHash, at: now) != nil
    }
    #expect([1, 2, 3, 4].map(isKnown) == [false, true, true, true])
    #expect(!commands.hasRoom(at: now), "the second key still counts")
  }

  @Test func `a reader that does not know the type may skip it`() throws {
    var writer = RecordWriter()
    _ = try writer.append(event(1), time: Timestamp(seconds: 1))
    let number = RecordView(writer.bytes.span).type
    #expect(number == 18 | RecordType.skippableBit)
  }
}
