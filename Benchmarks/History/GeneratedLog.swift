// A ledger in a folder with a generated history in it, written through Books and the real writer.
import Base
import Glibc
import Ledger
import Projections
import Synchronization

final class GeneratedLog: Sendable {
  let path: String
  let ledger: Ledger
  /// The files stay as long as this value.
  private let scratch: Scratch
  private let books: Mutex<Books>
  private let generator: Mutex<HistoryGenerator>

  struct Counts: Sendable {
    var events = 0
    var settlements = 0
  }

  init(
    _ name: String, in scratch: Scratch, _ history: HistoryOptions, segmentBytes: Int = 256 << 20
  ) throws {
    self.scratch = scratch
    path = scratch.file(name)
    var options = LedgerOptions()
    options.segmentBytes = segmentBytes
    ledger = try Ledger.open(RealFileSystem(), at: path, options: options)
    generator = Mutex(HistoryGenerator(history, after: Books()))
    books = Mutex(Books())
    try ledger.start { spare in self.books.withLock { $0.takeBatch(into: &spare) } }
  }

  var counts: Counts {
    generator.withLock { Counts(events: $0.events, settlements: $0.settlements) }
  }

  /// What the numbers in its events stand for.
  var names: EventNames { books.withLock { EventNames($0) } }

  /// Appends the whole history.
  /// - Parameter blockBytes: record bytes of a commit, at least; nil = as the writer takes them.
  func write(blockBytes: Int? = nil) throws {
    var isDone = false
    while !isDone {
      isDone = try generator.withLock { generator in
        try books.withLock { books in
          if let blockBytes, books.batch.bytes.count >= blockBytes { return false }
          do throws(BooksError) {
            try generator.append(blockBytes == nil ? 512 : 1, to: &books)
            return generator.isDone
          } catch {
            guard error == .full else { throw error }
            return false
          }
        }
      }
      let (waiting, last) = books.withLock { ($0.batch.bytes.count, $0.lastSequence) }
      if let blockBytes {
        if waiting < blockBytes && !isDone { continue }
        ledger.signal()
        try ledger.durability.waitUntilDurable(last)
      } else {
        ledger.signal()
        if waiting > 4 << 20 { try ledger.durability.waitUntilDurable(last) }
      }
    }
    ledger.signal()
    try ledger.durability.waitUntilDurable(books.withLock { $0.lastSequence })
  }

  func close() throws { try ledger.close() }

  /// Segment files, in order.
  var segments: [String] {
    get throws { try Scratch.segments(of: path) }
  }
}

extension HistoryOptions {
  /// Traffic with the recorded sizes of ../shared/data/traffic, where they are.
  static func realistic(requests: Int, hasFailures: Bool, seed: UInt64) -> HistoryOptions {
    var options = HistoryOptions()
    options.seed = seed
    options.requests = requests
    options.hasFailures = hasFailures
    options.requestsPerSecond = max(2, Double(requests) / (5 * 86_400))
    options.users = max(50, min(3000, requests / 100))
    options.start = Timestamp(
      microseconds: SystemWallClock().now().microseconds - Int64(options.seconds * 1.3e6)
        - 3_600_000_000)
    options.recordedChats = recordedTraffic("azure-2023-conv.csv")
    options.recordedCompletions = recordedTraffic("azure-2023-code.csv")
    return options
  }

  /// Sizes of recorded requests; none where the file is missing.
  private static func recordedTraffic(_ name: String) -> [(input: Int, output: Int)] {
    let path = "../shared/data/traffic/\(name)"
    guard let bytes = try? RealFileSystem().readFile(path) else { return [] }
    var sizes: [(input: Int, output: Int)] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")).dropFirst() {
      let columns = line.split(separator: UInt8(ascii: ","))
      guard columns.count == 3,
        let input = Int(String(decoding: columns[1], as: UTF8.self)),
        let output = Int(
          String(decoding: columns[2].filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self))
      else { continue }
      sizes.append((input, output))
    }
    return sizes
  }
}
