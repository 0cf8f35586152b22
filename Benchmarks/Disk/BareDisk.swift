// The disk alone: pwrite + fdatasync, one block after another, into a file that was filled with
// synced zeros before. What no durable log can beat.
import Base

final class BareDisk {
  private let path: String
  private var number = 0

  init(in scratch: Scratch) { path = scratch.file("bare") }

  /// Writes blocks of these sizes, from `bytes`, each synced.
  /// - Returns: nanoseconds of each.
  func write(_ sizes: [Int], from bytes: [UInt8]) throws -> [Double] {
    let file = try prepare(sizes.reduce(0, +))
    var times: [Double] = []
    times.reserveCapacity(sizes.count)
    var offset = 0
    for size in sizes {
      let source = offset % max(1, bytes.count - size + 1)
      let span = bytes.span.extracting(source..<source + size)
      let start = monotonicNanoseconds()
      try file.writeFully(span, at: offset)
      try file.sync()
      times.append(Double(monotonicNanoseconds() - start))
      offset += size
    }
    try RealFileSystem().remove(file.path)
    return times
  }

  /// Blocks of one size appended to an empty file: every sync also writes the file's new length.
  func append(_ count: Int, blocksOf size: Int) throws -> [Double] {
    let file = try RealFileSystem().open("\(path)-appending", .replace)
    let bytes = [UInt8](repeating: 0x5D, count: size)
    let times = try (0..<count).map { index in
      let start = monotonicNanoseconds()
      try file.writeFully(bytes.span, at: index * size)
      try file.sync()
      return Double(monotonicNanoseconds() - start)
    }
    try RealFileSystem().remove(file.path)
    return times
  }

  private func prepare(_ count: Int) throws -> any File {
    number += 1
    let file = try RealFileSystem().open("\(path)-\(number)", .replace)
    let zeros = [UInt8](repeating: 0, count: 256 << 10)
    var offset = 0
    while offset < count {
      try file.writeFully(zeros.span, at: offset)
      try file.sync()
      offset += zeros.count
    }
    return file
  }
}
