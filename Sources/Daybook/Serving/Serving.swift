// A serving process: the open ledger, the gateway on its reactors, the administration socket, and
// the built-in sandbox where an account names it.
import Base
import Foundation
import Gateway
import Glibc
import HTTP
import Ledger
import Projections
import Sandbox
import Synchronization

final class Serving: Sendable {
  private let options: ServeOptions
  private let log: Log
  private let live: LiveLedger
  private let reactors: [Reactor]
  private let gateway: Gateway
  private let server: GatewayServer
  private let socket: Server
  private let sandbox: Sandbox?
  private let configuration: Mutex<Configuration>
  private let greeting: FirstStart?

  /// Opens, binds and starts everything; requests are accepted when it returns.
  static func start(
    _ options: ServeOptions, _ signals: ServeSignals, _ log: Log
  ) throws -> Serving {
    let opening = try Opening(options, log)
    do {
      return try Serving(options, opening, signals, log)
    } catch {
      try? opening.live.close()
      throw error
    }
  }

  private init(
    _ options: ServeOptions, _ opening: Opening, _ signals: ServeSignals, _ log: Log
  ) throws {
    self.options = options
    self.log = log
    live = opening.live
    greeting = opening.greeting
    configuration = Mutex(opening.configuration)
    let count = max(1, ProcessInfo.processInfo.activeProcessorCount)
    let reactors = (0..<count).map { Reactor(index: $0) }
    self.reactors = reactors
    reactors[0].watch(signals: [SIGINT, SIGTERM, SIGHUP]) { signals.note($0) }
    let usesSandbox = opening.configuration.accounts.contains { $0.isSandbox }
    sandbox =
      usesSandbox
      ? try Sandbox(
        .demo, on: reactors,
        report: { text in
          log.write(.warn, .server, "sandbox") { $0.field("detail", ours: text) }
        }) : nil
    let gateway = Gateway(
      live: live, configuration: opening.configuration, credentials: opening.credentials,
      sandboxURL: sandbox?.url, log: log)
    self.gateway = gateway
    server = try Self.listen(gateway, opening.configuration, options, reactors, log)
    let reloading = ReloadBox()
    let service = AdministrationService(
      live: live, log: log, accountsChanged: { gateway.heedAccountConditions() }
    ) { () throws(AdministrationError) in try reloading.call() }
    gateway.offer(service)
    do {
      socket = try AdministrationHandler.serve(
        service, at: options.directory + "/daybook.sock", on: [reactors[0]])
    } catch {
      server.shutDown(within: 0)
      throw error
    }
    for reactor in reactors { try reactor.start() }
    reloading.set { [unowned self] () throws(AdministrationError) in try reload() }
  }

  /// The metrics port may be taken when nobody asked for it: then there are no metrics.
  private static func listen(
    _ gateway: Gateway, _ configuration: Configuration, _ options: ServeOptions,
    _ reactors: [Reactor], _ log: Log
  ) throws -> GatewayServer {
    let address = (options.listen ?? configuration.listen).listenAddress
    let metrics = configuration.gateway.metricsListen?.listenAddress
    do {
      return try GatewayServer(gateway, listen: address, metrics: metrics, on: reactors)
    } catch {
      guard let metrics, error.isInUse, error.address == metrics.description,
        !configuration.gateway.isMetricsListenStated
      else { throw error }
      log.write(.warn, .server, "no metrics") { $0.field("error", ours: "\(error)") }
      return try GatewayServer(gateway, listen: address, metrics: nil, on: reactors)
    }
  }

  // MARK: - Running

  /// Says what a person or a script waits for; `listening on` comes last, and once.
  func announce() throws {
    if let metrics = server.metricsAddress { try Console.say("metrics on http://\(metrics)") }
    if let vkey = live.treeKey?.vkey { try Console.say("tree heads are signed by \(vkey)") }
    if let greeting {
      let settings = configuration.withLock { $0 }
      try Console.say(Greeting.text(greeting, settings, server.address))
    }
    try Console.say("listening on http://\(server.address)")
    log.write(.info, .server, "started") { line in
      line.field("address", "\(server.address)")
      if let metrics = server.metricsAddress { line.field("metrics", "\(metrics)") }
      line.field("pid", getpid())
      line.field("sequence", live.durable.value)
    }
  }

