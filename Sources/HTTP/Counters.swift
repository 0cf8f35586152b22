// Counts per reactor. Each is written by the reactor's thread alone; readers of other threads see a
// recent value. Sum them over the reactors when they are asked for.

public import Synchronization

/// What passed through one reactor since it started.
public final class HTTPCounters: Sendable {
  /// Callers' connections: accepted ever, open now, turned away because of the limit.
  public let acceptedConnections = Atomic<Int>(0)
  public let openConnections = Atomic<Int>(0)
  public let turnedAwayConnections = Atomic<Int>(0)
  /// Requests whose head was complete, and those the HTTP layer refused by itself.
  public let requests = Atomic<Int>(0)
  public let refusedRequests = Atomic<Int>(0)
  /// Bytes on callers' sockets, heads and framing included.
  public let receivedBytes = Atomic<Int>(0)
  public let sentBytes = Atomic<Int>(0)
  /// Requests to upstreams, connections opened for them, and body bytes received from them.
  public let transfers = Atomic<Int>(0)
  public let upstreamConnects = Atomic<Int>(0)
  public let upstreamReceivedBytes = Atomic<Int>(0)

  public init() {}
}

extension Atomic where Value == Int {
  /// Adds without a locked instruction: for the one thread that writes this counter.
  func count(_ n: Int) { store(load(ordering: .relaxed) &+ n, ordering: .relaxed) }
}
