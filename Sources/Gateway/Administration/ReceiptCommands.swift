// Receipts and audits: what a server, or a command without one, answers from the log and its tree.
public import Base
public import Ledger
public import Projections

/// A signed head, the tree it is of, and the key.
public struct SignedTree: Sendable {
  let head: SignedHead
  let tree: LogTree
  let verifier: NoteVerifier

  /// - Parameter tree: at least as large as `head`.
  public init(head: SignedHead, tree: LogTree, verifier: NoteVerifier) {
    self.head = head
    self.tree = tree
    self.verifier = verifier
  }
}

/// Where receipts are made: a log, and what the books know of definitions in it.
public struct ReceiptDesk: Sendable {
  /// Gives a tree whose head covers an event.
  public typealias Cover = (SequenceNumber) throws(AdministrationError) -> SignedTree

  private let files: LedgerFiles
  private let maker: ReceiptMaker

  public init(files: LedgerFiles, maker: ReceiptMaker) {
    self.files = files
    self.maker = maker
  }

  /// {"event": a sequence number or a request's id}
  /// - Returns: {"receipt": the file, "proof": what it proves}.
  public func answer(
    _ arguments: JSONObject, cover: Cover
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: ["event"])
    let sequence = try sequence(of: try given.required("event"))
    return try receipt(of: sequence, for: .administrator, cover: cover)
  }

  /// The event of a sequence number or of a request's id.
  private func sequence(of name: String) throws(AdministrationError) -> SequenceNumber {
    if let number = UInt64(name), number >= 1 {
      let sequence = SequenceNumber(number)
      guard sequence <= files.durable else {
        throw .unknown("there is no event \(number): the last one is \(files.durable)")
      }
      return sequence
    }
    guard let id = ULID(name) else {
      throw .usage("\"\(name.clipped(toBytes: 64))\" is neither a sequence number nor a request id")
    }
    guard let found = try find(id) else { throw .unknown("the ledger has no request \(id)") }
    guard let closing = found.closing ?? found.refusal else {
      throw .conflict("request \(id) is not settled yet: event \(found.admission) admitted it")
    }
    return closing
  }

  func find(_ id: ULID) throws(AdministrationError) -> FoundRequest? {
    do throws(LedgerError) { return try RequestSearch.find(id, in: files) } catch {
      throw AdministrationError(error)
    }
  }

  func receipt(
    of sequence: SequenceNumber, for audience: ReceiptAudience, cover: Cover
  ) throws(AdministrationError) -> [UInt8] {
    let others: [SequenceNumber]
    do throws(LedgerError) {
      others = try maker.explanation(of: sequence, for: audience, in: files)
    } catch { throw AdministrationError(error) }
    let signed = try cover(max(sequence, others.last ?? .none))
    do throws(LedgerError) {
      let receipt = try ReceiptMaker.make(
        of: sequence, with: others, head: signed.head, tree: signed.tree, in: files)
      // Nothing leaves that would not stand up to its own check.
      let check = try ReceiptCheck(receipt, by: signed.verifier)
      return JSONWriter.text {
        $0.object {
          $0.member("receipt", receipt.text)
          $0.name("proof")
          $0.raw(check.json.span)
        }
      }
    } catch { throw AdministrationError(error) }
  }
}

