// libcurl's multi handle in the reactor: its sockets are watched by the reactor's epoll, its one
// timer by the reactor's turn, and it keeps the connections to upstreams for the next request.
//
// libcurl stops watching a socket after each request and starts again with the next one on the same
// connection. We leave it registered in between and take it out only when it turns readable while
// idle (the upstream closed it) or when libcurl closes it: one epoll_ctl per connection, not four
// per request. This holds for the sockets of connections, whose end we are told; others, the name
// resolver's, are closed without a word once they are not watched, so their watch ends at once.

import Base
import CCurl
import Glibc

/// libcurl's global state, made once.
private let curlIsReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

@safe final class CurlMulti {
  private let multi: UnsafeMutableRawPointer
  private unowned let reactor: Reactor
  /// When libcurl's timer is due, by the kernel's clock.
  private(set) var deadline = MonotonicTime.never
  private var sockets: [Int32: CurlSocket] = [:]
  /// Sockets of connections: their end is told by `socketCloses`.
  private var connectionSockets: Set<Int32> = []
  private var active: [ObjectIdentifier: EasyHandle] = [:]
  private var pool: [EasyHandle] = []

  private static let poolLimit = 1024
  /// Connections kept open for further requests.
  private static let keptConnections = 512

  init(_ reactor: Reactor) {
    precondition(curlIsReady, "libcurl cannot be initialised")
    self.reactor = reactor
    guard let multi = unsafe curl_multi_init() else { preconditionFailure("out of memory") }
    unsafe self.multi = multi
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe sh_multi_pointer(multi, CURLMOPT_SOCKETDATA, me)
    unsafe sh_multi_pointer(multi, CURLMOPT_TIMERDATA, me)
    unsafe sh_multi_long(multi, CURLMOPT_MAXCONNECTS, Self.keptConnections)
    unsafe sh_multi_socket(multi, { unsafe watchSocket($0, $1, $2, $3, $4) })
    unsafe sh_multi_timer(multi, { unsafe setTimer($0, $1, $2) })
  }
  /// Closes the kept connections. Nothing may be under way any more.
  func close() {
    pool = []
    unsafe curl_multi_cleanup(multi)
  }

  // MARK: transfers

  /// Starts a request for `transfer`; nil when it cannot even be made.
  func start(_ request: UpstreamRequest, _ transfer: TransferState) -> EasyHandle? {
    guard let easy = pool.popLast() ?? EasyHandle() else { return nil }
    guard easy.prepare(request, transfer, self),
      unsafe curl_multi_add_handle(multi, easy.handle) == CURLM_OK
    else {
      recycle(easy)
      return nil
    }
    active[ObjectIdentifier(easy)] = easy
    reactor.counters.transfers.count(1)
    return easy
  }
  /// Drops a request that is under way; its connection is closed.
  func cancel(_ easy: EasyHandle) {
    guard active.removeValue(forKey: ObjectIdentifier(easy)) != nil else { return }
    unsafe curl_multi_remove_handle(multi, easy.handle)
    recycle(easy)
  }
  func cancelAll() {
    for easy in Array(active.values) { easy.transfer?.cancel() }
  }
  private func recycle(_ easy: EasyHandle) {
    easy.clear()
    if pool.count < Self.poolLimit { pool.append(easy) }
  }

  // MARK: driving libcurl

  /// Lets libcurl do what its timer was for. True when it was due.
  func runTimerIfDue() -> Bool {
    if deadline > reactor.kernelNow { return false }
    deadline = .never
    act(CURL_SOCKET_BAD, 0)
    return true
  }
  fileprivate func act(_ socket: curl_socket_t, _ events: Int32) {
    var running: Int32 = 0
    unsafe curl_multi_socket_action(multi, socket, events, &running)
    reap()
  }
  /// Hands finished requests to their transfers.
  private func reap() {
    var left: Int32 = 0
    while let message = unsafe curl_multi_info_read(multi, &left) {
      guard unsafe message.pointee.msg == CURLMSG_DONE else { continue }
      let result = unsafe sh_message_result(message)
      var pointer: UnsafeMutableRawPointer?
      _ = unsafe sh_get_pointer(message.pointee.easy_handle, CURLINFO_PRIVATE, &pointer)
      guard let pointer = unsafe pointer else { continue }
      let easy = unsafe Unmanaged<EasyHandle>.fromOpaque(pointer).takeUnretainedValue()
      finish(easy, result)
    }
  }
  private func finish(_ easy: EasyHandle, _ result: CURLcode) {
    guard active.removeValue(forKey: ObjectIdentifier(easy)) != nil else { return }
    reactor.counters.upstreamConnects.count(easy.connects)
    easy.transfer?.finished(easy, result)
    unsafe curl_multi_remove_handle(multi, easy.handle)
    recycle(easy)
  }

