// The gateway on the network: listening sockets, the metrics page, and an orderly end.
import Base
public import HTTP
import Ledger
import Synchronization

/// A gateway that accepts requests.
public final class GatewayServer: Sendable {
  public let gateway: Gateway
  private let server: Server
  private let metricsServer: Server?
  private let ticker: Ticker
  private let publisher: HeadPublisher

  /// Where requests are accepted, with the real port.
  public var address: HTTP.ListenAddress { server.address }
  /// Where GET /metrics is answered; nil when that port was taken.
  public var metricsAddress: HTTP.ListenAddress? { metricsServer?.address }

  /// Listens on all `reactors`. The metrics page is served by the first of them.
  /// - Parameter metrics: nil = no metrics page.
  public init(
    _ gateway: Gateway, listen: HTTP.ListenAddress, metrics: HTTP.ListenAddress?,
    on reactors: [Reactor]
  ) throws(ListenError) {
    self.gateway = gateway
    let settings = gateway.snapshot.configuration
    let limits = ServerLimits(settings.http, gateway: settings.gateway)
    let page = MetricsHandler(gateway: gateway, reactors: reactors)
    gateway.administration.count(reactors)
    server = try Server(
      listen, on: reactors, limits: limits,
      refusals: { gateway.refusal(status: $0, reason: $1) }, handler: gateway)
    do {
      metricsServer = try metrics.map { address throws(ListenError) in
        try Server(
          address, on: [reactors[0]], limits: limits,
          refusals: { gateway.refusal(status: $0, reason: $1) },
          handler: page)
      }
    } catch {
      server.stopAccepting()
      throw error
    }
    ticker = Ticker(reactors[0]) { gateway.flushRejections() }
    publisher = HeadPublisher(gateway, on: reactors[0])
  }

  /// Accepts nothing more, lets requests end, cuts those that do not: they settle as partial, or as
  /// failed where nothing was received. Blocks; not to be called on a reactor.
  /// - Parameter nanoseconds: how long requests may take; what is left of a twentieth of it, and at
  ///   least a second, is for cutting them.
  public func shutDown(within nanoseconds: Int64) {
    let clock = SystemMonotonicClock()
    let end = clock.now.advanced(nanoseconds: nanoseconds)
    let cut = max(1_000_000_000, nanoseconds / 20)
    server.stopAccepting()
    metricsServer?.stopAccepting()
    _ = server.waitUntilClosed(until: end.advanced(nanoseconds: -cut))
    gateway.active.endAll()
    if !server.waitUntilClosed(until: end) { server.closeConnections() }
    gateway.active.waitUntilEmpty(until: end.advanced(nanoseconds: cut))
    metricsServer?.closeConnections()
    ticker.stop()
    publisher.stop()
    gateway.flushRejections()
  }
}

extension Gateway {
  /// What the HTTP layer refuses by itself, in the Anthropic envelope.
  func refusal(status: Int, reason: String) -> (headers: ResponseHeaders, body: [UInt8]) {
    let kind = status >= 500 ? "api_error" : "invalid_request_error"
    let id = newRequestID()
    metrics.countRefusal(status: status)
    tellRefusal(id, status: status, reason: reason)
    return (.json(id), Answer(status, kind, reason).body)
  }
}

extension ServerLimits {
  init(_ settings: HTTPSettings, gateway: GatewaySettings) {
    self.init()
    headMilliseconds = settings.head.milliseconds
    idleMilliseconds = settings.idle.milliseconds
    bodyMinBytesPerSecond = Int(clamping: settings.bodyMinBytesPerSecond)
    maxConnections = Int(clamping: settings.maxConnections)
    writeStallMilliseconds = gateway.writeStall.milliseconds
  }
}

/// Calls something every second on a reactor.
private final class Ticker: Sendable {
  private let isStopped = Atomic<Bool>(false)
  init(_ reactor: Reactor, _ tick: @escaping @Sendable () -> Void) {
    reactor.start { [self] in
      while !isStopped.load(ordering: .relaxed) {
        await reactor.sleep(until: reactor.now.advanced(seconds: 1))
        tick()
      }
    }
  }
  func stop() { isStopped.store(true, ordering: .relaxed) }
}

extension Duration {
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds.multipliedClamped(1_000_000_000).addingClamped(attoseconds / 1_000_000_000)
  }
  var milliseconds: Int { Int(clamping: nanoseconds / 1_000_000) }
}

extension Int64 {
  /// The sum, or the end of the range it would leave.
  func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }
}
