// One caller's connection: its socket, what was read and not yet used, what is to be sent, and the
// task that serves it. All of it on one reactor's thread.
//
//   serve:  next request -> handler -> next request ... -> close gently
//
// The task does the reading when it wants bytes; events only note that there are some and wake it.
// The caller's leaving (EPOLLRDHUP, a half-close counts, RFC 9112 section 9.6 leaves that to us)
// closes the socket at once; the task goes on to its end and finds everything it writes dropped.
//
// Reading is in Connection+Reading, answering in Connection+Answering.

import Base
import CLinux
import Glibc

final class Connection: PollSource {
  let reactor: Reactor
  let server: Server
  let peer: PeerAddress
  let descriptor: Int32
  /// Where it stands among its reactor's connections.
  var place = -1
  /// True while it waits in the reactor's list of those with something to send.
  var isDirty = false

  // Input: bytes of `input` from `used` on are not used yet.
  var input: [UInt8] = []
  var used = 0
  /// True while the socket may hold bytes we have not read.
  var isReadable = true
  var body = BodyDecoder(.none)
  var awaitsContinue = false
  var discarded = 0

  // Output: bytes of `output` from `sent` on are not sent yet.
  var output: [UInt8] = []
  var sent = 0
  var isWritable = true
  var stall: ReactorTimer! = nil

  // The request being answered.
  var answer = Answer.none
  /// Status and body bytes of the answer so far; 0 before it.
  var answeredStatus = 0
  var answeredBytes = 0
  var isHead = false
  var minor = 1
  /// No further request is taken from this connection.
  var closes = false
  /// The answer to a refusal or to a request whose body was not read: see `closeGently`.
  var lingers = false
  var isGone = false
  var isFirstRequest = true

  /// What the task waits for here, if it does.
  enum Need {
    case nothing, input
    /// Until not more than so many bytes are unsent.
    case room(Int)
  }
  var need = Need.nothing
  var parking: Parking! = nil
  var observers: [any DepartureObserver] = []

  /// Above this many unsent bytes a writer waits, until they are less than `lowWater`. The kernel
  /// keeps far more for a caller that is slow: here it is memory of ours, for each stalled caller.
  static let highWater = 64 * 1024, lowWater = 16 * 1024

  init(_ reactor: Reactor, _ server: Server, _ descriptor: Int32, _ peer: PeerAddress) {
    self.reactor = reactor
    self.server = server
    self.descriptor = descriptor
    self.peer = peer
    super.init()
    parking = Parking(reactor)
    stall = ReactorTimer { [unowned self] in drop() }
  }

  // MARK: the task

  func serve() async {
    let client = Client(connection: self)
    while let request = await nextRequest() {
      reactor.counters.requests.count(1)
      await server.handler.respond(to: request, on: client)
      finishAnswer()
    }
    await closeGently()
  }

  /// Sends what is left; after a refusal reads and drops what the caller is still sending, so that
  /// the answer is not lost to a reset (RFC 9112 section 9.6).
  private func closeGently() async {
    if unsent > 0 { flush() }
    while unsent > 0 && !isGone { await wait(.room(0), until: .never) }
    if !isGone && (lingers || used < input.count) {
      shutdown(descriptor, Int32(SHUT_WR))
      let deadline = reactor.now.advanced(milliseconds: server.limits.lingerMilliseconds)
      discarded = input.count - used
      while !isGone && discarded <= server.limits.lingerBytes {
        input.removeAll()
        used = 0
        if isReadable {
          discarded += receive()
        } else if await wait(.input, until: deadline) == .deadlinePassed {
          break
        }
        if reactor.now >= deadline { break }
      }
    }
    drop()
  }

  @discardableResult
  func wait(_ need: Need, until deadline: MonotonicTime) async -> Wake {
    if isGone { return .callerGone }
    self.need = need
    defer { self.need = .nothing }
    return await parking.park(until: deadline)
  }

  // MARK: events

  override func handle(_ events: PollEvents) {
    if !events.isDisjoint(with: [.failed, .hungUp, .peerClosed]) { return drop() }
    if events.contains(.readable) {
      isReadable = true
      if case .input = need { parking.wake(.ready) }
    }
    if events.contains(.writable) {
      isWritable = true
      if unsent > 0 { flush() }
    }
  }

  /// Closes the socket; whoever waits for this caller is told.
  func drop() {
    if isGone { return }
    isGone = true
    reactor.timers.remove(stall)
    reactor.poller.forget(descriptor)
    close(descriptor)
    reactor.release(self)
    server.connectionEnded()
    output = []
    input = []
    sent = 0
    used = 0
    parking.wake(.callerGone)
    let told = observers
    observers = []
    for observer in told { observer.callerLeft() }
  }
  /// The server takes no more requests: close now when idle, else after the answer.
  func drain() {
    closes = true
    if case .none = answer, case .input = need, used == input.count, body.isComplete {
      parking.wake(.ready)
    }
  }
  func removeObserver(_ observer: any DepartureObserver) {
    observers.removeAll { $0 === observer }
  }
}
