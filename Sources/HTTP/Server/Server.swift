// A server: listening sockets on a set of reactors, the limits its callers are held to, the handler
// that answers them, and the end of it: stop accepting, let requests finish, close.

public import Base
import Glibc
import Synchronization

/// What callers are held to. Times in milliseconds, sizes in bytes.
public struct ServerLimits: Sendable {
  /// From the first byte of a head (or from the connection's start) to its end.
  public var headMilliseconds = 10_000
  /// Between an answer and the next request.
  public var idleMilliseconds = 75_000
  /// A body must come at least this fast, measured over `bodyWindowMilliseconds`.
  public var bodyMinBytesPerSecond = 1024
  public var bodyWindowMilliseconds = 10_000
  /// A caller that takes nothing for so long is gone.
  public var writeStallMilliseconds = 60_000
  /// After a refusal: how long, and how much, is read and thrown away before closing.
  public var lingerMilliseconds = 2_000
  public var lingerBytes = 1 << 20
  /// Open connections, over all reactors.
  public var maxConnections = 10_000
  public var headBytes = 16 * 1024
  public var targetBytes = 8 * 1024
  public var headerFields = 100

  public init() {}
}

/// Answers requests.
public protocol RequestHandler: Sendable {
  /// Called on the connection's reactor when a request's head is complete and checked, before its
  /// body is read. It must answer through `client` before it returns; one request of a connection
  /// at a time.
  func respond(to request: Request, on client: Client) async
}

/// Makes the answer to what the HTTP layer refuses by itself: 400, 408, 413, 414, 417, 431, 500,
/// 501, 503 (too many connections) and 505.
public typealias RefusalRenderer =
  @Sendable (_ status: Int, _ reason: String) -> (headers: ResponseHeaders, body: [UInt8])

public final class Server: Sendable {
  /// Where it listens, with the real port.
  public let address: ListenAddress
  public let limits: ServerLimits
  let handler: any RequestHandler
  let renderRefusal: RefusalRenderer
  private let reactors: [Reactor]
  private let listeners: Mutex<[Listener]>
  private let open = Atomic<Int>(0)
  private let draining = Atomic<Bool>(false)
  private let doorbell = Doorbell()

  /// Connections open now.
  public var openConnections: Int { open.load(ordering: .relaxed) }
  /// True once `stopAccepting` was called.
  public var isDraining: Bool { draining.load(ordering: .relaxed) }

  /// Listens on `address`, with a socket on each of `reactors` (a Unix socket on the first only),
  /// and answers from then on. Call it from outside the reactors, before or after they start.
  public init(
    _ address: ListenAddress, on reactors: [Reactor], limits: ServerLimits = ServerLimits(),
    refusals: @escaping RefusalRenderer, handler: some RequestHandler
  ) throws(ListenError) {
    precondition(!reactors.isEmpty)
    let opened = try address.open(count: reactors.count)
    self.address = opened.address
    self.limits = limits
    self.handler = handler
    self.renderRefusal = refusals
    self.reactors = Array(reactors.prefix(opened.descriptors.count))
    listeners = Mutex([])
    let made = zip(self.reactors, opened.descriptors).map { Listener($0, $1, self) }
    listeners.withLock { $0 = made }
    for listener in made { listener.reactor.post { listener.start() } }
  }

  /// Accepts no more connections; idle ones are closed, the others after the answer they are at.
  /// Any thread.
  public func stopAccepting() {
    draining.store(true, ordering: .relaxed)
    let stopped = listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for listener in stopped { listener.reactor.post { listener.stop() } }
    for reactor in reactors {
      reactor.post { [self] in
        for connection in reactor.connections where connection.server === self {
          connection.drain()
        }
      }
    }
    if case .unix(let path) = address { unsafe unlink(path) }
  }
  /// Blocks until no connection is open (true) or until `deadline` of the kernel's clock (false).
  /// Call it after `stopAccepting`, not on a reactor.
  public func waitUntilClosed(until deadline: MonotonicTime) -> Bool {
    while openConnections > 0 {
      if !doorbell.wait(until: deadline) { return openConnections == 0 }
    }
    return true
  }
  /// Drops every connection, whatever it is at: handlers see that the caller is gone. Any thread.
  public func closeConnections() {
    for reactor in reactors {
      reactor.post { [self] in
        for connection in reactor.connections where connection.server === self { connection.drop() }
      }
    }
  }

  /// Counts a connection in; false when there are too many.
  func admit() -> Bool {
    if open.add(1, ordering: .relaxed).newValue <= limits.maxConnections { return true }
    connectionEnded()
    return false
  }
  func connectionEnded() {
    if open.subtract(1, ordering: .relaxed).newValue == 0 { doorbell.ring() }
  }
}
