// Walks the blocks of one segment file from front to back, checking what each header says against
// what came before it. Every reader of the log stands on this: recovery, folds, sealing, verify.
//
// Only whole blocks whose checksums hold are given out. What ends the walk is told apart: zeros or
// the end of the file, a footer, or bytes that are no block where one should be.
internal import Base

/// What stands behind the last good block.
enum WalkEnd: Equatable {
  /// The file ends, or zeros stand here.
  case empty
  case footer
  /// Bytes that are not the next block of this log.
  case bad(String)
}

/// What the next block must say.
struct ChainState: Equatable, Sendable {
  /// The last sequence so far.
  var last: SequenceNumber
  /// CRC-32C of all record bytes up to it.
  var chain: UInt32
  var time: Timestamp
  var epoch: UInt64

  /// The state before the first event.
  static let start = ChainState(
    last: .none, chain: 0, time: Timestamp(microseconds: .min), epoch: 0)

  /// What speaks against `header` being the next block.
  func fault(_ header: BlockHeader) -> String? {
    if header.first != last.next {
      return "the block begins with sequence \(header.first), not \(last.next)"
    }
    if header.chain != chain { return "the block does not continue the chain" }
    if header.epoch < epoch { return "the block's epoch \(header.epoch) is below \(epoch)" }
    if header.leastTime < time.microseconds { return "the block's time goes back" }
    return nil
  }

  mutating func take(_ header: BlockHeader) {
    last = header.last
    chain = header.chainAfter
    time = Timestamp(microseconds: header.greatestTime)
    epoch = header.epoch
  }

  /// The state before `header`, as its own words have it.
  init(before header: BlockHeader) {
    last = SequenceNumber(header.first.value - 1)
    chain = header.chain
    time = Timestamp(microseconds: header.leastTime)
    epoch = header.epoch
  }

  init(last: SequenceNumber, chain: UInt32, time: Timestamp, epoch: UInt64) {
    self.last = last
    self.chain = chain
    self.time = time
    self.epoch = epoch
  }
}

struct BlockWalker: ~Copyable {
  /// Read at once: small enough to stay in the processor's cache. Grows for greater blocks.
  private static let windowBytes = 512 << 10

  private let logID: LogID
  private(set) var segment = SequenceNumber.none
  private var file: (any File)?
  /// Where the next block should begin.
  private(set) var offset = 0
  /// What the next block must say; nil: whatever its header says is believed.
  private(set) var state: ChainState?
  /// The block read last.
  private(set) var header: BlockHeader?
  private var window: [UInt8] = []
  private var windowOffset = 0
  private var windowCount = 0
  private var blockStart = 0

  init(of logID: LogID) { self.logID = logID }

  /// Goes to a block's start in a segment file.
  mutating func begin(
    _ file: any File, segment: SequenceNumber, at offset: Int = 0, state: ChainState?
  ) {
    self.file = file
    self.segment = segment
    self.offset = offset
    self.state = state
    header = nil
    windowCount = 0
  }

  var isOpen: Bool { file != nil }

  mutating func end() { file = nil }

  /// Forgets bytes that were read ahead: a writer may have written there since.
  mutating func refresh() {
    windowCount = 0
    header = nil
  }

  /// The bytes of the block read last.
  var block: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      window.span.extracting(blockStart..<blockStart + (header?.blockLength ?? 0))
    }
  }

  /// Where the block read last begins in the file.
  var blockOffset: Int { offset - (header?.blockLength ?? 0) }

  /// Goes on to the next block.
  /// - Returns: nil when `header` and `block` are a new one, else why there is none.
  mutating func next() throws(FileError) -> WalkEnd? {
    header = nil
    var start = try fill(BlockHeader.length)
    let found: BlockHeader
    do throws(BlockFault) {
      found = try BlockHeader(window.span.extracting(start..<windowCount), of: logID)
    } catch {
      switch error {
      case .absent: return .empty
      case .footer: return .footer
      case .bad(let why): return .bad(why)
      }
    }
    start = try fill(found.blockLength)
    guard windowCount - start >= found.blockLength else {
      return .bad("the file ends inside a block")
    }
    let bodyFault = BlockDecoder.bodyFault(
      found, block: window.span.extracting(start..<start + found.blockLength))
    if let bodyFault { return .bad(bodyFault) }
    if let fault = state?.fault(found) { return .bad(fault) }
    var after = state ?? ChainState(before: found)
    after.take(found)
    state = after
    header = found
    blockStart = start
    offset += found.blockLength
    return nil
  }

  /// Brings `count` bytes from `offset` on into the window, as far as the file has them.
  /// - Returns: where they begin in the window.
  private mutating func fill(_ count: Int) throws(FileError) -> Int {
    if offset >= windowOffset, offset + count <= windowOffset + windowCount {
      return offset - windowOffset
    }
    guard let file else { preconditionFailure("a walk begins with a file") }
    if window.count < count {
      let room = max(Self.windowBytes, count * 2)
      window += [UInt8](repeating: 0, count: room - window.count)
    }
    let start = offset - windowOffset
    if start > 0, start < windowCount {
      let kept = windowCount - start
      unsafe window.withUnsafeMutableBytes {
        unsafe $0.baseAddress!.copyMemory(from: $0.baseAddress! + start, byteCount: kept)
      }
      windowCount = kept
    } else if start != 0 || windowCount > 0 && start < 0 {
      windowCount = 0
    }
    windowOffset = offset
    windowCount += try file.readFully(
      into: &window, windowCount..<window.count, at: windowOffset + windowCount)
    return 0
  }
}
