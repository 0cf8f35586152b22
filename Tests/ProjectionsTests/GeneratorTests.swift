// Generated histories: legal, repeatable, and of the traffic that was asked for.
import Base
import Ledger
import Testing

@testable import Projections

/// Appends a whole history, giving the batch away whenever it is full.
private func generate(
  _ options: HistoryOptions, steps: Int = 1000, into books: inout Books
) throws -> (generator: HistoryGenerator, records: [[UInt8]]) {
  var generator = HistoryGenerator(options, after: books)
  var records: [[UInt8]] = []
  var spare = PendingBatch(after: .none, lastTime: Timestamp(microseconds: 0))
  func take() {
    books.takeBatch(into: &spare)
    var batch = RecordBatch(spare.bytes.span, first: spare.first, count: spare.count)
    while let record = batch.next() {
      records.append(record.bytes.indices.map { record.bytes[$0] })
    }
  }
  while !generator.isDone {
    do throws(BooksError) { try generator.append(steps, to: &books) } catch {
      guard error == .full else { throw error }
    }
    take()
  }
  return (generator, records)
}

private func options(requests: Int, seed: UInt64 = 7) -> HistoryOptions {
  var options = HistoryOptions()
  options.requests = requests
  options.seed = seed
  options.users = 40
  return options
}

@Suite struct GeneratorTests {
  @Test func `a generated history folds to the state it was made with`() throws {
    var live = Books()
    let (_, records) = try generate(options(requests: 1500), into: &live)
    var folded = Books()
    for record in records {
      try folded.apply(RecordView(record.span), sequence: folded.nextSequence)
    }
    #expect(live.differences(from: &folded).isEmpty)
  }

  @Test func `the same seed gives the same history, however it is taken`() throws {
    var (one, other) = (Books(), Books())
    let (_, first) = try generate(options(requests: 600), steps: 1000, into: &one)
    let (_, second) = try generate(options(requests: 600), steps: 7, into: &other)
    #expect(first == second)
  }

  @Test func `another seed gives another history`() throws {
    var (one, other) = (Books(), Books())
    let (_, first) = try generate(options(requests: 50, seed: 1), into: &one)
    let (_, second) = try generate(options(requests: 50, seed: 2), into: &other)
    #expect(first != second)
  }

  @Test func `every request is closed at the end`() throws {
    var books = Books()
    _ = try generate(options(requests: 800), into: &books)
    #expect(books.openRequests.openCount == 0)
  }

  @Test func `without failures every request is an admission and a settlement`() throws {
    var books = Books()
    var wanted = options(requests: 500)
    wanted.hasFailures = false
    let (generator, records) = try generate(wanted, into: &books)
    let traffic = records.map { RecordView($0.span).type }.filter { (64..<128).contains($0) }
    #expect(generator.settlements == 500)
    #expect(traffic.count == 1000)
  }

  @Test func `no balance runs out`() throws {
    var books = Books()
    _ = try generate(options(requests: 2000), into: &books)
    let users = books.catalog.allUsers
    #expect(users.allSatisfy { books.available(user: $0.id).balance > .zero })
  }

  @Test func `a history goes on behind another one`() throws {
    var books = Books()
    _ = try generate(options(requests: 200, seed: 1), into: &books)
    let before = books.lastSequence
    let (generator, _) = try generate(options(requests: 200, seed: 2), into: &books)
    #expect(books.lastSequence.value == before.value + UInt64(generator.events))
    #expect(books.catalog.allUsers.count == 80)
  }

  @Test func `the known key belongs to the first caller`() throws {
    var books = Books()
    var wanted = options(requests: 10)
    wanted.firstKeyHash = [UInt8](1...32)
    _ = try generate(wanted, into: &books)
    let hash = try #require(Hash256([UInt8](1...32)))
    #expect(books.catalog.key(hash: hash)?.id == KeyID(1))
  }
}
