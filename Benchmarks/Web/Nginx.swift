// nginx as a rival and as a fixed upstream: its own configuration in the scratch folder, its own
// port on loopback.
import Base
import Glibc

struct Nginx {
  let path: String
  let scratch: Scratch

  /// Starts nginx with these locations.
  func start(
    _ name: String, workers: Int, locations: String, upstream: UInt16? = nil
  ) throws -> WebTarget {
    let port = try freePort()
    let folder = scratch.file("nginx-\(name)")
    try RealFileSystem().makeDirectory(folder)
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map { "\($0)_temp_path \(folder)/\($0);" }.joined(separator: " ")
    let backend =
      upstream.map {
        "upstream backend { server 127.0.0.1:\($0); keepalive 256; keepalive_requests 100000000; }"
      } ?? ""
    let text = """
      daemon off; worker_processes \(workers); worker_rlimit_nofile 20000;
      pid \(folder)/pid; error_log \(folder)/error.log;
      events { worker_connections 8192; }
      http {
        access_log off; keepalive_requests 100000000; \(temporary)
        \(backend)
        server { listen 127.0.0.1:\(port) reuseport; \(locations) }
      }

      """
    let file = try RealFileSystem().open("\(folder)/nginx.conf", .replace)
    try file.writeFully(Array(text.utf8).span, at: 0)
    let process = try ChildProcess([
      path, "-p", folder, "-c", "\(folder)/nginx.conf", "-e", "\(folder)/error.log",
    ])
    try waitForPort(port)
    return WebTarget(url: "http://127.0.0.1:\(port)", process: process)
  }

  /// A location that answers with a fixed body.
  static func fixed(_ location: String, type: String, _ body: String) -> String {
    "location = \(location) { default_type \(type); return 200 '\(body)'; }"
  }

  /// A location that passes requests on.
  static func proxy(_ location: String, buffering: Bool) -> String {
    "location = \(location) { proxy_pass http://backend; proxy_http_version 1.1; "
      + "proxy_set_header Connection \"\"; proxy_buffering \(buffering ? "on" : "off"); }"
  }
}

/// A port of loopback that nobody uses.
func freePort() throws -> UInt16 {
  let (socket, port) = try loopbackSocket(port: 0, connects: false)
  close(socket)
  return port
}

/// Blocks until somebody listens.
func waitForPort(_ port: UInt16) throws {
  for _ in 0..<1000 {
    if let (socket, _) = try? loopbackSocket(port: port, connects: true) {
      close(socket)
      return
    }
    usleep(10_000)
  }
  throw BenchmarkError("nobody listens on port \(port)")
}

private func loopbackSocket(port: UInt16, connects: Bool) throws -> (Int32, UInt16) {
  let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let code = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connects
        ? connect(socket, $0, length)
        : bind(socket, $0, length) | getsockname(socket, $0, &length)
    }
  }
  guard code == 0 else {
    close(socket)
    throw BenchmarkError("no socket: error \(errno)")
  }
  return (socket, UInt16(bigEndian: address.sin_port))
}
