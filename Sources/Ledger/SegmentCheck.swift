// The verification of one segment by itself; see Verification.swift.
internal import Base

struct SegmentCheck: Sendable {
  private static let greatestDamages = 10

  private let segment: SequenceNumber
  private let logID: LogID
  private let isLast: Bool
  private(set) var isSealed = false
  private(set) var blocks = 0
  private(set) var records = 0
  private(set) var rawBytes = 0
  private(set) var fileBytes = 0
  /// Before the first block, as its header has it, and after the last; nil without blocks.
  private(set) var before: ChainState?
  private(set) var after: ChainState?
  /// Behind the last block, in bytes from the start of the file.
  private(set) var end = 0
  private(set) var damages: [Damage] = []
  /// Sums over the segment's money events.
  private(set) var totals = ControlTotals()
  /// The hashes of its records, and of its first ones up to each size that was asked for.
  private(set) var tree: SubtreeRun?
  private(set) var parts: [(size: UInt64, run: SubtreeRun)] = []
  private var lastTime = Int64.min

  init(_ segment: SequenceNumber, _ logID: LogID, isLast: Bool) {
    self.segment = segment
    self.logID = logID
    self.isLast = isLast
  }

  private mutating func note(_ offset: Int, _ sequence: SequenceNumber, _ what: String) {
    if damages.count < Self.greatestDamages {
      damages.append(damage(offset, sequence, what))
    }
  }

  private func damage(_ offset: Int, _ sequence: SequenceNumber, _ what: String) -> Damage {
    Damage(
      segment: LedgerDirectory.name(of: segment), offset: offset, sequence: sequence, what: what)
  }

  /// What speaks against this segment following the ones before; nil in `previous`: unknown.
  func fault(after previous: ChainState?) -> Damage? {
    guard let expected = previous ?? (segment == .first ? .start : nil) else { return nil }
    if segment != expected.last.next {
      return damage(
        0, expected.last.next,
        "sequences \(expected.last.next) to \(segment.value - 1) are in no segment here")
    }
    guard let before else { return nil }
    if before.chain != expected.chain {
      return damage(0, segment, "the first block does not continue the chain")
    }
    if before.epoch < expected.epoch {
      return damage(0, segment, "the first block's epoch is below the one before")
    }
    if before.time < expected.time {
      return damage(0, segment, "the first block's time goes back")
    }
    return nil
  }

  /// - Parameter heads: sizes of trees to keep the hashes of, ascending.
  mutating func run(
    _ file: any File, _ request: VerificationRequest, heads: [UInt64]
  ) throws(FileError) {
    if request.hashesTree { tree = SubtreeRun(from: segment.value - 1) }
    var wanted = heads.drop { $0 < segment.value }
    fileBytes = try file.size()
    let stored = try SegmentFooter.read(file, of: logID)
    isSealed = stored != nil
    var input = SegmentRecords(file, segment: segment, of: logID)
    var footer: SegmentFooter?
    let hash = SHA256()
    do throws(LedgerError) {
      while let header = try input.nextBlock() {
        if let limit = request.limit, header.first > limit { return }
        if before == nil {
          before = ChainState(before: header)
          footer = SegmentFooter(logID: logID, first: segment, chainBefore: header.chain)
        }
        after = input.chain
        end = input.offset
        blocks += 1
        records += header.count
        rawBytes += header.rawBytes
        let offset = input.offset - header.blockLength
        checkRecords(input.records, header, offset: offset, request, &wanted)
        if isSealed { hash.update(input.block) }
        footer?.totals = totals
        footer?.add(header)
        request.progress(header.blockLength)
        if let limit = request.limit, header.last >= limit, isLast { return }
      }
    } catch {
      switch error {
      case .damaged(let damage): damages.append(damage)
      case .file(let error): throw error
      default: note(input.offset, after?.last.next ?? segment, error.description)
      }
      return
    }
    switch stored {
    case .failure(let fault):
      note(input.offset, after?.last.next ?? segment, "\(fault)")
    case .success(let found):
      footer?.hash = hash.finish()
      if input.walkEnd != .footer || found != footer {
        note(
          found.offset, found.last,
          footer?.hash == found.hash
            ? "the footer does not describe the segment" : "the segment's SHA-256 is wrong")
      }
    case nil:
      try checkTail(file, from: input.offset)
    }
  }

  private mutating func checkRecords(
    _ bytes: Span<UInt8>, _ header: BlockHeader, offset: Int, _ request: VerificationRequest,
    _ wanted: inout ArraySlice<UInt64>
  ) {
    var batch = RecordBatch(bytes, first: header.first, count: header.count)
    var greatest = Int64.min
    while let record = batch.next() {
      let time = record.time.microseconds
      if batch.sequence == header.first && time != header.leastTime {
        note(offset, batch.sequence, "the block's least time is not its first record's")
      }
      if time < lastTime { note(offset, batch.sequence, "the record's time goes back") }
      lastTime = time
      greatest = max(greatest, time)
      if let what = request.check(record) { note(offset, batch.sequence, what) }
      request.count(record, &totals)
      guard tree != nil else { continue }
      tree?.append(.leaf(record.bytes))
      while let size = wanted.first, size <= batch.sequence.value {
        wanted.removeFirst()
        if let tree { parts.append((size, tree)) }
      }
    }
    if greatest != header.greatestTime {
      note(offset, header.last, "the block's greatest time is not its last record's")
    }
  }

  /// Behind the last block of a segment that is not sealed, all bytes are zero.
  private mutating func checkTail(_ file: any File, from start: Int) throws(FileError) {
    var buffer = [UInt8](repeating: 0, count: 64 * BlockHeader.alignment)
    var offset = start
    while true {
      let count = try file.readFully(into: &buffer, buffer.indices, at: offset)
      if count == 0 { return }
      if !buffer.span.extracting(0..<count).isZero,
        let index = buffer[..<count].firstIndex(where: { $0 != 0 })
      {
        return note(
          offset + index, after?.last.next ?? segment,
          "bytes behind the last block are not zero")
      }
      offset += count
    }
  }
}
