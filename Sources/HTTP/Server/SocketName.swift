// A socket address of the kernel's (sockaddr), and the small calls around it.

import CLinux
import Glibc

struct SocketName {
  private var storage = sockaddr_storage()
  private var length = socklen_t(0)

  @unsafe init(_ family: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
    let count = min(Int(length), MemoryLayout<sockaddr_storage>.size)
    unsafe withUnsafeMutableBytes(of: &storage) { target in
      unsafe target.copyMemory(from: UnsafeRawBufferPointer(start: address, count: count))
    }
    self.length = socklen_t(count)
  }
  /// Nil when the path does not fit (107 bytes) or holds a NUL.
  init?(unixPath path: String) {
    let bytes = Array(path.utf8)
    let room = MemoryLayout<sockaddr_un>.size - MemoryLayout<sa_family_t>.size
    if bytes.isEmpty || bytes.count >= room || bytes.contains(0) { return nil }
    storage.ss_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &storage) { target in
      for (i, c) in bytes.enumerated() { unsafe target[MemoryLayout<sa_family_t>.size + i] = c }
    }
    length = socklen_t(MemoryLayout<sockaddr_un>.size)
  }

  var family: Int32 { Int32(storage.ss_family) }
  var peer: PeerAddress { PeerAddress(storage) }
  var host: String { peer.description }
  var port: UInt16 {
    switch peer {
    case .v4(_, let port), .v6(_, let port): port
    case .local: 0
    }
  }

  func bind(_ descriptor: Int32) -> Bool {
    unsafe withAddress { unsafe Glibc.bind(descriptor, $0, length) } == 0
  }
  func connect(_ descriptor: Int32) -> Bool {
    unsafe withAddress { unsafe Glibc.connect(descriptor, $0, length) } == 0
  }
  /// Takes over the address the socket is bound to: with the port the kernel chose.
  mutating func readName(of descriptor: Int32) {
    length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    unsafe withUnsafeMutablePointer(to: &storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = unsafe getsockname(descriptor, $0, &length)
      }
    }
  }
  private func withAddress(_ body: (UnsafePointer<sockaddr>) -> Int32) -> Int32 {
    unsafe withUnsafePointer(to: storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
    }
  }

  /// Accepts a connection: its descriptor and peer, or nil with errno set.
  static func accept(_ listener: Int32) -> (descriptor: Int32, peer: PeerAddress)? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let descriptor = unsafe withUnsafeMutablePointer(to: &storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe accept4(listener, $0, &length, socketFlags)
      }
    }
    return descriptor < 0 ? nil : (descriptor, PeerAddress(storage))
  }
}

private let socketFlags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

/// A stream socket that does not block and is not inherited by programs we start; -1 with errno
/// set.
func newSocket(_ family: Int32) -> Int32 {
  socket(family, Int32(SOCK_STREAM.rawValue) | socketFlags, 0)
}
func setFlag(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
  var one: Int32 = 1
  _ = unsafe setsockopt(descriptor, level, option, &one, socklen_t(MemoryLayout<Int32>.size))
}
