// What can go wrong with the log, told so that an operator knows where and what to do.
public import Base

/// A place in the log that does not hold what was written there.
public struct Damage: Equatable, Sendable, CustomStringConvertible {
  /// File name inside `segments/`.
  public let segment: String
  /// Bytes from the start of the file.
  public let offset: Int
  /// The sequence expected there.
  public let sequence: SequenceNumber
  public let what: String

  public init(segment: String, offset: Int, sequence: SequenceNumber, what: String) {
    self.segment = segment
    self.offset = offset
    self.sequence = sequence
    self.what = what
  }

  public var description: String {
    "segment \(segment), offset \(offset), sequence \(sequence): \(what)"
  }
}

/// Faults of the world that the ledger reports.
public enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The log is not what was written. The command line exits with 3.
  case damaged(Damage)
  /// Another process holds the directory; its process id when LOCK names it.
  case locked(path: String, holder: Int32?)
  /// The directory's own description is missing, unreadable or of another version.
  case notALedger(path: String, why: String)
  /// A sequence lies in a segment that is not in this directory.
  case missingSegment(holding: SequenceNumber, path: String)
  /// A sequence that was never written.
  case noSuchSequence(SequenceNumber, last: SequenceNumber)
  /// A file operation failed; nothing was acknowledged because of it.
  case file(FileError)
  /// A write or sync failed in a way that leaves its outcome unknown. The process must exit: a
  /// new one finds out what is on the disk.
  case poisoned(String)
  /// Something of the Merkle tree, its heads or its key cannot be used; what, and what to do.
  case tree(String)
  /// A backup cannot be made or used; why, and what to do.
  case backup(String)
  /// The ledger was closed before the event was durable.
  case closed

  public var description: String {
    switch self {
    case .damaged(let damage):
      "the ledger is damaged: \(damage); run `daybook verify`, then `daybook repair`"
    case .locked(let path, let holder):
      "\(path) is in use by another process\(holder.map { " (pid \($0))" } ?? ""); "
        + "stop it, or use its DATA/daybook.sock"
    case .notALedger(let path, let why):
      "\(path) is not a ledger: \(why)"
    case .missingSegment(let sequence, let path):
      "the segment holding sequence \(sequence) is not in \(path); bring it back from the archive"
    case .noSuchSequence(let sequence, let last):
      "there is no sequence \(sequence): the last one is \(last)"
    case .file(let error):
      error.description
    case .poisoned(let why):
      "the ledger cannot be written any more, the outcome of the last write is unknown: \(why)"
    case .tree(let what), .backup(let what):
      what
    case .closed:
      "the ledger is closed"
    }
  }
}

/// Runs a file operation and reports its failure as the ledger's.
func io<Value: ~Copyable>(
  _ body: () throws(FileError) -> Value
) throws(LedgerError) -> Value {
  do throws(FileError) { return try body() } catch { throw .file(error) }
}
