// `generate`: a made-up history as a new ledger, for trying out, testing and measuring. It is
// appended through the books as a server's would be, checkpointed behind, so memory stays bounded
// whatever its length. The same seed and number of requests give the same traffic; its days end
// before now.
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
        .value(
          "chats", "FILE", "sizes of chats from a recorded trace (CSV) instead of made-up ones"),
        .value("completions", "FILE", "the same for code completions"),
      ],
      summary: "make up a history as a new ledger, for tests and measurements",
      notes:
        "Refuses a directory that holds a ledger: a made-up charge never gets among real ones. "
        + "A trace has a header and the columns ContextTokens and GeneratedTokens, as Azure's "
        + "public LLM traces have."
    )
  ) { invocation in
    let requests = try invocation.integer("requests", in: 1...greatest) ?? 10_000
    let seed = try invocation.integer("seed", in: 0...Int.max) ?? 1
    let data = invocation.dataDirectory
    var history = options(requests: requests, seed: UInt64(seed))
    history.recordedChats = try sizes(invocation.parsed.values["chats"])
    history.recordedCompletions = try sizes(invocation.parsed.values["completions"])
    for name in ["ledger.json", "segments"] {
      guard try RealFileSystem().status(of: "\(data)/\(name)") == nil else {
        throw CommandFailure(
          "\(data) holds a ledger; a history is made up in a new directory (--data DIR)")
      }
    }
    let live = try LiveLedger.open(LiveLedgerOptions(directory: data))
    let progress = SharedProgress("generating", unit: "requests")
    var generator = HistoryGenerator(
      history, after: live.withBooks { $0 })
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

  /// Sizes of recorded requests; none without a file.
  private static func sizes(_ path: String?) throws -> [(input: Int, output: Int)] {
    guard let path else { return [] }
    let bytes: [UInt8]
    do { bytes = try RealFileSystem().readFile(path) } catch {
      throw CommandFailure("\(path) cannot be read: \(error)")
    }
    let lines = bytes.split { $0 == 0x0A || $0 == 0x0D }
      .map { String(decoding: $0, as: UTF8.self).split(separator: ",").map(String.init) }
    guard let header = lines.first, let input = header.firstIndex(of: "ContextTokens"),
      let output = header.firstIndex(of: "GeneratedTokens")
    else { throw CommandFailure("\(path) has no columns ContextTokens and GeneratedTokens") }
    let sizes = try lines.dropFirst().enumerated().map { index, line in
      guard line.count > max(input, output), let context = Int(line[input]),
        let generated = Int(line[output]), (0...10_000_000).contains(context),
        (0...10_000_000).contains(generated)
      else { throw CommandFailure("\(path):\(index + 2): two counts of tokens are expected") }
      return (input: context, output: generated)
    }
    guard !sizes.isEmpty else { throw CommandFailure("\(path) has no requests") }
    return sizes
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