/// What a log's tree says of an earlier head.
public enum LogAudit {
  /// Hashes the whole log anew and compares it with a head that was kept.
  /// - Parameters:
  ///   - note: the head, a signed note.
  ///   - current: the newest signed head, if there is one.
  ///   - tree: makes the proof; at least as large as what is durable now.
  /// - Returns: one JSON object; `grown` says whether the log begins with what was signed.
  public static func run(
    since note: String, by verifier: NoteVerifier, current: SignedHead?, in files: LedgerFiles,
    _ report: AdministrationService.Report
  ) throws(AdministrationError) -> [UInt8] {
    let old: TreeHead
    do throws(LedgerError) { old = try TreeHead(note: note, by: verifier) } catch {
      throw .usage("\(error)")
    }
    do throws(LedgerError) {
      let last = files.durable.value
      let size = max(current?.head.size ?? 0, old.size)
      guard size <= last else {
        return json(old, nil, current, [], "the log ends with event \(last): events were cut")
      }
      var oldRoot = old.size == 0 ? TreeHash.emptyRoot : nil
      var newRoot: TreeHash?
      let edge = try TreeBuilder.edge(of: files, at: size) {
        report($0, size)
      } met: { edge in
        if edge.size == old.size { oldRoot = edge.root }
      }
      newRoot = edge.root
      guard oldRoot == old.root else {
        return json(
          old, newRoot, current, [], "the first \(old.size) events are not those that were signed")
      }
      if let current, current.head.size == size, current.head.root != newRoot {
        return json(
          old, newRoot, current, [], "the newest signed head is not one of this log's events")
      }
      var reader = LogTree.of(files, edge: edge).reader
      let path = try reader.consistency(from: old.size, to: size)
      return json(old, newRoot, current, path, nil)
    } catch {
      throw AdministrationError(error)
    }
  }

  /// The answer's JSON; `problem` nil = the log grew and nothing else.
  public static func json(
    _ old: TreeHead, _ root: TreeHash?, _ current: SignedHead?, _ path: [TreeHash],
    _ problem: String?
  ) -> [UInt8] {
    JSONWriter.text {
      $0.object {
        $0.member("grown", problem == nil)
        $0.member("log", old.origin)
        $0.member("since_events", old.size)
        $0.member("since_root", Base64.encode(old.root.bytes))
        $0.member("events", max(current?.head.size ?? 0, old.size))
        $0.member("root", optional: root.map { Base64.encode($0.bytes) })
        $0.member("checkpoint", optional: current?.note)
        $0.member("consistency", texts: path.map { Base64.encode($0.bytes) })
        $0.member("problem", optional: problem)
      }
    }
  }
}

extension AdministrationService {
  /// How often a head is waited for that covers what a receipt needs.
  private static let greatestWaits = 100

  var receiptDesk: ReceiptDesk {
    ReceiptDesk(files: live.files, maker: live.withBooks { books in ReceiptMaker(books) })
  }

  /// The tree with a head that covers an event: the newest there is, or a new one.
  func signedTree(
    covering sequence: SequenceNumber
  ) throws(AdministrationError) -> SignedTree {
    guard let builder = live.tree else {
      throw .failed("this process builds no tree: ask the running server")
    }
    try wait(for: sequence)
    for _ in 0..<Self.greatestWaits where builder.status.head?.head.size ?? 0 < sequence.value {
      if let problem = builder.status.problem { throw .failed(problem) }
      // Signed here when the tree's own thread has not come to it: at once, not half a second on.
      builder.step(signsNow: true)
    }
    let status = builder.status
    guard let head = status.head, let verifier = status.verifier,
      head.head.size >= sequence.value
    else { throw .busy("the tree is not up to the log yet; try again") }
    return SignedTree(head: head, tree: builder.tree, verifier: verifier)
  }

  func receipt(_ arguments: JSONObject) throws(AdministrationError) -> [UInt8] {
    try receiptDesk.answer(arguments) { (sequence) throws(AdministrationError) in
      try signedTree(covering: sequence)
    }
  }

  /// {"checkpoint": a signed note, "vkey": the key to check it with; the log's own when absent}
  func audit(
    _ arguments: JSONObject, _ report: @escaping Report
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: ["checkpoint", "vkey"])
    let note = try given.required("checkpoint")
    guard let own = live.treeKey else { throw .failed("no tree head was signed yet") }
    var verifier = own
    if let text = try given.text("vkey") {
      do throws(LedgerError) { verifier = try NoteVerifier(vkey: text) } catch {
        throw .usage("\(error)")
      }
    }
    return try LogAudit.run(
      since: note, by: verifier, current: live.tree?.status.head, in: live.files, report)
  }
}
