// One listening socket on one reactor.

import Base
import CLinux
import Glibc

final class Listener: PollSource, @unchecked Sendable {
  let reactor: Reactor
  private let descriptor: Int32
  private let server: Server
  private var isListening = false
  private var retry: ReactorTimer! = nil

  /// At most so many connections are taken per event, so that the open ones get their turn.
  private static let batch = 64

  init(_ reactor: Reactor, _ descriptor: Int32, _ server: Server) {
    self.reactor = reactor
    self.descriptor = descriptor
    self.server = server
    super.init()
    retry = ReactorTimer { [unowned self] in resume() }
  }

  func start() {
    precondition(reactor.poller.add(descriptor, .readable, self), "epoll: errno \(errno)")
    isListening = true
    reactor.listeners.append(self)
  }
  /// Connections that were established already are still taken.
  func stop() {
    if !isListening { return }
    isListening = false
    reactor.listeners.removeAll { $0 === self }
    while accept() {}
    reactor.timers.remove(retry)
    reactor.poller.remove(descriptor)
    close(descriptor)
  }
  override func handle(_ events: PollEvents) {
    for _ in 0..<Self.batch where !accept() { return }
  }
  private func resume() {
    if isListening { reactor.poller.change(descriptor, .readable) }
  }

  /// Takes one connection; false when there is none to be had.
  private func accept() -> Bool {
    guard let (descriptor, peer) = SocketName.accept(self.descriptor) else {
      let code = errno
      if code == ECONNABORTED || code == EINTR { return true }
      if code != EAGAIN {
        // Out of descriptors or memory: the backlog waits, instead of waking us without end.
        reactor.poller.change(self.descriptor, [])
        reactor.timers.arm(retry, reactor.now.advanced(milliseconds: 100))
      }
      return false
    }
    if peer != .local { setFlag(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY) }
    guard server.admit() else {
      turnAway(descriptor)
      return true
    }
    let connection = Connection(reactor, server, descriptor, peer)
    let events: PollEvents = [.readable, .writable, .peerClosed, .edgeTriggered]
    guard reactor.poller.add(descriptor, events, connection) else {
      close(descriptor)
      server.connectionEnded()
      return true
    }
    reactor.counters.acceptedConnections.count(1)
    reactor.adopt(connection)
    reactor.startTask(OnReactor { await connection.serve() })
    return true
  }

  /// Too many connections: one attempt to say so.
  private func turnAway(_ descriptor: Int32) {
    reactor.counters.turnedAwayConnections.count(1)
    let (headers, body) = server.renderRefusal(503, "too many connections")
    var answer = AnswerHead.bytes(
      status: 503, headers: headers, length: body.count, date: reactor.dates.bytes(),
      closes: true, showsKeepAlive: false)
    answer.append(contentsOf: body)
    _ = unsafe answer.withUnsafeBytes {
      unsafe send(descriptor, $0.baseAddress, $0.count, sendFlags)
    }
    close(descriptor)
  }
}
