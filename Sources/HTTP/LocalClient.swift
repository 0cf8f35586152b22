// A small blocking HTTP client over a Unix socket: how the command line talks to a running server.
// One request per connection. Not for a reactor.

import Base
import CLinux
import Glibc

/// The answer to a request over the socket.
public struct LocalResponse: Sendable {
  public let status: Int
  public let headers: HeaderFields
  /// Empty when the body was taken piece by piece.
  public var body: [UInt8] = []
}

/// Why there is no answer.
public enum LocalClientError: Error, Sendable, CustomStringConvertible {
  /// No server listens there: there is no such file, or nobody behind it.
  case notRunning(path: String)
  /// The socket cannot be used.
  case cannotConnect(path: String, problem: String)
  /// The server did not answer, or not on, in time.
  case timedOut(seconds: Int)
  /// The connection ended before the answer did, or what came is not HTTP.
  case broken(String)

  public var description: String {
    switch self {
    case .notRunning(let path): "no server is running: nobody answers on \(path)"
    case .cannotConnect(let path, let problem): "cannot connect to \(path): \(problem)"
    case .timedOut(let seconds): "the server did not answer within \(seconds) s"
    case .broken(let problem): "the server's answer is broken: \(problem)"
    }
  }
}

/// Speaks HTTP to the server behind a Unix socket.
public struct LocalClient: Sendable {
  public let path: String
  /// The longest silence that is waited through.
  public var timeoutSeconds = 60

  public init(path: String, timeoutSeconds: Int = 60) {
    self.path = path
    self.timeoutSeconds = timeoutSeconds
  }

  /// Sends a request and reads the answer. With `onBody` the body's pieces are handed over as they
  /// come, whatever the status, and the answer's `body` stays empty; `onBody` returns false to
  /// stop.
  public func request(
    _ method: Method, _ target: String, headers: [(name: String, value: String)] = [],
    body: [UInt8] = [], onBody: ((LocalResponse, [UInt8]) -> Bool)? = nil
  ) throws(LocalClientError) -> LocalResponse {
    let descriptor = try connect()
    defer { close(descriptor) }
    var fields = ResponseHeaders()
    for (name, value) in headers { fields.add(name, value) }
    var message: [UInt8] = []
    message += Array("\(method.rawValue) \(target) HTTP/1.1\r\nhost: localhost\r\n".utf8)
    message += Array("connection: close\r\ncontent-length: \(body.count)\r\n".utf8)
    message += fields.bytes + [13, 10] + body
    try send(message, descriptor)
    var reader = LocalReader(descriptor: descriptor, timeoutSeconds: timeoutSeconds)
    return try reader.read(isHead: method == .head, onBody)
  }

  private func connect() throws(LocalClientError) -> Int32 {
    guard let name = SocketName(unixPath: path) else {
      throw .cannotConnect(path: path, problem: "the path is longer than 107 bytes")
    }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 { throw .cannotConnect(path: path, problem: systemErrorText(errno)) }
    var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    if name.connect(descriptor) { return descriptor }
    let code = errno
    close(descriptor)
    if code == ENOENT || code == ECONNREFUSED { throw .notRunning(path: path) }
    throw .cannotConnect(path: path, problem: systemErrorText(code))
  }

  /// A server that answers early and closes is no failure here: its answer is read next.
  private func send(_ bytes: [UInt8], _ descriptor: Int32) throws(LocalClientError) {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes[sent...].withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, sendFlags)
      }
      if count > 0 {
        sent += count
      } else if errno == EAGAIN {
        throw .timedOut(seconds: timeoutSeconds)
      } else if errno != EINTR {
        return
      }
    }
  }
}

/// Reads one answer from a socket.
private struct LocalReader {
  let descriptor: Int32
  let timeoutSeconds: Int
  private var buffer: [UInt8] = []
  private var used = 0

  init(descriptor: Int32, timeoutSeconds: Int) {
    self.descriptor = descriptor
    self.timeoutSeconds = timeoutSeconds
  }

  mutating func read(
    isHead: Bool, _ onBody: ((LocalResponse, [UInt8]) -> Bool)?
  ) throws(LocalClientError) -> LocalResponse {
    let head = try readHead()
    var response = LocalResponse(status: head.status, headers: head.headers)
    var decoder = try framing(response, isHead: isHead)
    while true {
      var piece: [UInt8] = []
      let step: BodyDecoder.Step
      do throws(BodyDecoder.Failure) {
        step = try decoder.decode(buffer.span.extracting(used...), into: &piece, limit: .max)
      } catch {
        throw .broken("malformed body")
      }
      if case .incomplete(let count) = step { used += count }
      if !piece.isEmpty {
        if let onBody {
          if !onBody(response, piece) { return response }
        } else {
          response.body += piece
        }
      }
      if case .complete = step { return response }
      if try !receive() {
        if decoder.endsByClose { return response }
        throw .broken("it ends too early")
      }
    }
  }

  private mutating func readHead() throws(LocalClientError) -> UpstreamHead {
    var parser = UpstreamHeadParser()
    var scanned = 0
    while true {
      while scanned < buffer.count {
        scanned += 1
        if buffer[scanned - 1] != 10 { continue }
        let line = buffer[used..<scanned]
        used = scanned
        let head: UpstreamHead?
        do throws(Refused) {
          head = try parser.take(line)
        } catch {
          throw .broken("malformed head")
        }
        if let head { return head }
      }
      if scanned - used > UpstreamHeadParser.limit { throw .broken("malformed head") }
      if try !receive(keeps: true) { throw .broken("the connection was closed") }
    }
  }
  private func framing(
    _ response: LocalResponse, isHead: Bool
  ) throws(LocalClientError) -> BodyDecoder {
    if isHead || response.status == 204 || response.status == 304 { return BodyDecoder(.none) }
    if response.headers["transfer-encoding"] != nil { return BodyDecoder(.chunked) }
    guard let length = response.headers["content-length"] else { return .untilClose() }
    guard let count = Int(length), count >= 0 else { throw .broken("malformed length") }
    return BodyDecoder(.length(count))
  }

  /// Reads more bytes; false when the connection has ended. Used bytes are dropped unless kept.
  private mutating func receive(keeps: Bool = false) throws(LocalClientError) -> Bool {
    if !keeps {
      buffer.removeSubrange(0..<used)
      used = 0
    }
    var bytes = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = unsafe bytes.withUnsafeMutableBytes {
        unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
      }
      if count > 0 {
        buffer += bytes[0..<count]
        return true
      }
      if count == 0 || errno == ECONNRESET { return false }
      if errno == EAGAIN { throw .timedOut(seconds: timeoutSeconds) }
      if errno != EINTR { throw .broken(systemErrorText(errno)) }
    }
  }
}
