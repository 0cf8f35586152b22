// The health of a ledger, for `status`, /readyz and /metrics.
public import Base
public import Ledger
import Synchronization

public struct LedgerStatus: Equatable, Sendable {
  public let last: SequenceNumber
  public let durable: SequenceNumber
  public let lastTime: Timestamp
  public let epoch: UInt64
  public let segments: Int
  /// Bytes of all segments, space prepared ahead included.
  public let segmentBytes: Int
  /// Where the read model stands, and how many events that is behind.
  public let checkpoint: SequenceNumber
  public let checkpointLag: UInt64
  /// Why the last checkpoint failed; nil when it did not.
  public let checkpointProblem: String?
  /// Why a full segment could not be sealed; nil when none failed.
  public let sealingProblem: String?
  public let openRequests: Int
  public let unknownOutcomes: Int
  /// Money held for open requests, of all users.
  public let held: NanoUSD
  /// Bytes this process may still write; nil when the volume does not say.
  public let freeDisk: Int?
  public let isOutOfSpace: Bool
  /// How far the Merkle tree is; nil when this process does not build it.
  public let tree: TreeStatus?
  public let poisoned: String?
}

extension LiveLedger {
  /// Where the read model stands. Asks no disk.
  public var checkpointed: SequenceNumber { checkpointer.state.sequence }

  /// Asks the disk: not for a reactor.
  public func status() -> LedgerStatus {
    let (last, time, open, unknown, held) = books.mutex.withLock { books in
      (
        books.lastSequence, books.lastTime, books.openRequests.openCount,
        books.openRequests.unknownCount, books.openRequests.held
      )
    }
    let state = checkpointer.state
    let directory = files.directory
    let names = (try? directory.files.list(directory.path + "/segments")) ?? []
    let bytes = names.compactMap {
      try? directory.files.status(of: directory.path + "/segments/" + $0)?.size
    }
    return LedgerStatus(
      last: last, durable: durable, lastTime: time, epoch: files.identity.epoch,
      segments: files.segments.count, segmentBytes: bytes.reduce(0, +),
      checkpoint: state.sequence,
      checkpointLag: last.value - min(last.value, state.sequence.value),
      checkpointProblem: state.problem, sealingProblem: sealer.problem, openRequests: open,
      unknownOutcomes: unknown,
      held: held, freeDisk: try? directory.files.freeSpace(at: directory.path),
      isOutOfSpace: ledger.isOutOfSpace, tree: tree?.status, poisoned: poisoned)
  }
}
