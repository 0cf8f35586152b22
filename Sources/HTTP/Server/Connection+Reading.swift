// The reading half of a connection: the next request's head, and its body when the handler asks.

import Base
import Glibc

extension Connection {
  /// The next request of this connection, nil when there will be none.
  func nextRequest() async -> Request? {
    while unsent >= Self.highWater && !isGone { await wait(.room(Self.lowWater), until: .never) }
    if closes { return nil }
    var parser = HeadParser(
      limits: HeadLimits(
        headBytes: server.limits.headBytes, targetBytes: server.limits.targetBytes,
        fields: server.limits.headerFields))
    answer = .none
    answeredStatus = 0
    answeredBytes = 0
    let started = reactor.now
    var deadline = started.advanced(
      milliseconds: isFirstRequest ? server.limits.headMilliseconds : server.limits.idleMilliseconds
    )
    while !isGone {
      let hadBegun = parser.hasBegun
      do throws(Refused) {
        let step = try parser.parse(input.span.extracting(used...))
        if case .complete(let end) = step { return accept(parser, end) }
      } catch {
        minor = 1
        isHead = false
        refuse(error)
        return nil
      }
      if parser.hasBegun && !hadBegun && !isFirstRequest {
        deadline = reactor.now.advanced(milliseconds: server.limits.headMilliseconds)
      }
      if !parser.hasBegun && closes { return nil }
      if isReadable {
        _ = receive()
      } else if await wait(.input, until: deadline) == .deadlinePassed {
        if parser.hasBegun { refuse(Refused(408, "the request head came too slowly")) }
        return nil
      }
    }
    return nil
  }

  private func accept(_ parser: HeadParser, _ end: Int) -> Request {
    let request = Request(parser, bytes: Array(input[used..<(used + end)]), peer: peer)
    used += end
    compact()
    body = BodyDecoder(parser.framing)
    awaitsContinue = parser.expectsContinue && !body.isComplete
    isHead = parser.method == .head
    minor = parser.minor
    if !parser.keepsAlive || server.isDraining { closes = true }
    isFirstRequest = false
    return request
  }

  /// Reads the rest of the request's body. See Client.readBody.
  func readBody(limit: Int, budget: BodyBudget?) async throws(BodyError) -> [UInt8] {
    if let announced = body.announced, announced > limit { throw .tooLarge }
    var reservation = BodyReservation(budget)
    guard reservation.grow(to: body.announced ?? 0) else { throw .busy }
    if awaitsContinue && !isGone {
      awaitsContinue = false
      AnswerHead.append("HTTP/1.1 100 Continue\r\n\r\n", to: &output)
      flush()
    }
    var bytes: [UInt8] = []
    // Room is made as bytes come: an announcement alone costs nothing.
    bytes.reserveCapacity(min(body.announced ?? 0, 1 << 20))
    var pace = BodyPace(self)
    while true {
      if try decode(into: &bytes, limit: limit) { break }
      guard reservation.grow(to: bytes.count) else { throw .busy }
      if isGone { throw .gone }
      if pace.isTooSlow(bytes.count, reactor.now) {
        refuse(Refused(408, "the request body came too slowly"))
        throw .tooSlow
      }
      if isReadable { _ = receive() } else { await wait(.input, until: pace.windowEnd) }
    }
    guard reservation.grow(to: bytes.count) else { throw .busy }
    reservation.keep()
    return bytes
  }

  /// True when the body is complete.
  private func decode(into bytes: inout [UInt8], limit: Int) throws(BodyError) -> Bool {
    do throws(BodyDecoder.Failure) {
      let step = try body.decode(input.span.extracting(used...), into: &bytes, limit: limit)
      switch step {
      case .complete(let count):
        used += count
        compact()
        return true
      case .incomplete(let count):
        used += count
        compact()
        return false
      }
    } catch {
      switch error {
      case .tooLarge: throw .tooLarge
      // A chunk that no limit allows is too large in the same words as any other body.
      case .refused(let refused) where refused.status == 413: throw .tooLarge
      case .refused(let refused):
        refuse(refused.status == 400 ? Refused(400, "Failed to read request body") : refused)
        throw .malformed
      }
    }
  }

  /// Whether the body need not be waited for: read already, or all of it here, when it is dropped.
  func skipBufferedBody() -> Bool {
    if body.isComplete { return true }
    guard let left = body.announced, left <= input.count - used else { return false }
    used += left
    body = BodyDecoder(.none)
    awaitsContinue = false
    compact()
    return true
  }

  /// Reads what the socket holds, at most one buffer full. The number of bytes read.
  func receive() -> Int {
    let count = unsafe reactor.scratch.withUnsafeMutableBytes { buffer in
      unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
    }
    if count > 0 {
      input.append(contentsOf: reactor.scratch[0..<count])
      if count < reactor.scratch.count { isReadable = false }
      reactor.counters.receivedBytes.count(count)
      return count
    }
    if count < 0 && errno == EINTR { return 0 }
    if count < 0 && errno == EAGAIN {
      isReadable = false
    } else {
      drop()
    }
    return 0
  }

  /// Gives the room of used bytes back.
  private func compact() {
    if used == input.count {
      if input.capacity > 16 * 1024 { input = [] } else { input.removeAll(keepingCapacity: true) }
      used = 0
    } else if used > 16 * 1024 {
      input.removeSubrange(0..<used)
      used = 0
    }
  }
}

/// The rule that a body must not trickle: in each window at least so many bytes.
private struct BodyPace {
  private let needed: Int
  private let windowMilliseconds: Int
  private var seen = 0
  private(set) var windowEnd: MonotonicTime

  init(_ connection: Connection) {
    let limits = connection.server.limits
    windowMilliseconds = limits.bodyWindowMilliseconds
    needed = limits.bodyMinBytesPerSecond * windowMilliseconds / 1000
    windowEnd = connection.reactor.now.advanced(milliseconds: windowMilliseconds)
  }
  mutating func isTooSlow(_ count: Int, _ now: MonotonicTime) -> Bool {
    if now < windowEnd { return false }
    if count - seen < needed { return true }
    seen = count
    windowEnd = now.advanced(milliseconds: windowMilliseconds)
    return false
  }
}
