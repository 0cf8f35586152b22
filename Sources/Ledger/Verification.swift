// `verify`: walks everything that is there and believes nothing. Headers, bodies, raw bytes, the
// chain and the gapless sequence of every block; record framing and times; the footer's directory,
// totals and SHA-256 of sealed segments; zeros behind the last block of the others. Segments are
// checked side by side, each by itself, and then held against one another.
public import Base
internal import Synchronization

/// What a verification found.
public struct Verification: Equatable, Sendable {
  public var segments = 0
  public var sealedSegments = 0
  public var blocks = 0
  public var records = 0
  /// Record bytes before compression.
  public var rawBytes = 0
  /// Bytes of the segment files.
  public var fileBytes = 0
  /// The last event, and CRC-32C of all record bytes up to it; meaningless with damages.
  public var last = SequenceNumber.none
  public var chain: UInt32 = 0
  /// Sums over the money events of the whole log.
  public var totals = ControlTotals()
  /// The root of the Merkle tree over all records (RFC 6962); nil when it was not asked for, with
  /// damages, and when the first segments are not here.
  public var root: TreeHash?
  /// Signed heads that were held against the tree.
  public var heads = 0
  /// The first damages of each segment, in the order of the log.
  public var damages: [Damage] = []

  public init() {}
}

/// What to verify, and how.
public struct VerificationRequest: Sendable {
  /// Where the log ends, when a writer is at work; nil: it ends where the files do.
  public var limit: SequenceNumber?
  /// The greatest sequence that something else proves to have been acknowledged: a log that ends
  /// before it is damaged.
  public var confirmed = SequenceNumber.none
  /// Says what is wrong with a record's inside; nil when nothing is.
  public var check: @Sendable (borrowing RecordView) -> String? = { _ in nil }
  public var count: ControlTotalsCounter = { _, _ in }
  /// Whether the Merkle tree is hashed anew, and every head of checkpoints.log held against it.
  public var hashesTree = true
  /// A head that was kept elsewhere: the log must begin with what it covers.
  public var published: TreeHead?
  /// Told the bytes walked since the last call; called on several threads.
  public var progress: @Sendable (_ bytes: Int) -> Void = { _ in }
  /// Threads to use.
  public var threads = 2

  public init() {}
}

extension Verification {
  /// Verifies the ledger in a directory. Takes no lock: the caller holds one, or is the server.
  /// Throws when files cannot be read at all; damage is in the result.
  public static func run(
    _ fileSystem: any FileSystem, at path: String,
    _ request: VerificationRequest = VerificationRequest()
  ) throws(LedgerError) -> Verification {
    let directory = LedgerDirectory(fileSystem, at: path)
    guard let identity = try directory.readIdentity() else {
      throw .notALedger(path: path, why: "ledger.json is missing")
    }
    return try run(directory, identity, request)
  }

  /// Verifies what is in a directory as the log of an identity.
  static func run(
    _ directory: LedgerDirectory, _ identity: LogIdentity, _ request: VerificationRequest
  ) throws(LedgerError) -> Verification {
    let all = try io { () throws(FileError) in try directory.listSegments() }
    let segments = try directory.withoutCovered(all, of: identity.logID).kept
    let heads = try SignedHeads(in: directory, identity, request)
    let work = VerificationWork(directory, identity.logID, segments, request, heads)
    var threads: [SystemThread] = []
    for _ in 1..<max(1, min(request.threads, segments.count)) {
      // Without a second thread this one does the work alone.
      if let thread = try? SystemThread.start(name: "verify", work.run) { threads.append(thread) }
    }
    work.run()
    for thread in threads { thread.join() }
    return try work.result()
  }
}

/// Segments to verify, taken one by one by each thread.
private final class VerificationWork: Sendable {
  private struct State {
    var next = 0
    var checked: [Int: SegmentCheck] = [:]
    var failure: LedgerError?
  }
  private let directory: LedgerDirectory
  private let logID: LogID
  private let segments: [SequenceNumber]
  private let request: VerificationRequest
  private let heads: SignedHeads
  private let state = Mutex(State())

  init(
    _ directory: LedgerDirectory, _ logID: LogID, _ segments: [SequenceNumber],
    _ request: VerificationRequest, _ heads: SignedHeads
  ) {
    self.heads = heads
    self.directory = directory
    self.logID = logID
    self.segments = segments
    self.request = request
  }

  func run() {
    while true {
      let index: Int? = state.withLock { state in
        guard state.next < segments.count, state.failure == nil else { return nil }
        state.next += 1
        return state.next - 1
      }
      guard let index else { return }
      do throws(FileError) {
        let file = try directory.files.open(directory.path(of: segments[index]), .read)
        var check = SegmentCheck(segments[index], logID, isLast: index == segments.count - 1)
        try check.run(file, request, heads: heads.sizes)
        let done = check
        state.withLock { $0.checked[index] = done }
      } catch {
        state.withLock { $0.failure = $0.failure ?? .file(error) }
        return
      }
    }
  }

  /// Joins the segments' results, in the order of the log.
  func result() throws(LedgerError) -> Verification {
    let done = state.withLock { $0 }
    if let failure = done.failure { throw failure }
    var total = Verification()
    var before: ChainState?
    var tree: SubtreeRun? = SubtreeRun(from: 0)
    var judged = heads
    for index in segments.indices {
      guard let check = done.checked[index] else { continue }
      total.segments += 1
      total.sealedSegments += check.isSealed ? 1 : 0
      total.blocks += check.blocks
      total.records += check.records
      total.rawBytes += check.rawBytes
      total.fileBytes += check.fileBytes
      total.totals.add(check.totals)
      if let known = tree, let run = check.tree, run.start == known.end {
        for (size, part) in check.parts {
          var prefix = known
          prefix.append(part)
          judged.judge(size, prefix.root)
        }
        tree?.append(run)
      } else {
        tree = nil
      }
      if let fault = check.fault(after: before) { total.damages.append(fault) }
      total.damages += check.damages
      // Behind damage the next segment's own words are believed.
      before = check.damages.isEmpty ? check.after ?? before : nil
    }
    total.last = before?.last ?? .none
    if total.damages.isEmpty, total.last < request.confirmed {
      total.damages.append(
        Damage(
          segment: LedgerDirectory.name(of: segments.last ?? .first),
          offset: done.checked[segments.count - 1]?.end ?? 0, sequence: total.last.next,
          what: "the log ends here, but events up to \(request.confirmed) were acknowledged"))
    }
    total.chain = before?.chain ?? 0
    if request.hashesTree, total.damages.isEmpty {
      total.root = tree?.root
      total.heads = judged.count
      total.damages += judged.damages(last: total.last)
    }
    return total
  }
}
