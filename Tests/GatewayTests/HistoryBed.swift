// A ledger with a generated history of some days, and its administration: for questions to history.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

final class HistoryBed: Sendable {
  let live: LiveLedger
  let service: AdministrationService
  private let directory = TemporaryDirectory()

  /// - Parameters:
  ///   - seed: of the history; print it when a test fails.
  ///   - distance: events between two snapshots.
  init(seed: UInt64, requests: Int = 700, distance: UInt64 = 400) throws {
    var history = HistoryOptions()
    history.seed = seed
    history.requests = requests
    history.users = 12
    // Four days, so that cells of older days are in the store only.
    history.requestsPerSecond = Double(requests) / (4 * 86_400)
    let clock = ManualWallClock(
      Timestamp(microseconds: history.start.microseconds + 6 * 86_400_000_000))
    var options = LiveLedgerOptions(directory: directory.path + "/data")
    options.clock = clock
    options.runsKeeper = false
    options.snapshotDistance = distance
    live = try LiveLedger.open(options)
    service = AdministrationService(live: live, clock: clock) { () throws(AdministrationError) in
      throw .failed("nothing to read again")
    }
    try Self.fill(live, history)
    try live.checkpointNow()
  }

  deinit { try? live.close() }

  private static func fill(_ live: LiveLedger, _ options: HistoryOptions) throws {
    var generator = live.withBooks { books in HistoryGenerator(options, after: books) }
    while !generator.isDone {
      var working = generator
      let first = try live.withBooks { books in
        do throws(BooksError) { try working.append(500, to: &books) } catch {
          guard error == .full else { throw error }
        }
        return books.batch.first
      }
      generator = working
      if !generator.isDone { try live.waitUntilDurable(first) }
    }
    try live.waitUntilDurable(live.withBooks { books in books.lastSequence })
  }

  /// A command that must succeed.
  @discardableResult
  func command(_ path: String, _ arguments: KeyValuePairs<String, String>) throws -> JSONValue {
    let answer = ask(path, arguments)
    let text = String(decoding: answer.body, as: UTF8.self)
    try #require(answer.status == 200, "\(path): \(text)")
    return try JSONParser(maxDepth: 64).parse(answer.body)
  }

  func ask(_ path: String, _ arguments: KeyValuePairs<String, String>) -> AdministrationAnswer {
    let object = JSONObject(
      arguments.map { JSONObject.Member(name: $0.key, value: .string($0.value)) })
    let body = Array(JSONValue.object(object).text.utf8)
    return service.answer(path, body, actor: "test")
  }

  var books: Books { live.withBooks { books in copy books } }

  /// Every user's balance and every key's use, by number.
  var money: [Int64] {
    let books = books
    return books.catalog.allUsers.map { books.balances.balance(of: $0.id).balance.value }
      + books.catalog.allKeys.map { books.keyQuota($0.id).used.value }
      + books.catalog.allKeys.map { books.usage(of: $0.id, at: books.lastTime).total.charged.value }
      + books.subscriptions.all.flatMap { entry in
        WindowKind.allCases.flatMap { kind in
          books.subscriptions.intervals(of: entry.id, kind).map(\.used.value)
        }
      }
  }

  /// Other prices of the models that generated histories use.
  static let otherPrices = """
    {"claude-sonnet-5-5": {"input_cost_per_token": 2.1e-06, "output_cost_per_token": 1.1e-05},
     "claude-haiku-5-5": {"input_cost_per_token": 1e-07, "output_cost_per_token": 7.77e-07},
     "claude-opus-5-5": {"input_cost_per_token": 9e-06, "output_cost_per_token": 5e-05}}
    """
}
