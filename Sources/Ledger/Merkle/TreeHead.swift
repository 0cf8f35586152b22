// Tree heads as checkpoints (https://c2sp.org/tlog-checkpoint): the text of a signed note, three
// lines and none besides: origin, number of leaves, root in base64.
internal import Base

/// What a log consists of: so many leaves, and the root over them.
public struct TreeHead: Hashable, Sendable {
  public let origin: String
  /// Leaves: the sequence number of the last event that it covers.
  public let size: UInt64
  public let root: TreeHash

  public init(origin: String, size: UInt64, root: TreeHash) {
    self.origin = origin
    self.size = size
    self.root = root
  }

  /// The text that is signed.
  public var text: String { "\(origin)\n\(size)\n\(Base64.encode(root.bytes))\n" }

  /// - Throws: `.tree` when the text is no checkpoint. Lines behind the third (extensions) are
  ///   allowed and passed over.
  public init(text: String) throws(LedgerError) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 4, lines.last == "", !lines[0].isEmpty, let size = UInt64(lines[1]),
      "\(size)" == lines[1], let root = Base64.decode(lines[2]).flatMap({ TreeHash($0) })
    else { throw .tree("this is no checkpoint: origin, size and root are expected, a line each") }
    self.init(origin: String(lines[0]), size: size, root: root)
  }

  /// The head in a signed note.
  /// - Throws: `.tree` when it is not signed by the key, or of another log.
  public init(note: String, by verifier: NoteVerifier) throws(LedgerError) {
    try self.init(text: try SignedNote(note, by: verifier).text)
    guard origin == verifier.name else {
      throw .tree("the checkpoint is of the log \(origin), the key of \(verifier.name)")
    }
  }
}

/// A head with its signature.
public struct SignedHead: Hashable, Sendable {
  public let head: TreeHead
  /// The signed note, as it is published.
  public let note: String

  public init(_ head: TreeHead, signer: NoteSigner) {
    self.head = head
    note = signer.sign(head.text)
  }

  /// - Throws: `.tree` as `TreeHead.init(note:by:)`.
  public init(note: String, by verifier: NoteVerifier) throws(LedgerError) {
    head = try TreeHead(note: note, by: verifier)
    self.note = note
  }
}
