// What a command did to the ledger's files and the next open has to record as an event: written
// before the first change, removed when the event is durable. So no crash leaves a repair or a
// restore that the log does not know of.
//
//   pending.json    {"kind": "repaired" | "restored", "first": N, "offset": N, "length": N,
//                    "segment": TEXT, "kept": TEXT, "actor": TEXT, "reason": TEXT}
internal import Base

public struct PendingNote: Equatable, Sendable {
  public enum Kind: String, Sendable { case repaired, restored }

  public var kind: Kind
  /// The first event that was cut; of a restore the last one that is there.
  public var first = SequenceNumber.none
  public var offset: UInt64 = 0
  public var length: UInt64 = 0
  public var segment = ""
  /// The files in cut/ that keep what was removed.
  public var kept = ""
  public var authorship = Authorship()

  public init(_ kind: Kind) { self.kind = kind }
}

extension LedgerDirectory {
  /// What is to be recorded; nil when nothing is.
  public func pendingNote() throws(LedgerError) -> PendingNote? {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try files.readFile(pending) } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
    guard let value = try? JSONParser(maxDepth: 2).parse(bytes),
      let kind = (value["kind"]?.string).flatMap({ PendingNote.Kind(rawValue: $0) })
    else { throw .notALedger(path: path, why: "pending.json cannot be read") }
    func number(_ name: String) -> UInt64 {
      (value[name]?.numberText).flatMap { UInt64($0) } ?? 0
    }
    var note = PendingNote(kind)
    note.first = SequenceNumber(number("first"))
    note.offset = number("offset")
    note.length = number("length")
    note.segment = value["segment"]?.string ?? ""
    note.kept = value["kept"]?.string ?? ""
    note.authorship = Authorship(
      actor: value["actor"]?.string ?? "", reason: value["reason"]?.string ?? "")
    return note
  }

  func write(_ note: PendingNote) throws(FileError) {
    var json = JSONWriter()
    json.object {
      $0.member("kind", note.kind.rawValue)
      $0.member("first", note.first.value)
      $0.member("offset", note.offset)
      $0.member("length", note.length)
      $0.member("segment", note.segment)
      $0.member("kept", note.kept)
      $0.member("actor", note.authorship.actor)
      $0.member("reason", note.authorship.reason)
    }
    try files.replaceFile(pending, in: path, with: json.bytes)
  }

  /// The event is durable.
  public func forgetPendingNote() throws(LedgerError) {
    try io { () throws(FileError) in
      try files.remove(pending)
      try files.syncDirectory(path)
    }
  }
}
