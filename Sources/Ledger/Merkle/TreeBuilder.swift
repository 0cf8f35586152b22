// Builds the tree behind the traffic and signs its heads: durable events -> leaves -> tiles -> a
// head, which stands synced in checkpoints.log before anyone sees it. Steps are bounded, so that a
// thread (Projections' TreeKeeper), a test or a simulation calls them one by one.
//
// A head is signed only if the tree extends the last one that was: when a log is opened, the tree
// at that size must have that root. Otherwise nothing is signed any more and `problem` says why.
public import Base
internal import Synchronization

/// How far the tree is.
public struct TreeStatus: Equatable, Sendable {
  /// Events hashed.
  public var size: UInt64 = 0
  /// The head that may be shown: it is in checkpoints.log.
  public var head: SignedHead?
  /// The key that heads are signed with; nil when there is none.
  public var verifier: NoteVerifier?
  /// Why no head is signed any more; nil while all is well.
  public var problem: String?
}

public final class TreeBuilder: Sendable {
  /// Events hashed in one step.
  public static let stepEvents: UInt64 = 16_384
  /// Milliseconds between heads while events keep coming: a head is at most a second behind.
  public static let headMilliseconds = 800

  private struct Shared {
    var status = TreeStatus()
    var tree: LogTree
  }
  /// Only the one that steps uses it.
  private struct Work: Sendable {
    var edge = TreeEdge()
    var log: CheckpointLog?
    var signer: NoteSigner?
    var isOpen = false
    /// The last head that was signed before; its root must be met on the way when the tree is
    /// hashed from the beginning.
    var toMeet: CheckpointLog.Line?
    var lastSigned: MonotonicTime?
  }

  private let files: LedgerFiles
  private let clock: any MonotonicClock
  private let shared: Mutex<Shared>
  private let work = Mutex(Work())

  public init(_ files: LedgerFiles, clock: any MonotonicClock = SystemMonotonicClock()) {
    self.files = files
    self.clock = clock
    shared = Mutex(Shared(tree: LogTree(files, edge: TreeEdge())))
  }

  public var status: TreeStatus { shared.withLock { $0.status } }
  /// The tree as far as it is hashed; it may be ahead of the head that was signed last.
  public var tree: LogTree { shared.withLock { $0.tree } }

  /// The greatest sequence number that a signed head proves to have been acknowledged.
  public static func confirmed(
    in directory: LedgerDirectory
  ) throws(LedgerError) -> SequenceNumber {
    SequenceNumber(try CheckpointLog.lastWhole(in: directory)?.size ?? 0)
  }

  /// Hashes what is durable, a bounded number of events, and signs a head when one is due.
  /// - Parameter signsNow: sign although the last head is not `headMilliseconds` old.
  /// - Returns: whether more can be done at once.
  @discardableResult
  public func step(signsNow: Bool = false) -> Bool {
    work.withLock { work in
      if status.problem != nil { return false }
      do throws(LedgerError) {
        if !work.isOpen { try prepare(&work) }
        try hash(&work)
        if work.edge.size < files.durable.value { return true }
        try sign(&work, now: signsNow)
        return false
      } catch {
        // A log that failed says so by itself.
        if files.failure == nil { note("\(error)", isFinal: error.isFinalForTree) }
        return false
      }
    }
  }

  private func note(_ problem: String, isFinal: Bool) {
    guard isFinal else { return }
    shared.withLock { $0.status.problem = problem }
  }

  // MARK: - Opening

  private func prepare(_ work: inout Work) throws(LedgerError) {
    let log = try CheckpointLog(files.directory)
    let signer = try Self.signer(of: files, hasSigned: log.last != nil)
    var head: SignedHead?
    if let last = log.last {
      let signed = try SignedHead(note: last.note, by: signer.verifier)
      guard signed.head.size == last.size, signed.head.root == last.root else {
        throw .tree("the last line of checkpoints.log contradicts its own note")
      }
      guard last.size <= files.durable.value else {
        throw .tree(
          "a head of \(last.size) events was signed, but the log ends with \(files.durable)")
      }
      head = signed
      if let edge = try LogTree.edge(of: files, at: last.size), edge.root == last.root {
        work.edge = edge
      } else {
        // The tiles are no help: everything is hashed anew.
        work.toMeet = last
      }
    }
    work.log = log
    work.signer = signer
    work.isOpen = true
    let edge = work.edge
    let tree = LogTree(files, edge: edge)
    shared.withLock { shared in
      shared.tree = tree
      shared.status.size = edge.size
      shared.status.head = head
      shared.status.verifier = signer.verifier
    }
  }

  /// The directory's key; made when no head was ever signed.
  private static func signer(
    of files: LedgerFiles, hasSigned: Bool
  ) throws(LedgerError) -> NoteSigner {
    let directory = files.directory
    let name = files.identity.treeName
    if let signer = try readSigner(in: directory) {
      guard signer.verifier.name == name else {
        throw .tree(
          "\(directory.signingKey) is the key of \(signer.verifier.name), this log is \(name)")
      }
      return signer
    }
    guard !hasSigned else {
      throw .tree(
        "\(directory.signingKey) is missing, but heads were signed with it: bring it back from a "
          + "backup")
    }
    let signer = NoteSigner(name: name, seed: secureRandomBytes(Ed25519.seedLength))
    try io { () throws(FileError) in
      try directory.files.replaceFile(
        directory.signingKey, in: directory.path, with: Array(signer.text.utf8))
    }
    return signer
  }

