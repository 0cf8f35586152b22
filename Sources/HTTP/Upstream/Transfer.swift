// One request to an upstream and its answer, read in straight lines:
//
//   let transfer = reactor.start(request)
//   guard case .head(let head) = await transfer.head() else { ... }
//   while case .bytes(let bytes) = await transfer.next() { ... }
//
// What comes is kept until it is taken; above the request's `bufferBytes` the upstream is not read
// any further. Timeouts: the first byte from the start, gaps while we are willing to read.

public import Base
import CCurl
import Glibc

/// What `Transfer.head` ended with.
public enum HeadResult: Sendable {
  case head(UpstreamHead)
  case failed(TransferFailure)
  /// The deadline of this wait passed, or the caller left; the transfer goes on.
  case deadlinePassed, callerGone
}

/// What `Transfer.next` ended with.
public enum BodyResult: Sendable {
  case bytes([UInt8])
  /// The whole answer has been taken.
  case end
  case failed(TransferFailure)
  /// The deadline of this wait passed, or the caller left; the transfer goes on.
  case deadlinePassed, callerGone
}

extension Reactor {
  /// Starts a request to an upstream. Call it on the reactor's thread.
  public func start(_ request: UpstreamRequest) -> Transfer {
    let state = TransferState(self, request)
    state.start(request)
    return Transfer(state)
  }
}

/// A request under way. Lives on its reactor; letting it go cancels it.
public final class Transfer {
  private let state: TransferState
  init(_ state: TransferState) { self.state = state }
  deinit { state.cancel() }

  /// Waits for the answer's head.
  public func head(
    until deadline: MonotonicTime = .never, watching client: Client? = nil
  ) async -> HeadResult {
    await state.nextHead(until: deadline, watching: client?.connection)
  }
  /// Waits for the next piece of the body: whatever has come since the last one.
  public func next(
    until deadline: MonotonicTime = .never, watching client: Client? = nil
  ) async -> BodyResult {
    await state.nextBody(until: deadline, watching: client?.connection)
  }
  /// Drops the request; its connection is closed.
  public func cancel() { state.cancel() }

  /// Bytes of the body received so far, taken or not.
  public var receivedBytes: Int { state.receivedBytes }
  /// Whether an open connection was used again; nil until the transfer has ended.
  public var wasReused: Bool? { state.wasReused }
}

/// The transfer behind its facade. It lives while libcurl works for it.
final class TransferState {
  private let reactor: Reactor
  private var easy: EasyHandle?
  private var parser = UpstreamHeadParser()
  private var head: UpstreamHead?
  private var buffer: [UInt8] = []
  private var ended: Result<Void, TransferFailure>?
  private var isPaused = false
  private let parking: Parking
  private var timer: ReactorTimer! = nil
  private let bufferBytes: Int
  private let gapMilliseconds: Int
  private(set) var receivedBytes = 0
  private(set) var wasReused: Bool?
  private var problem: String?

  init(_ reactor: Reactor, _ request: UpstreamRequest) {
    self.reactor = reactor
    parking = Parking(reactor)
    bufferBytes = request.bufferBytes
    gapMilliseconds = request.gapMilliseconds
    timer = ReactorTimer { [unowned self] in timeOut() }
  }
  deinit { reactor.timers.remove(timer) }

  func start(_ request: UpstreamRequest) {
    precondition(reactor.isCurrent, "a transfer starts on its reactor")
    easy = reactor.upstreamDriver.start(request, self)
    if easy == nil {
      end(.malformed, "the request cannot be made: check the URL and the proxy", sent: 0)
      return
    }
    let deadline = reactor.now.advanced(milliseconds: request.firstByteMilliseconds)
    reactor.timers.arm(timer, deadline)
  }

