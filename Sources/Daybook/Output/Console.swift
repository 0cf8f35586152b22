// Standard output and standard error: whole pieces, written at once. Progress goes to standard
// error, and only where a person sits in front of it.
import Base
import Foundation
import Glibc

enum Console {
  /// Standard output was closed by its reader (`daybook cat | head`): nothing more to do.
  struct OutputClosed: Error {}

  /// - Throws: `OutputClosed`, or the failure to write: half an answer is not a success.
  static func write(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { bytes in
        unsafe Glibc.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
      }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EPIPE {
        throw OutputClosed()
      } else if errno != EINTR {
        let reason = FileError(code: errno, operation: .write, path: "standard output")
        throw CommandFailure("the answer is not whole: \(reason)")
      }
    }
  }
  static func write(_ text: String) throws { try write(Array(text.utf8)) }
  /// A line.
  static func say(_ text: String) throws { try write(text + "\n") }

  /// A line on standard error.
  static func complain(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Array((text + "\n").utf8))
  }

  static let errorsGoToATerminal = isatty(STDERR_FILENO) == 1
}

/// A progress line that is written over, at most ten times a second.
struct Progress {
  private let what: String
  private let unit: String
  private let clock = SystemMonotonicClock()
  private var started: MonotonicTime
  private var shown: MonotonicTime?

  init(_ what: String, unit: String = "events") {
    self.what = what
    self.unit = unit
    started = clock.now
  }

  /// - Parameters:
  ///   - done: so many of `total`.
  mutating func show(_ done: UInt64, of total: UInt64) {
    guard Console.errorsGoToATerminal else { return }
    let now = clock.now
    if let shown, now.nanoseconds(since: shown) < 100_000_000 { return }
    shown = now
    let seconds = Double(now.nanoseconds(since: started)) / 1e9
    let rate = seconds > 0 ? Double(done) / seconds : 0
    let percent = total > 0 ? done * 100 / total : 100
    var line = "\r\(what): \(percent) % of \(total) \(unit), \(Int(rate)) \(unit)/s"
    if rate > 0, total > done { line += ", \(Int(Double(total - done) / rate) + 1) s left" }
    try? FileHandle.standardError.write(contentsOf: Array((line + "   ").utf8))
  }
  /// Ends the line.
  func finish() {
    guard shown != nil else { return }
    try? FileHandle.standardError.write(contentsOf: Array("\r\u{1B}[K".utf8))
  }
}