  func reloadOnSignal() { _ = try? reload() }

  /// Reads the configuration again and puts it in force. On any error the old one stays.
  func reload() throws(AdministrationError) -> [UInt8] {
    do {
      let answer = try configuration.withLock { current in
        let (answer, new) = try replace(current)
        current = new
        return answer
      }
      log.write(.info, .server, "the configuration was read again and is in force")
      return answer
    } catch {
      log.write(.error, .server, "the configuration was not reloaded, the old one stays") {
        $0.field("error", ours: "\(error)")
      }
      throw .conflict("the configuration was not reloaded, the old one stays: \(error)")
    }
  }

  private func replace(_ old: Configuration) throws -> ([UInt8], Configuration) {
    let new = try options.readFile() ?? old
    let credentials = try Credentials.resolve(new, in: ServeOptions.surroundings)
    if new.accounts.contains(where: \.isSandbox), sandbox == nil {
      throw ConfigurationError(
        reason: "an account that uses the built-in sandbox needs a restart of the server")
    }
    let prices =
      options.configurationPath == nil ? nil : try ServeOptions.prices(of: new)
    let count = try Opening.declare(new, in: live, reason: "configuration reloaded")
    if let prices { try Opening.importPrices(prices, into: live, log) }
    log.adopt(new.logs)
    gateway.adopt(new, credentials: credentials, sandboxURL: sandbox?.url)
    var writer = JSONWriter()
    writer.object {
      $0.member("events", count)
      $0.member(
        "needs_restart",
        array: { for key in Self.restartNeeded(old, new) { $0.string(key) } })
    }
    return (writer.bytes, new)
  }

  /// Keys whose change shows at the next start only.
  private static func restartNeeded(_ old: Configuration, _ new: Configuration) -> [String] {
    let changes = [
      ("listen", old.listen != new.listen), ("http", old.http != new.http),
      ("ledger.segment_bytes", old.segmentBytes != new.segmentBytes),
      (
        "gateway.metrics_listen", old.gateway.metricsListen != new.gateway.metricsListen
      ),
      (
        "gateway.max_buffered_bytes",
        old.gateway.maxBufferedBytes != new.gateway.maxBufferedBytes
      ),
    ]
    return changes.filter(\.1).map(\.0)
  }

  /// Stops accepting, lets streams end, checkpoints, gives the ledger back.
  func stop() {
    log.write(.info, .server, "stopping")
    let within = configuration.withLock { $0.gateway.shutdown }.components
    server.shutDown(
      within: within.seconds * 1_000_000_000 + within.attoseconds / 1_000_000_000)
    socket.stopAccepting()
    let deadline = SystemMonotonicClock().now.advanced(seconds: 1)
    if !socket.waitUntilClosed(until: deadline) { socket.closeConnections() }
    sandbox?.stop()
    for reactor in reactors { reactor.stop() }
    do {
      try live.close()
    } catch {
      log.write(.error, .ledger, "the ledger could not be closed in good order") {
        $0.field("error", ours: "\(error)")
      }
    }
    log.write(.info, .server, "stopped") { $0.field("sequence", live.durable.value) }
    log.flush(until: SystemMonotonicClock().now.advanced(seconds: 1))
  }
}

/// Lets the administration be made before what it reloads.
private final class ReloadBox: Sendable {
  private let body = Mutex<AdministrationService.Reload?>(nil)
  func set(_ reload: @escaping AdministrationService.Reload) { body.withLock { $0 = reload } }
  func call() throws(AdministrationError) -> [UInt8] {
    guard let reload = body.withLock({ $0 }) else { throw .busy("the server is starting") }
    return try reload()
  }
}

extension HostPort {
  var listenAddress: HTTP.ListenAddress { .tcp(host: host, port: port) }
}
