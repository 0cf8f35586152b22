// `generate`: a made-up history as a new ledger, for trying out, testing and measuring. It is
// appended through the books as a server's would be, checkpointed behind, so memory stays bounded
// whatever its length. The same seed and number of requests give the same traffic; dates end now.
import Base
import Foundation
import Gateway
import Ledger
import Projections

enum GenerateCommand {
  /// Requests of one history, at most: some terabytes of log would follow.
  private static let greatest = 10_000_000_000

  static let command = Command(
    CommandSpec(
      name: "generate",
      options: [
        .value("requests", "N", "requests that reach the billing check (10,000)"),
        .value("seed", "S", "decides users, sizes and who fails (1)"),
      ],
      summary: "make up a history as a new ledger, for tests and measurements",
      notes: "Refuses a directory that holds a ledger: a made-up charge never gets among real ones."
    )
  ) { invocation in
    let requests = try invocation.integer("requests", in: 1...greatest) ?? 10_000
    let seed = try invocation.integer("seed", in: 0...Int.max) ?? 1
    let data = invocation.dataDirectory
    for name in ["ledger.json", "segments"] {
      guard try RealFileSystem().status(of: "\(data)/\(name)") == nil else {
        throw CommandFailure(
          "\(data) holds a ledger; a history is made up in a new directory (--data DIR)")
      }
    }
    let live = try LiveLedger.open(LiveLedgerOptions(directory: data))
    let progress = SharedProgress("generating", unit: "requests")
    var generator = HistoryGenerator(
      options(requests: requests, seed: UInt64(seed)), after: live.withBooks { $0 })
    do {
      try run(&generator, requests, live, progress)
    } catch {
      progress.finish()
      try? live.close()
      throw error
    }
    progress.finish()
    try live.close()
    let line =
      invocation.wantsJSON
      ? "{\"requests\":\(generator.requests),\"events\":\(generator.events),"
        + "\"settlements\":\(generator.settlements)}\n"
      : "\(generator.events) events of \(generator.requests) requests, "
        + "\(generator.settlements) of them charged, in \(data)\n"
    try Console.write(Array(line.utf8))
  }

  /// About five days that end before now.
  private static func options(requests: Int, seed: UInt64) -> HistoryOptions {
    var options = HistoryOptions()
    options.seed = seed
    options.requests = requests
    options.requestsPerSecond = max(2, Double(requests) / (5 * 86_400))
    options.users = max(50, min(3000, requests / 100))
    let lead = Int64(options.seconds * 1.3e6) + 3_600_000_000
    // From a midnight on: the day's course is part of the history, and the same seed gives the same
    // one all day long.
    let day: Int64 = 86_400_000_000
    let start = SystemWallClock().now().microseconds - lead
    options.start = Timestamp(microseconds: start - start % day)
    return options
  }

  private static func run(
    _ generator: inout HistoryGenerator, _ requests: Int, _ live: LiveLedger,
    _ progress: SharedProgress
  ) throws {
    while !generator.isDone {
      var isFull = false
      var working = generator
      let first = try live.withBooks { books in
        do throws(BooksError) { try working.append(2048, to: &books) } catch {
          guard error == .full else { throw error }
          isFull = true
        }
        return books.batch.first
      }
      generator = working
      // The batch is full: go on when the writer has taken it.
      if isFull { try live.waitUntilDurable(first) }
      progress.show(UInt64(generator.requests), of: UInt64(requests))
    }
    let last = live.withBooks { $0.lastSequence }
    try live.waitUntilDurable(last)
  }
}
