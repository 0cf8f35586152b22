// What readers and the writer of one ledger share: its directory, its identity, the list of its
// segments, and how far the log may be believed.
internal import Base
internal import Synchronization

/// A ledger's files, open for reading or for writing.
public final class LedgerFiles: Sendable {
  public let directory: LedgerDirectory
  public let identity: LogIdentity

  /// Where every block of at least this many bytes apart begins in the open segment.
  private static let markDistance = 256 << 10

  private struct State {
    var segments: [SequenceNumber]
    var marks: [(first: SequenceNumber, offset: Int)] = []
    var failure: LedgerError?
  }
  private let state: Mutex<State>
  private let limit: Atomic<UInt64>
  private let lock: (any File)?

  init(
    _ directory: LedgerDirectory, identity: LogIdentity, segments: [SequenceNumber],
    limit: SequenceNumber, lock: (any File)?
  ) {
    self.directory = directory
    self.identity = identity
    self.lock = lock
    state = Mutex(State(segments: segments))
    self.limit = Atomic(limit.value)
  }

  /// The greatest sequence number that is durable: the log ends here for every reader.
  public var durable: SequenceNumber { SequenceNumber(limit.load(ordering: .acquiring)) }

  func publish(_ last: SequenceNumber) { limit.store(last.value, ordering: .releasing) }

  /// First sequence numbers of the segments, ascending.
  public var segments: [SequenceNumber] { state.withLock { $0.segments } }

  /// The segment that holds `sequence`, if it is here.
  func segment(holding sequence: SequenceNumber) -> SequenceNumber? {
    state.withLock { state in state.segments.last { $0 <= sequence } }
  }

  func noteSegment(_ first: SequenceNumber) {
    state.withLock {
      $0.segments.append(first)
      $0.marks.removeAll(keepingCapacity: true)
    }
  }

  /// Their events are in the segment before, from now on.
  func forgetSegments(_ gone: [SequenceNumber]) {
    state.withLock { $0.segments.removeAll { gone.contains($0) } }
  }

  func noteBlock(at first: SequenceNumber, offset: Int) {
    state.withLock {
      if let mark = $0.marks.last, offset - mark.offset < Self.markDistance { return }
      $0.marks.append((first, offset))
    }
  }

  /// A block of the open segment that begins at or before `sequence`, near to it.
  func mark(before sequence: SequenceNumber) -> (first: SequenceNumber, offset: Int)? {
    state.withLock { state in state.marks.last { $0.first <= sequence } }
  }

  /// Why the log must not be believed any more; nil while all is well.
  var failure: LedgerError? { state.withLock { $0.failure } }

  func fail(_ error: LedgerError) {
    state.withLock { $0.failure = $0.failure ?? error }
  }

  /// Lets another process have the directory.
  func unlock() { try? lock?.unlock() }
}
