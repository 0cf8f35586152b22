// Folding a long history into all projections, beside `lz4 -dc` of the same segments and liblz4
// decoding them in memory.
import Base
import CLZ4
import Glibc
import Ledger
import Projections

struct Replay: Benchmark {
  static let name = "replay"
  static let about = "fold a long history into all projections, beside lz4 -dc"

  static func run(_ run: Run) throws {
    let history = try run.longHistory()
    let files = try LedgerFiles.open(RealFileSystem(), at: history.path)
    let paths = try Scratch.segments(of: history.path)
    guard let lz4 = Tools.find("lz4") else {
      return run.report.skip(name, because: "lz4 is not installed")
    }
    var folded = 0
    let rounds = try interleave(
      rounds: run.isSmoke ? 1 : 3,
      [
        {
          let watch = Stopwatch()
          folded = try fold(files)
          return watch.seconds
        },
        {
          let watch = Stopwatch()
          _ = try ChildProcess(
            ["/bin/sh", "-c", "for f; do \(lz4) -dcq \"$f\"; done > /dev/null", "sh"] + paths
          ).finish()
          return watch.seconds
        },
        {
          let bytes = try paths.map { try RealFileSystem().readFile($0) }
          let watch = Stopwatch()
          for segment in bytes { try decode(segment) }
          return watch.seconds
        },
      ])
    let rates = rounds.map { Double(folded) / $0.median }
    run.report.compare(
      "replay of \(grouped(folded)) events", perSecond(rates[0]),
      to: "lz4 -dc \(perSecond(rates[1]))", ratio: medianRatio(rounds[1], rounds[0]), .atLeast(1))
    run.report.state(
      "  events on all cores", perSecond(rates[0]), rates[0], .atLeast(10_000_000))
    run.report.compare(
      "  the same", perSecond(rates[0]), to: "liblz4 in memory \(perSecond(rates[2]))",
      ratio: medianRatio(rounds[2], rounds[0]), .none)
  }

  /// Folds everything.
  /// - Returns: events.
  private static func fold(_ files: LedgerFiles) throws -> Int {
    var books = Books()
    try books.fold(files, through: files.durable)
    guard books.lastSequence == files.durable else {
      throw BenchmarkError("folded to \(books.lastSequence), not to \(files.durable)")
    }
    return Int(books.lastSequence.value)
  }

  /// Decodes every frame of a segment, skippable ones included, keeping nothing.
  private static func decode(_ segment: [UInt8]) throws {
    var context: OpaquePointer?
    LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
    defer { LZ4F_freeDecompressionContext(context) }
    var target = [UInt8](repeating: 0, count: 2 << 20)
    try segment.withUnsafeBytes { source in
      try target.withUnsafeMutableBytes { target in
        var offset = 0
        while offset < source.count {
          var taken = source.count - offset
          var made = target.count
          let hint = LZ4F_decompress(
            context, target.baseAddress, &made, source.baseAddress! + offset, &taken, nil)
          guard LZ4F_isError(hint) == 0, taken + made > 0 else {
            throw BenchmarkError("liblz4 cannot decode a segment")
          }
          offset += taken
        }
      }
    }
  }
}
