// What each field of an admission and a settlement costs in the compressed log: the same blocks are
// compressed again with that field zeroed, and the difference is counted. Fields share matches, so
// the costs do not add up to the whole; they say where bytes go.
import CLZ4
import Ledger

/// Canonical record bytes, in blocks of at most 1 MiB.
struct RawBlocks {
  private(set) var blocks: [[UInt8]] = []
  private(set) var settlements = 0

  mutating func append(_ record: borrowing RecordView) {
    if record.type == RecordType.forwardSettled.rawValue { settlements += 1 }
    if blocks.isEmpty || blocks[blocks.count - 1].count + record.bytes.count > 1 << 20 {
      blocks.append([])
      blocks[blocks.count - 1].reserveCapacity(1 << 20)
    }
    let last = blocks.count - 1
    for index in record.bytes.indices { blocks[last].append(record.bytes[index]) }
  }

  /// Compressed bytes of all blocks; `level` 0 = fast.
  func compressed(level: Int32) -> Int {
    blocks.reduce(0) { $0 + Self.compressed($1, level: level) }
  }

  private static func compressed(_ block: [UInt8], level: Int32) -> Int {
    let bound = Int(LZ4_compressBound(Int32(block.count)))
    let target = UnsafeMutablePointer<CChar>.allocate(capacity: bound)
    defer { target.deallocate() }
    return block.withUnsafeBytes { source in
      let start = source.baseAddress!.assumingMemoryBound(to: CChar.self)
      let count = Int32(source.count)
      return Int(
        level == 0
          ? LZ4_compress_default(start, target, count, Int32(bound))
          : LZ4_compress_HC(start, target, count, Int32(bound), level))
    }
  }

  /// The same with a range of bytes zeroed in every record of a type.
  func zeroing(_ range: Range<Int>, of type: RecordType) -> RawBlocks {
    var copy = self
    for index in copy.blocks.indices {
      var at = 0
      while at < copy.blocks[index].count {
        let length = copy.blocks[index].word(at)
        if copy.blocks[index].word(at + 4) & 0xFFFF == Int(type.rawValue) {
          for byte in range where byte < length { copy.blocks[index][at + byte] = 0 }
        }
        at += length
      }
    }
    return copy
  }
}

enum FieldCosts {
  struct Cost {
    let field: String
    /// Bytes per request at the fast level and at HC.
    let fast: Double
    let dense: Double
  }

  static func measure(_ raw: RawBlocks, level: Int32 = 9) -> [Cost] {
    let whole = (raw.compressed(level: 0), raw.compressed(level: level))
    let requests = Double(max(1, raw.settlements))
    return ranges().map { name, type, range in
      let less = raw.zeroing(range, of: type)
      return Cost(
        field: "\(type.name).\(name)",
        fast: Double(whole.0 - less.compressed(level: 0)) / requests,
        dense: Double(whole.1 - less.compressed(level: level)) / requests)
    }
  }

  private static func ranges() -> [(String, RecordType, Range<Int>)] {
    var found: [(String, RecordType, Range<Int>)] = []
    func add(_ payload: some RecordPayload) {
      let type = type(of: payload).type
      found.append(("length, type, fixed", type, 0..<8))
      found.append(("time", type, 8..<16))
      for field in Event.fields(of: payload) {
        guard let offset = field.offset else { continue }
        found.append((field.name, type, offset..<offset + field.width))
      }
    }
    add(BillingChecked())
    add(ForwardSettled())
    return found
  }
}
