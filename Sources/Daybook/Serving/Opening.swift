// What happens between the words `daybook serve` and the first socket: the configuration is read
// and checked before the ledger is touched, then the ledger is opened and what changed is recorded.
import Base
import Foundation
import Gateway
import Glibc
import Ledger
import Projections
import Synchronization

/// An open ledger with the configuration that is in force.
struct Opening {
  let live: LiveLedger
  let configuration: Configuration
  let credentials: Credentials
  /// nil unless this was the first start of all, without a file.
  let greeting: FirstStart?

  init(_ options: ServeOptions, _ log: Log) throws {
    let file = try options.readFile()
    if let file { log.adopt(file.logs) }
    let found = try file.map { configuration in
      (
        credentials: try Credentials.resolve(configuration, in: ServeOptions.surroundings),
        prices: try ServeOptions.prices(of: configuration)
      )
    }
    let live = try Self.open(options, segmentBytes: file?.segmentBytes, log)
    do {
      let recorded = try live.withBooks { books throws(ConfigurationError) in
        file == nil ? try Configuration(recordedIn: books) : nil
      }
      let isFirst = file == nil && recorded == nil
      configuration = file ?? recorded ?? Self.initial
      log.adopt(configuration.logs)
      credentials =
        try found?.credentials
        ?? Credentials.resolve(configuration, in: ServeOptions.surroundings)
      try Self.declare(
        configuration, in: live, reason: file == nil ? "first start" : "configuration file")
      // A recorded price file stays what was imported of it; a newer built-in book is taken.
      if let prices = found?.prices {
        try Self.importPrices(prices, into: live, log)
      } else if configuration.pricesPath == nil {
        try Self.importPrices(.builtIn(), into: live, log)
      }
      greeting = isFirst ? try Self.greet(live) : nil
      self.live = live
    } catch {
      try? live.close()
      throw error
    }
  }

  private static var initial: Configuration {
    let key = ProcessInfo.processInfo.environment["ANTHROPIC_API_KEY"] ?? ""
    return .initial(usesAnthropic: !key.isEmpty)
  }

  private static func greet(_ live: LiveLedger) throws -> FirstStart? {
    let context = AdministrationContext(actor: "daybook", now: SystemWallClock().now())
    let (greeting, last) = try live.withBooks { books throws(AdministrationError) in
      (try FirstStart.prepare(&books, context), books.lastSequence)
    }
    try live.waitUntilDurable(last)
    return greeting
  }

  private static func open(
    _ options: ServeOptions, segmentBytes: Int64?, _ log: Log
  ) throws -> LiveLedger {
    var settings = LiveLedgerOptions(directory: options.directory)
    if let segmentBytes { settings.segmentBytes = Int(clamping: segmentBytes) }
    settings.acceptsClock = options.acceptsClock
    let progress = SharedProgress("folding the ledger")
    settings.progress = { progress.show($0.sequence.value, of: $0.last.value) }
    settings.onPoison = { error in
      log.write(.error, .ledger, "the server ends, start it again") {
        $0.field("error", ours: "\(error)")
      }
      log.flush(until: SystemMonotonicClock().now.advanced(milliseconds: 500))
      _exit(ExitCode.failed.rawValue)
    }
    settings.onTrouble = { trouble in
      log.write(.warn, .ledger, "trouble") { $0.field("detail", ours: trouble) }
    }
    let live = try LiveLedger.open(settings)
    progress.finish()
    report(live.opening, log)
    return live
  }

  private static func report(_ opening: OpeningReport, _ log: Log) {
    func tell(_ detail: String) {
      log.write(.warn, .ledger, "found at the start") { $0.field("detail", ours: detail) }
    }
    if let complaint = opening.complaint { tell(complaint) }
    if let cut = opening.cut {
      tell("\(cut.byteCount) bytes of an unfinished write were cut and kept in \(cut.copy)")
    }
    if opening.unknownOutcomes > 0 {
      tell(
        "\(opening.unknownOutcomes) requests were open when the last run ended; "
          + "recorded as outcome unknown")
    }
  }

  /// Records what differs from the last recorded state, durably.
  @discardableResult
  static func declare(
    _ configuration: Configuration, in live: LiveLedger, reason: String
  ) throws -> Int {
    let now = SystemWallClock().now()
    let (count, last) = try live.withBooks { books throws(BooksError) in
      (try configuration.declare(in: &books, reason: reason, now: now), books.lastSequence)
    }
    if last > .none { try live.waitUntilDurable(last) }
    return count
  }

  static func importPrices(_ prices: PriceImport, into live: LiveLedger, _ log: Log) throws {
    for problem in prices.problems {
      log.write(.warn, .server, "a price is left out") { $0.field("detail", ours: problem) }
    }
    _ = try prices.record(in: live, clock: SystemWallClock())
  }
}

/// A progress line that several threads may report to.
final class SharedProgress: Sendable {
  private let progress: Mutex<Progress>
  init(_ what: String, unit: String = "events") {
    progress = Mutex(Progress(what, unit: unit))
  }
  func show(_ done: UInt64, of total: UInt64) { progress.withLock { $0.show(done, of: total) } }
  func finish() { progress.withLock { $0.finish() } }
}
