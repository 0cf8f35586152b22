// Many callers of one server in one thread: each sends a streamed Messages request on a connection
// of its own, counts the events that come and the longest silence between two pieces. It looks at
// bytes and keeps none, so that the load costs little beside the server under test.
import Base
import CLinux
import Glibc

/// What one stream brought.
struct StreamOutcome {
  var events = 0
  var bytes = 0
  /// Nanoseconds: the longest time between two pieces.
  var longestGap: Int64 = 0
  /// True once the answer's last chunk has come.
  var isWhole = false
  /// Why it ended without that.
  var problem: String?

  var hasEnded: Bool { isWhole || problem != nil }
}

final class StreamReaders {
  private struct Stream {
    var socket: Int32
    var request: [UInt8]
    var outcome = StreamOutcome()
    var lastPiece: Int64?
    /// The last bytes seen: enough to know an event's end and the answer's.
    var tail = Tail()
  }
  private var streams: [Stream] = []
  private let epoll = sh_epoll_create()
  private var open = 0

  var outcomes: [StreamOutcome] { streams.map(\.outcome) }

  deinit {
    for stream in streams where !stream.outcome.hasEnded { close(stream.socket) }
    close(epoll)
  }

  /// Connects `count` callers and sends the request of each.
  /// - Parameters:
  ///   - receiveBytes: the size of each socket's receive buffer; nil = the kernel's choice.
  ///   - body: the request's body of a caller, by its index.
  init(
    _ count: Int, to port: UInt16, receiveBytes: Int32? = nil, body: (Int) -> String
  ) throws {
    raiseDescriptorLimit()
    for index in 0..<count {
      let socket = try connectedSocket(port: port, receiveBytes: receiveBytes)
      let body = body(index)
      let head =
        "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: \(Wrk.key)\r\n"
        + "content-type: application/json\r\nanthropic-version: 2023-06-01\r\n"
        + "content-length: \(body.utf8.count)\r\n\r\n"
      let stream = Stream(socket: socket, request: Array((head + body).utf8))
      guard send(socket, stream.request, stream.request.count, 0) == stream.request.count else {
        throw BenchmarkError("a request was not taken whole: error \(errno)")
      }
      streams.append(stream)
      _ = fcntl(socket, F_SETFL, O_NONBLOCK)
      let added = sh_epoll_ctl(epoll, Int32(SH_EPOLL_ADD), socket, 1, UInt64(index))
      guard added == 0 else { throw BenchmarkError("epoll_ctl: error \(errno)") }
      open += 1
    }
  }

  /// Reads until every stream has ended.
  /// - Parameter onTurn: called now and then, about every 100 ms.
  func readAll(seconds: Int, onTurn: () -> Void = {}) throws {
    let deadline = SystemMonotonicClock().now.advanced(seconds: seconds)
    var told = monotonicNanoseconds()
    var ready = [epoll_event](repeating: epoll_event(), count: 512)
    var buffer = [UInt8](repeating: 0, count: 256 * 1024)
    while open > 0 {
      guard SystemMonotonicClock().now < deadline else {
        throw BenchmarkError("\(open) streams have not ended within \(seconds) s")
      }
      let count = epoll_wait(epoll, &ready, Int32(ready.count), 100)
      for k in 0..<max(0, count) {
        read(Int(sh_epoll_data(ready, k)), &buffer)
      }
      if monotonicNanoseconds() - told > 100_000_000 {
        told = monotonicNanoseconds()
        onTurn()
      }
    }
  }

  private func read(_ index: Int, _ buffer: inout [UInt8]) {
    let count = recv(streams[index].socket, &buffer, buffer.count, 0)
    if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
    guard count > 0 else {
      return end(index, problem: count == 0 ? "the connection ended" : "error \(errno)")
    }
    let now = monotonicNanoseconds()
    buffer.withUnsafeBytes { bytes in
      streams[index].tail.take(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
    streams[index].outcome.bytes += count
    if let last = streams[index].lastPiece {
      streams[index].outcome.longestGap = max(streams[index].outcome.longestGap, now - last)
    }
    streams[index].lastPiece = now
    streams[index].outcome.events = streams[index].tail.events
    if streams[index].tail.isAnswerEnd { end(index, problem: nil) }
  }

  private func end(_ index: Int, problem: String?) {
    streams[index].outcome.problem = problem
    streams[index].outcome.isWhole = problem == nil
    close(streams[index].socket)
    open -= 1
  }
}

/// Knows the ends of events (an empty line of LF) and of a chunked body (its last chunk) in a
/// stream that comes in any pieces.
private struct Tail {
  private(set) var events = 0
  private var last: [UInt8] = []
  private static let answerEnd = Array("\r\n0\r\n\r\n".utf8)

  var isAnswerEnd: Bool { last == Self.answerEnd }

  mutating func take(_ bytes: UnsafeRawBufferPointer) {
    var before = last.last ?? 0
    for byte in bytes {
      if byte == 10 && before == 10 { events += 1 }
      before = byte
    }
    last = Array((last + bytes.suffix(Self.answerEnd.count)).suffix(Self.answerEnd.count))
  }
}

private func connectedSocket(port: UInt16, receiveBytes: Int32?) throws -> Int32 {
  let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  guard socket >= 0 else { throw BenchmarkError("no socket: error \(errno)") }
  if var bytes = receiveBytes {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
  }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  let code = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard code == 0 else {
    close(socket)
    throw BenchmarkError("cannot connect to port \(port): error \(errno)")
  }
  return socket
}
