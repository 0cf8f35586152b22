// The writing half of a connection: heads, bodies, chunks, refusals, and getting them out.

import Base
import Glibc

/// How far the answer to the present request is.
enum Answer {
  case none
  /// The head is written; the body follows in pieces. `drops`: a HEAD request, nothing is sent.
  case streaming(chunked: Bool, drops: Bool)
  case complete
  /// The HTTP layer has answered by itself; what the handler says is dropped.
  case refused
}

extension Connection {
  /// Bytes written and not yet taken by the socket.
  var unsent: Int { output.count - sent }

  func respond(_ status: Int, _ headers: ResponseHeaders, _ bytes: [UInt8]) {
    if isGone { return noteComplete() }
    guard mayAnswer() else { return }
    let hasBody = status != 204 && status != 304
    writeHead(status, headers, hasBody ? .length(bytes.count) : .none)
    if hasBody && !isHead {
      output.append(contentsOf: bytes)
      answeredBytes = bytes.count
    }
    answer = .complete
    reactor.markDirty(self)
  }
  func startStream(_ status: Int, _ headers: ResponseHeaders) {
    if isGone {
      answer = .streaming(chunked: true, drops: true)
      return
    }
    guard mayAnswer() else { return }
    if minor == 0 { closes = true }
    let chunked = minor != 0
    writeHead(status, headers, chunked ? .chunked : .untilClose)
    answer = .streaming(chunked: chunked, drops: isHead)
    reactor.markDirty(self)
  }
  func write(_ bytes: ArraySlice<UInt8>) async throws(CallerGone) {
    if isGone { throw CallerGone() }
    guard case .streaming(let chunked, let drops) = answer else {
      if case .refused = answer { throw CallerGone() }
      preconditionFailure("write comes between startStream and finishStream")
    }
    if drops || bytes.isEmpty { return }
    if chunked { AnswerHead.appendChunkSize(bytes.count, to: &output) }
    output.append(contentsOf: bytes)
    answeredBytes += bytes.count
    if chunked { AnswerHead.append("\r\n", to: &output) }
    reactor.markDirty(self)
    if unsent < Self.highWater { return }
    flush()
    if unsent < Self.highWater { return }
    while unsent > Self.lowWater && !isGone { await wait(.room(Self.lowWater), until: .never) }
    if isGone { throw CallerGone() }
  }
  func finishStream() {
    if isGone { return noteComplete() }
    guard case .streaming(let chunked, let drops) = answer else {
      if case .refused = answer { return }
      preconditionFailure("finishStream comes after startStream")
    }
    if chunked && !drops { AnswerHead.append("0\r\n\r\n", to: &output) }
    answer = .complete
    reactor.markDirty(self)
  }

  /// Answers for the HTTP layer and ends the connection.
  func refuse(_ refused: Refused) {
    if isGone { return }
    closes = true
    lingers = true
    guard case .none = answer else {
      drop()
      return
    }
    reactor.counters.refusedRequests.count(1)
    let (headers, bytes) = server.renderRefusal(refused.status, refused.reason)
    writeHead(refused.status, headers, .length(bytes.count))
    if !isHead { output.append(contentsOf: bytes) }
    answer = .refused
    reactor.markDirty(self)
  }

  /// After the handler: an answer that was not finished cannot be trusted, so the connection ends.
  func finishAnswer() {
    if isGone { return }
    switch answer {
    case .none: refuse(Refused(500, "the request was not answered"))
    case .streaming: drop()
    case .complete, .refused: break
    }
  }

  private func noteComplete() { answer = .complete }

  private func mayAnswer() -> Bool {
    switch answer {
    case .none: return true
    case .refused: return false
    case .streaming, .complete: preconditionFailure("a request is answered once")
    }
  }

  private func writeHead(_ status: Int, _ headers: ResponseHeaders, _ framing: AnswerFraming) {
    if !skipBufferedBody() {
      closes = true
      lingers = true
    }
    if server.isDraining { closes = true }
    answeredStatus = status
    AnswerHead.append(
      to: &output, status: status, headers: headers, framing: framing, date: reactor.dates.bytes(),
      closes: closes, showsKeepAlive: headers.showsKeepAlive || minor == 0)
  }

  /// Sends as much as the socket takes.
  func flush() {
    if isGone || unsent == 0 { return }
    var progress = false
    while isWritable && unsent > 0 {
      let count = unsafe output.withUnsafeBytes { bytes in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[sent...])
        return unsafe send(descriptor, rest.baseAddress, rest.count, sendFlags)
      }
      if count >= 0 {
        sent += count
        progress = true
        reactor.counters.sentBytes.count(count)
      } else if errno == EAGAIN {
        isWritable = false
      } else if errno != EINTR {
        return drop()
      }
    }
    trimOutput()
    watchStall(progress)
    if case .room(let most) = need, unsent <= most { parking.wake(.ready) }
  }
  private func trimOutput() {
    if sent == output.count {
      if output.capacity > 64 * 1024 {
        output = []
      } else {
        output.removeAll(keepingCapacity: true)
      }
      sent = 0
    } else if sent > 64 * 1024 {
      output.removeSubrange(0..<sent)
      sent = 0
    }
  }
  /// Unsent bytes that make no progress for too long mean that the caller is gone.
  private func watchStall(_ progress: Bool) {
    if unsent == 0 {
      if stall.deadline != .never { reactor.timers.arm(stall, .never) }
    } else if progress || stall.deadline == .never {
      let limit = server.limits.writeStallMilliseconds
      reactor.timers.arm(stall, reactor.now.advanced(milliseconds: limit))
    }
  }
}