  // MARK: its sockets and timer

  fileprivate func timer(milliseconds: Int) {
    let now = SystemMonotonicClock().now
    deadline = milliseconds < 0 ? .never : now.advanced(milliseconds: milliseconds)
    if milliseconds == 0 { deadline = reactor.kernelNow }
  }
  fileprivate func watch(_ socket: curl_socket_t, _ what: Int32) {
    let known = sockets[socket]
    if what == CURL_POLL_REMOVE {
      // Other sockets (the name resolver's) are closed without a word once they are not watched.
      if connectionSockets.contains(socket) { known?.wanted = [] } else { unwatch(socket) }
      return
    }
    var wanted: PollEvents = []
    if what & CURL_POLL_IN != 0 { wanted.insert(.readable) }
    if what & CURL_POLL_OUT != 0 { wanted.insert(.writable) }
    if let known {
      known.wanted = wanted
      if known.watched != wanted {
        known.watched = wanted
        reactor.poller.change(socket, wanted)
      }
      return
    }
    let source = CurlSocket(socket, self)
    source.wanted = wanted
    source.watched = wanted
    if reactor.poller.add(socket, wanted, source) { sockets[socket] = source }
  }
  func socketOpens(_ socket: curl_socket_t) { connectionSockets.insert(socket) }
  func socketCloses(_ socket: curl_socket_t) {
    connectionSockets.remove(socket)
    unwatch(socket)
  }
  fileprivate func unwatch(_ socket: curl_socket_t) {
    if sockets.removeValue(forKey: socket) != nil { reactor.poller.remove(socket) }
  }
}

extension CurlMulti {
  @unsafe fileprivate static func from(_ pointer: UnsafeMutableRawPointer?) -> CurlMulti? {
    guard let pointer = unsafe pointer else { return nil }
    return unsafe Unmanaged<CurlMulti>.fromOpaque(pointer).takeUnretainedValue()
  }
}

/// A socket of libcurl's in the reactor's epoll, level-triggered.
private final class CurlSocket: PollSource {
  let socket: curl_socket_t
  private unowned let multi: CurlMulti
  /// What libcurl wants to know; empty while the connection is idle.
  var wanted: PollEvents = []
  /// What epoll was told.
  var watched: PollEvents = []

  init(_ socket: curl_socket_t, _ multi: CurlMulti) {
    self.socket = socket
    self.multi = multi
  }
  override func handle(_ events: PollEvents) {
    // An idle connection that turned readable was closed by the upstream: libcurl will see it.
    if wanted.isEmpty { return multi.unwatch(socket) }
    var what: Int32 = 0
    if events.contains(.readable) { what |= CURL_CSELECT_IN }
    if events.contains(.writable) { what |= CURL_CSELECT_OUT }
    if !events.isDisjoint(with: [.failed, .hungUp]) { what |= CURL_CSELECT_ERR }
    multi.act(socket, what)
  }
}

private func watchSocket(
  _ easy: UnsafeMutableRawPointer?, _ socket: curl_socket_t, _ what: Int32,
  _ data: UnsafeMutableRawPointer?, _ perSocket: UnsafeMutableRawPointer?
) -> Int32 {
  unsafe CurlMulti.from(data)?.watch(socket, what)
  return 0
}

private func setTimer(
  _ multi: UnsafeMutableRawPointer?, _ milliseconds: Int, _ data: UnsafeMutableRawPointer?
) -> Int32 {
  unsafe CurlMulti.from(data)?.timer(milliseconds: milliseconds)
  return 0
}
