// Where lines go in the end.
internal import Glibc

/// Takes whole lines. Called by the log's own thread only, so it may block.
public protocol LogSink: Sendable {
  /// Writes `lines`, each with its end, all at once.
  /// - Returns: false when they are lost.
  func write(_ lines: ArraySlice<UInt8>) -> Bool
}

/// A file descriptor, standard error for example. It is not closed.
public struct DescriptorSink: LogSink {
  private let descriptor: Int32
  public init(_ descriptor: Int32) { self.descriptor = descriptor }

  public func write(_ lines: ArraySlice<UInt8>) -> Bool {
    var rest = lines
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { bytes in
        unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        // Somebody who shares the descriptor made it non-blocking.
        var waited = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&waited, 1, -1)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }
}
