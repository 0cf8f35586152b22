// A directory of its own for a test, removed with everything in it at the end.
import Base
import Glibc

public final class TemporaryDirectory: Sendable {
  public let path: String

  public init() {
    var template = Array("/tmp/daybook-test-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil, "no temporary directory: errno \(errno)")
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    let files = RealFileSystem()
    for name in (try? files.list(path)) ?? [] {
      let child = path + "/" + name
      if (try? files.status(of: child))??.isDirectory == true {
        remove(child)
      } else {
        try? files.remove(child)
      }
    }
    rmdir(path)
  }
}
