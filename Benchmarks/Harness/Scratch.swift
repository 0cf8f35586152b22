// A folder for one run's files, removed at its end.
import Base
import Glibc

struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

final class Scratch: Sendable {
  let path: String
  private let isKept: Bool

  /// Below $TMPDIR, else below /var/tmp: a real disk, where /tmp may be memory.
  init(_ run: Run) throws {
    isKept = run.keepsFiles
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
    var template = Array("\(parent)/daybook-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw BenchmarkError("cannot make a folder below \(parent): error \(errno)")
    }
    path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    if isKept { run.report.say("  files stay in \(path)") }
  }

  deinit { if !isKept { Self.removeTree(path) } }

  static func removeTree(_ path: String) {
    let files = RealFileSystem()
    if let names = try? files.list(path) {
      for name in names {
        let child = "\(path)/\(name)"
        if (try? files.status(of: child))?.isDirectory == true {
          removeTree(child)
        } else {
          _ = unlink(child)
        }
      }
    }
    rmdir(path)
  }

  /// Names in a folder.
  static func names(in folder: String) throws -> [String] { try RealFileSystem().list(folder) }

  static func text(of path: String) throws -> String {
    String(decoding: try RealFileSystem().readFile(path), as: UTF8.self)
  }

  static func write(_ text: String, to path: String) throws {
    try RealFileSystem().open(path, .replace).writeFully(Array(text.utf8).span, at: 0)
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Bytes of all files below a folder with a suffix.
  static func bytes(in folder: String, suffix: String) throws -> Int {
    let files = RealFileSystem()
    return try files.list(folder).filter { $0.hasSuffix(suffix) }
      .reduce(0) { try $0 + (files.status(of: "\(folder)/\($1)")?.size ?? 0) }
  }
}
