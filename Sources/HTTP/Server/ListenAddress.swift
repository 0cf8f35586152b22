// Where a server listens: the text of it, and the sockets made from it.
//
// Of several reactors each has its own socket on the same port (SO_REUSEPORT). The first one is
// bound without that option, so that a port another program of ours already shares is refused, not
// shared.

import CLinux
import Glibc

/// An address to listen on.
public enum ListenAddress: Sendable, Equatable {
  /// A host name or numeric address ("" for all addresses) and a port, 0 for any free one.
  case tcp(host: String, port: UInt16)
  /// The path of a Unix socket, made with mode 0600.
  case unix(path: String)

  /// Reads "127.0.0.1:8080", "[::1]:0", "localhost:80", ":8080".
  public init(_ text: String) throws(ListenError) {
    guard let colon = text.utf8.lastIndex(of: 58), let port = UInt16(text[colon...].dropFirst())
    else {
      throw ListenError(address: text, code: 0, problem: "it must be HOST:PORT, PORT 0 to 65535")
    }
    var host = String(text[..<colon])
    if host.utf8.first == 91 && host.utf8.last == 93 {
      host = String(host.dropFirst().dropLast())
    } else if host.utf8.contains(58) {
      throw ListenError(address: text, code: 0, problem: "an IPv6 address stands in brackets")
    }
    self = .tcp(host: host, port: port)
  }
}

extension ListenAddress: CustomStringConvertible {
  /// "127.0.0.1:8080", "[::1]:8080", or the path.
  public var description: String {
    switch self {
    case .tcp(let host, let port): host.utf8.contains(58) ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): path
    }
  }
}

/// Why a server cannot listen.
public struct ListenError: Error, Sendable, CustomStringConvertible {
  public let address: String
  /// The errno of the call that failed, 0 when it was not a system call.
  public let code: Int32
  public let problem: String

  public var isInUse: Bool { code == EADDRINUSE }
  public var description: String { "cannot listen on \(address): \(problem)" }

  init(address: String, code: Int32, problem: String) {
    self.address = address
    self.code = code
    self.problem = problem
  }
  init(_ address: ListenAddress, _ code: Int32) {
    let advice =
      switch code {
      case EADDRINUSE: "another program is using it; stop that or choose another address"
      case EACCES: "not permitted; ports below 1024 need privileges"
      case EADDRNOTAVAIL: "this machine does not have that address"
      case ENOENT: "there is no such folder"
      default: systemErrorText(code)
      }
    self.init(address: address.description, code: code, problem: advice)
  }
}

/// The system's words for an errno.
func systemErrorText(_ code: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 128)
  guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
  return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

extension ListenAddress {
  /// Makes `count` listening sockets (one for a Unix socket) and tells the address with the real
  /// port.
  func open(count: Int) throws(ListenError) -> (descriptors: [Int32], address: ListenAddress) {
    switch self {
    case .unix(let path): return ([try openUnix(path)], self)
    case .tcp(let host, let port):
      let resolved = try resolve(host, port)
      let first = try bindTCP(resolved, sharesPort: false)
      var descriptors = [first]
      do throws(ListenError) {
        setFlag(first, SOL_SOCKET, SO_REUSEPORT)
        var bound = resolved
        bound.readName(of: first)
        for _ in 1..<max(1, count) { descriptors.append(try bindTCP(bound, sharesPort: true)) }
        for descriptor in descriptors where listen(descriptor, 4096) != 0 {
          throw ListenError(self, errno)
        }
        return (descriptors, .tcp(host: bound.host, port: bound.port))
      } catch {
        for descriptor in descriptors { close(descriptor) }
        throw error
      }
    }
  }

  private func resolve(_ host: String, _ port: UInt16) throws(ListenError) -> SocketName {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let name: String? = host.isEmpty ? nil : host
    let code = unsafe getaddrinfo(name, "\(port)", &hints, &list)
    defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
    guard code == 0 else {
      let text = unsafe gai_strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
      throw ListenError(address: description, code: 0, problem: text)
    }
    var found: SocketName?
    var next = unsafe list
    while let entry = unsafe next {
      // IPv4 first where a name has both.
      let family = unsafe entry.pointee.ai_family
      if let address = unsafe entry.pointee.ai_addr, found == nil || family == AF_INET {
        if !(found?.family == AF_INET) {
          found = unsafe SocketName(family, address, entry.pointee.ai_addrlen)
        }
      }
      unsafe next = unsafe entry.pointee.ai_next
    }
    guard let found else {
      throw ListenError(address: description, code: 0, problem: "the host has no address")
    }
    return found
  }

  private func bindTCP(_ name: SocketName, sharesPort: Bool) throws(ListenError) -> Int32 {
    let descriptor = newSocket(name.family)
    guard descriptor >= 0 else { throw ListenError(self, errno) }
    setFlag(descriptor, SOL_SOCKET, SO_REUSEADDR)
    if sharesPort { setFlag(descriptor, SOL_SOCKET, SO_REUSEPORT) }
    guard name.bind(descriptor) else {
      let code = errno
      close(descriptor)
      throw ListenError(self, code)
    }
    return descriptor
  }

  /// A socket file nobody listens on any more is replaced.
  private func openUnix(_ path: String) throws(ListenError) -> Int32 {
    guard let name = SocketName(unixPath: path) else {
      throw ListenError(
        address: path, code: 0, problem: "the path is longer than 107 bytes; use a shorter one")
    }
    let descriptor = newSocket(AF_UNIX)
    guard descriptor >= 0 else { throw ListenError(self, errno) }
    fchmod(descriptor, 0o600)  // before bind: the file is made with it
    if !name.bind(descriptor) {
      var code = errno
      if code == EADDRINUSE && !isAnswering(name) {
        unsafe unlink(path)
        code = name.bind(descriptor) ? 0 : errno
      }
      if code != 0 {
        close(descriptor)
        throw ListenError(self, code)
      }
    }
    guard listen(descriptor, 256) == 0 else {
      let code = errno
      close(descriptor)
      throw ListenError(self, code)
    }
    return descriptor
  }
  private func isAnswering(_ name: SocketName) -> Bool {
    let probe = newSocket(AF_UNIX)
    defer { close(probe) }
    return name.connect(probe)
  }
}
