// What the blocks of a segment take: headers are read, records are not. Layout: Ledger/BlockHeader.
import Base
import CLZ4
import Ledger

struct BlockSizes {
  var blocks = 0
  var events = 0
  var raw = 0
  /// Header and LZ4 frame.
  var dense = 0
  /// The same with padding.
  var padded = 0
  /// Record bytes of the smallest block but the last.
  var leastRaw = Int.max

  /// Walks the blocks of segment files until their footer or zeros.
  init(_ paths: [String]) throws {
    for path in paths { try walk(RealFileSystem().readFile(path)) }
  }

  private mutating func walk(_ bytes: [UInt8]) throws {
    var offset = 0
    var last = Int.max
    while offset + 104 <= bytes.count {
      let magic = bytes.word(offset)
      let isBlock = magic == 0x184D_2A5D && bytes.word(offset + 8) == 0x4259_4144
      guard isBlock else { break }
      let padding = bytes.word(offset + 4) - 96
      let stored = bytes.word(offset + 76)
      blocks += 1
      events += bytes.word(offset + 48)
      raw += bytes.word(offset + 72)
      dense += 104 + stored
      padded += 104 + padding + stored
      leastRaw = min(leastRaw, last)
      last = bytes.word(offset + 72)
      offset += 104 + padding + stored
    }
    guard blocks > 0 else { throw BenchmarkError("no block was found in a segment") }
  }
}

extension [UInt8] {
  /// A little-endian u32.
  func word(_ at: Int) -> Int {
    Int(self[at]) | Int(self[at + 1]) << 8 | Int(self[at + 2]) << 16 | Int(self[at + 3]) << 24
  }
}
