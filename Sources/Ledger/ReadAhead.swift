// Reads ahead of a fold: a thread of its own reads, checks and decompresses, while another one
// folds what came before. The same checks as LedgerReader, which it stands on; a bad block is an
// error that comes after all that stood before it.
//
// Blocks go over in chunks: a great block as it is, small ones joined, because their records are
// neighbours anyway and waking a thread for each would cost more than reading it. At most `depth`
// chunks exist; their buffers are used again and again, so memory stays bounded.
public import Base
internal import Synchronization

/// Records of neighbouring blocks.
public struct RecordChunk: Sendable {
  private var bytes: [UInt8] = []
  private var used = 0
  private var first = SequenceNumber.none
  private var count = 0
  /// The first record wanted.
  private var start = SequenceNumber.none

  init() {}

  /// The records, from the first one that was asked for on.
  public var batch: RecordBatch {
    @_lifetime(borrow self)
    get {
      var batch = RecordBatch(bytes.span.extracting(0..<used), first: first, count: count)
      batch.skip(to: start)
      return batch
    }
  }

  var isEmpty: Bool { count == 0 }
  var byteCount: Int { used }
  var last: SequenceNumber { SequenceNumber(first.value + UInt64(count) - 1) }

  mutating func removeAll() {
    used = 0
    count = 0
  }

  /// Takes the records that were decoded last. Into an empty chunk they go without a copy: the
  /// decoder gets its buffer in exchange.
  mutating func take(
    from decoder: inout BlockDecoder, _ header: BlockHeader, start: SequenceNumber
  ) {
    if isEmpty {
      (first, self.start) = (header.first, start)
      used = decoder.exchange(&bytes)
    } else {
      let end = used + header.rawBytes
      if bytes.count < end {
        bytes += [UInt8](repeating: 0, count: max(end, ReadAhead.chunkBytes) - bytes.count)
      }
      Self.copy(decoder.records, into: &bytes, at: used)
      used = end
    }
    count += header.count
  }

  private static func copy(_ source: Span<UInt8>, into target: inout [UInt8], at offset: Int) {
    unsafe source.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { target in
        unsafe target[offset..<offset + source.count].copyBytes(from: source)
      }
    }
  }
}

public final class ReadAhead: Sendable {
  /// Chunks that exist at a time.
  private static let depth = 4
  /// A chunk of smaller blocks goes over when it has this many bytes.
  static let chunkBytes = 512 << 10

  private struct State {
    var ready: [RecordChunk] = []
    var spare: [RecordChunk]
    /// What ended the reading.
    var failure: LedgerError?
    var hasEnded = false
    var isStopped = false
  }
  private let state: Mutex<State>
  private let filled = Doorbell()
  private let emptied = Doorbell()
  private let thread = Mutex<SystemThread?>(nil)

  /// Starts to read from `start` until `last` is given out, or the durable end.
  public init(
    _ files: LedgerFiles, from start: SequenceNumber, through last: SequenceNumber
  ) throws(SystemThread.StartError) {
    let spare = [RecordChunk](repeating: RecordChunk(), count: Self.depth)
    state = Mutex(State(spare: spare))
    let started = try SystemThread.start(name: "read ahead") {
      self.read(files, from: start, through: last)
    }
    thread.withLock { $0 = started }
  }

  // MARK: - The reading thread

  private func read(
    _ files: LedgerFiles, from start: SequenceNumber, through last: SequenceNumber
  ) {
    var reader = LedgerReader(files, from: start)
    do throws(LedgerError) {
      while reader.position <= last {
        guard var chunk = takeSpare() else { return }
        var isAtEnd = false
        while !isAtEnd, reader.position <= last, chunk.byteCount < Self.chunkBytes {
          do throws(LedgerError) { isAtEnd = try !reader.next(into: &chunk) } catch {
            give(chunk)
            throw error
          }
        }
        give(chunk)
        if isAtEnd { break }
      }
      end(nil)
    } catch { end(error) }
  }

  /// - Returns: nil when nobody wants more.
  private func takeSpare() -> RecordChunk? {
    while true {
      let (chunk, isStopped) = state.withLock { ($0.spare.popLast(), $0.isStopped) }
      if isStopped { return nil }
      if let chunk { return chunk }
      emptied.wait()
    }
  }

  private func give(_ chunk: RecordChunk) {
    if chunk.isEmpty { return }
    state.withLock { $0.ready.append(chunk) }
    filled.ring()
  }

  private func end(_ failure: LedgerError?) {
    state.withLock {
      $0.failure = failure
      $0.hasEnded = true
    }
    filled.ring()
  }

  // MARK: - The folding thread

  /// The next records in exchange for those given before; waits for them.
  /// - Returns: nil at the end.
  public func next(returning used: consuming RecordChunk?) throws(LedgerError) -> RecordChunk? {
    if var chunk = used {
      chunk.removeAll()
      state.withLock { $0.spare.append(chunk) }
      emptied.ring()
    }
    while true {
      let (chunk, hasEnded, failure) = state.withLock { state in
        (
          state.ready.isEmpty ? nil : state.ready.removeFirst(), state.hasEnded, state.failure
        )
      }
      if let chunk { return chunk }
      if let failure { throw failure }
      if hasEnded { return nil }
      filled.wait()
    }
  }

  /// Ends the thread; call it when no more is wanted, at the end too.
  public func stop() {
    state.withLock { $0.isStopped = true }
    emptied.ring()
    thread.withLock { running in
      running?.join()
      running = nil
    }
  }
}
