// `daybook serve`: from the words to a server that accepts requests, and to its orderly end.
import Base
import Gateway
import Glibc
import Synchronization

enum ServeCommand {
  static let command = Command(
    CommandSpec(
      name: "serve",
      options: [
        .value("config", "FILE", "configuration (JSON with comments); see docs/configuration.md"),
        .value("listen", "HOST:PORT", "where to accept requests, port 0 = any free one"),
        .flag("accept-clock", "serve although the ledger is more than a day ahead of the clock"),
      ],
      summary: "run the gateway",
      notes: """
        Without --config the server goes on with what the ledger recorded last. The very first
        start without one makes a sandbox upstream (api.anthropic.com when ANTHROPIC_API_KEY is
        set), a group `default`, a user `demo` with $10, and prints its key once.

        SIGHUP reads the configuration again; SIGTERM and SIGINT end in good order.
        """, printsData: false)
  ) { invocation in
    let options = try ServeOptions(invocation)
    Signals.block([SIGINT, SIGTERM, SIGHUP])
    raiseDescriptorLimit()
    let signals = ServeSignals()
    let log = try Log(
      areas: LogArea.all, own: .log, settings: LogSettings(), sink: DescriptorSink(STDERR_FILENO))
    // Whatever ends the command: what was logged comes before its last words.
    defer { log.flush(until: SystemMonotonicClock().now.advanced(seconds: 1)) }
    let serving = try Serving.start(options, signals, log)
    do {
      try serving.announce()
    } catch {
      serving.stop()
      throw error
    }
    signals.waitForEnd { serving.reloadOnSignal() }
    serving.stop()
  }
}

/// The signals of a serving process, noted by reactor 0 and heeded by the main thread.
final class ServeSignals: Sendable {
  private let bell = Doorbell()
  private let isEnding = Atomic(false)
  private let wantsReload = Atomic(false)

  func note(_ signal: Int32) {
    if signal == SIGHUP {
      wantsReload.store(true, ordering: .sequentiallyConsistent)
    } else {
      isEnding.store(true, ordering: .sequentiallyConsistent)
    }
    bell.ring()
  }

  /// Blocks until SIGTERM or SIGINT; calls `reload` for each SIGHUP before.
  func waitForEnd(reload: () -> Void) {
    while !isEnding.load(ordering: .sequentiallyConsistent) {
      bell.wait()
      if wantsReload.exchange(false, ordering: .sequentiallyConsistent) { reload() }
    }
  }
}
