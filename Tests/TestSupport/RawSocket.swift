// Sockets used bare, byte by byte, to say what no well-behaved client says, and to play an upstream
// that misbehaves. Everything here blocks: call it inside `onThread`, never on a pool thread.

import Base
import Glibc

/// Runs blocking code on a thread of its own and gives back what it returns or throws.
public func onThread<Result: Sendable>(
  _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    do {
      try SystemThread.start(name: "test") {
        continuation.resume(with: Swift.Result { try body() })
      }.detach()
    } catch {
      continuation.resume(throwing: error)
    }
  }
}

public struct SocketFailure: Error, CustomStringConvertible {
  public let call: String
  public let code: Int32
  public init(call: String, code: Int32) {
    self.call = call
    self.code = code
  }
  public var description: String { "\(call): errno \(code)" }
}

/// A connected stream socket.
public final class RawSocket: Sendable {
  public let descriptor: Int32

  public init(descriptor: Int32, timeoutSeconds: Int = 60) {
    self.descriptor = descriptor
    var time = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(
      descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }
  deinit { close(descriptor) }

  /// Connects to 127.0.0.1.
  public static func connect(
    port: UInt16, receiveBuffer: Int32? = nil, timeoutSeconds: Int = 60
  ) throws -> RawSocket {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SocketFailure(call: "socket", code: errno) }
    let made = RawSocket(descriptor: descriptor, timeoutSeconds: timeoutSeconds)
    if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    guard withLoopback(port, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
      throw SocketFailure(call: "connect", code: errno)
    }
    return made
  }

  public func send(_ text: String) throws { try send(Array(text.utf8)) }
  public func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { throw SocketFailure(call: "send", code: errno) }
      sent += count
    }
  }
  /// Whether something has come, or the other side has closed.
  public var isReadable: Bool {
    var asked = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&asked, 1, 0) > 0
  }
  /// Whatever comes next, at most 64 KB; empty when the other side has closed.
  public func receive() throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count < 0 && errno == EINTR { continue }
      if count < 0 { throw SocketFailure(call: "recv", code: errno) }
      return Array(buffer[0..<count])
    }
  }
  /// Reads until `end` has come.
  public func receive(until end: String) throws -> String {
    var bytes: [UInt8] = []
    let mark = Array(end.utf8)
    while bytes.count < mark.count || !contains(bytes, mark) {
      let more = try receive()
      if more.isEmpty {
        throw SocketFailure(call: "closed before \(end.debugDescription)", code: 0)
      }
      bytes += more
    }
    return String(decoding: bytes, as: UTF8.self)
  }
  /// Reads until the other side closes (a reset counts).
  public func receiveAll() throws -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      do {
        let more = try receive()
        if more.isEmpty { return bytes }
        bytes += more
      } catch let failure as SocketFailure where failure.code == ECONNRESET {
        return bytes
      }
    }
  }
  public func receiveAllText() throws -> String {
    String(decoding: try receiveAll(), as: UTF8.self)
  }
  /// Ends the sending direction.
  public func shutdownSending() { shutdown(descriptor, Int32(SHUT_WR)) }
  /// Closes with a reset instead of an orderly end.
  public func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    shutdown(descriptor, Int32(SHUT_RDWR))
  }
}

/// A listening socket on 127.0.0.1 with a port of its own.
public final class RawListener: Sendable {
  public let descriptor: Int32
  public let port: UInt16

  public init() throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let socket = descriptor
    guard withLoopback(0, { bind(socket, $0, $1) }) == 0, listen(descriptor, 64) == 0 else {
      throw SocketFailure(call: "bind", code: errno)
    }
    var name = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
    }
    port = UInt16(bigEndian: name.sin_port)
  }
  deinit { close(descriptor) }

  public func accept() throws -> RawSocket {
    let accepted = Glibc.accept(descriptor, nil, nil)
    guard accepted >= 0 else { throw SocketFailure(call: "accept", code: errno) }
    return RawSocket(descriptor: accepted)
  }
  /// Ends an `accept` that waits.
  public func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

private func withLoopback(
  _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
  var name = sockaddr_in()
  name.sin_family = sa_family_t(AF_INET)
  name.sin_port = port.bigEndian
  name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return withUnsafePointer(to: &name) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
}

private func contains(_ bytes: [UInt8], _ mark: [UInt8]) -> Bool {
  var i = bytes.count - mark.count
  while i >= 0 {
    if bytes[i..<(i + mark.count)].elementsEqual(mark) { return true }
    i -= 1
  }
  return false
}