  private static func readSigner(
    in directory: LedgerDirectory
  ) throws(LedgerError) -> NoteSigner? {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try directory.files.readFile(directory.signingKey) } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
    do throws(LedgerError) {
      return try NoteSigner(text: String(decoding: bytes, as: UTF8.self))
    } catch { throw .tree("\(directory.signingKey): \(error)") }
  }

  /// The verifier of a log's key, without a server; nil when none was made yet.
  public static func verifier(
    in directory: LedgerDirectory
  ) throws(LedgerError) -> NoteVerifier? {
    try readSigner(in: directory)?.verifier
  }

  /// The head signed last, without a server; nil when none was.
  public static func lastHead(
    in directory: LedgerDirectory
  ) throws(LedgerError) -> SignedHead? {
    guard let verifier = try verifier(in: directory),
      let line = try CheckpointLog.lastWhole(in: directory)
    else { return nil }
    return try SignedHead(note: line.note, by: verifier)
  }

  /// The tree at the size of a signed head, without a server.
  /// - Parameter progress: told the events hashed, when the tiles do not suffice.
  /// - Throws: `.tree` when the log is not what was signed.
  public static func tree(
    of files: LedgerFiles, at head: TreeHead, progress: (UInt64) -> Void = { _ in }
  ) throws(LedgerError) -> LogTree {
    if let edge = try LogTree.edge(of: files, at: head.size), edge.root == head.root {
      return LogTree(files, edge: edge)
    }
    let edge = try edge(of: files, at: head.size, progress: progress)
    guard edge.root == head.root else {
      throw .tree("the log's first \(head.size) events are not those that were signed")
    }
    return LogTree(files, edge: edge)
  }

  /// The edge at a size, from nothing but the log's records.
  /// - Parameter met: given the edge after each event.
  public static func edge(
    of files: LedgerFiles, at size: UInt64, progress: (UInt64) -> Void = { _ in },
    met: (TreeEdge) -> Void = { _ in }
  ) throws(LedgerError) -> TreeEdge {
    var edge = TreeEdge()
    var reader = LedgerReader(files, from: .first, isThorough: true)
    while edge.size < size {
      guard var batch = try reader.next() else {
        throw .noSuchSequence(SequenceNumber(size), last: files.durable)
      }
      while edge.size < size, let record = batch.next() {
        edge.append(.leaf(record.bytes)) { _, _ in }
        met(edge)
      }
      progress(edge.size)
    }
    return edge
  }

  // MARK: - Hashing and signing

  private func hash(_ work: inout Work) throws(LedgerError) {
    let goal = min(files.durable.value, work.edge.size + Self.stepEvents)
    guard work.edge.size < goal else { return }
    let store = TileStore(files.directory)
    var edge = work.edge
    var reader = LedgerReader(files, from: SequenceNumber(edge.size + 1))
    while edge.size < goal {
      guard var batch = try reader.next() else { break }
      while edge.size < goal, let record = batch.next() {
        let leaf = TreeHash.leaf(record.bytes)
        do throws(FileError) {
          try edge.append(leaf) { (tile, hashes) throws(FileError) in
            try store.write(tile, hashes)
          }
        } catch { throw .file(error) }
        if let line = work.toMeet, line.size == edge.size {
          guard line.root == edge.root else {
            throw .tree(
              "the log's first \(line.size) events are not those that were signed: the root is "
                + "another")
          }
          work.toMeet = nil
        }
      }
    }
    work.edge = edge
    let tree = LogTree(files, edge: edge)
    shared.withLock { shared in
      shared.tree = tree
      shared.status.size = tree.size
    }
  }

  private func sign(_ work: inout Work, now signsNow: Bool) throws(LedgerError) {
    guard var log = work.log, let signer = work.signer, work.toMeet == nil else { return }
    guard work.edge.size > log.last?.size ?? 0 else { return }
    let now = clock.now
    if !signsNow, let last = work.lastSigned,
      now < last.advanced(milliseconds: Self.headMilliseconds)
    {
      return
    }
    let head = TreeHead(
      origin: signer.verifier.name, size: work.edge.size, root: work.edge.root)
    let signed = SignedHead(head, signer: signer)
    try log.append(signed)
    work.log = log
    work.lastSigned = now
    shared.withLock { $0.status.head = signed }
  }
}

extension LedgerError {
  /// Whether no head may be signed after it: a full disk passes, everything else does not.
  fileprivate var isFinalForTree: Bool {
    if case .file(let error) = self { return !error.isOutOfSpace && !error.isInterrupted }
    return true
  }
}

extension LogIdentity {
  /// The name of the log's tree in checkpoints and keys: its origin and its id, unique.
  public var treeName: String {
    let name = String(origin.map { $0.isWhitespace || $0 == "+" ? "-" : $0 })
    return "\(name)/\(logID)"
  }
}