  func nextHead(until deadline: MonotonicTime, watching connection: Connection?) async -> HeadResult
  {
    while true {
      if let head { return .head(head) }
      if case .failure(let failure) = ended { return .failed(failure) }
      switch await parking.park(until: deadline, watching: connection) {
      case .ready: continue
      case .deadlinePassed: return .deadlinePassed
      case .callerGone: return .callerGone
      }
    }
  }
  func nextBody(until deadline: MonotonicTime, watching connection: Connection?) async -> BodyResult
  {
    while true {
      if !buffer.isEmpty { return .bytes(takeBuffer()) }
      switch ended {
      case .success: return .end
      case .failure(let failure): return .failed(failure)
      case nil: break
      }
      if isPaused {
        resume()
        continue
      }
      switch await parking.park(until: deadline, watching: connection) {
      case .ready: continue
      case .deadlinePassed: return .deadlinePassed
      case .callerGone: return .callerGone
      }
    }
  }
  private func takeBuffer() -> [UInt8] {
    var bytes: [UInt8] = []
    swap(&bytes, &buffer)
    if isPaused { resume() }
    return bytes
  }
  private func resume() {
    isPaused = false
    armGap()
    easy?.pause(false)
  }
  private func armGap() {
    reactor.timers.arm(timer, reactor.now.advanced(milliseconds: gapMilliseconds))
  }

  func cancel() { stop(.cancelled, "the request was cancelled") }

  private func timeOut() {
    if head == nil {
      stop(.timeout, "the upstream did not begin to answer in time")
    } else {
      stop(.timeout, "the upstream sent nothing for \(gapMilliseconds) ms")
    }
  }
  private func stop(_ kind: TransferFailure.Kind, _ message: String) {
    guard ended == nil, let easy else { return }
    let sent = easy.sentBytes
    self.easy = nil
    end(kind, message, sent: sent)
    reactor.upstreamDriver.cancel(easy)
  }
  private func end(_ kind: TransferFailure.Kind, _ message: String, sent: Int) {
    ended = .failure(TransferFailure(kind: kind, message: message, sentBytes: sent))
    reactor.timers.remove(timer)
    parking.wake(.ready)
  }

  // MARK: from libcurl's callbacks

  /// False: not now, give it again after a resume.
  func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if buffer.count >= bufferBytes {
      isPaused = true
      reactor.timers.arm(timer, .never)
      return false
    }
    unsafe buffer.append(contentsOf: bytes)
    receivedBytes += bytes.count
    reactor.counters.upstreamReceivedBytes.count(bytes.count)
    armGap()
    parking.wake(.ready)
    return true
  }
  /// False: the head is not to be taken, the request fails.
  func receiveHeadLine(_ line: UnsafeRawBufferPointer) -> Bool {
    if head != nil { return true }  // a trailer
    do throws(Refused) {
      head = unsafe try parser.take(line)
    } catch {
      problem = error.reason
      return false
    }
    if head != nil {
      armGap()
      parking.wake(.ready)
    }
    return true
  }
  func finished(_ easy: EasyHandle, _ result: CURLcode) {
    self.easy = nil
    wasReused = easy.connects == 0
    if result == CURLE_OK && head != nil {
      ended = .success(())
      reactor.timers.remove(timer)
      parking.wake(.ready)
      return
    }
    let message = problem ?? (easy.errorMessage.isEmpty ? curlText(result) : easy.errorMessage)
    let kind = result == CURLE_OK ? .malformed : failureKind(result)
    end(kind, message, sent: easy.sentBytes)
  }
}

private func curlText(_ code: CURLcode) -> String {
  guard let text = unsafe curl_easy_strerror(code) else { return "error \(code.rawValue)" }
  return unsafe String(cString: text)
}

private func failureKind(_ code: CURLcode) -> TransferFailure.Kind {
  switch code {
  // The only time limit libcurl is given is the one for connecting.
  case CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
    CURLE_OPERATION_TIMEDOUT, CURLE_INTERFACE_FAILED, CURLE_PROXY:
    .connect
  case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ENGINE_NOTFOUND,
    CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_USE_SSL_FAILED,
    CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE,
    CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_SHUTDOWN_FAILED:
    .tls
  case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
    CURLE_SEND_FAIL_REWIND:
    .cut
  default: .malformed
  }
}
