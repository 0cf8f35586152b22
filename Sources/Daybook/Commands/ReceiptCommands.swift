// `receipt`, `verify-receipt`, `audit`: proofs for people who need not trust this machine.
import Base
import Foundation
import Gateway
import Ledger
import Projections

enum ReceiptCommands {
  static let all: [Command] = [receipt, verifyReceipt, audit]

  private static let receipt = Command(
    CommandSpec(
      name: "receipt", parameters: ["SEQ|REQUEST-ID"],
      options: [.value("out", "FILE", "write it to a file instead of standard output")],
      summary: "an event with what proves it, for `daybook verify-receipt`",
      notes: "The file is a C2SP tlog-proof. With --json: the file and what it proves.")
  ) { invocation in
    let backend = Backend(invocation)
    let object = JSONObject([
      JSONObject.Member(name: "event", value: .string(invocation.parsed.arguments[0]))
    ])
    let answer = try BackendAnswer(
      try backend.ask("receipt", object) {
        try backend.read { reading in
          try reading.withBooks { books in
            let desk = ReceiptDesk(files: reading.files, maker: ReceiptMaker(books))
            return AdministrationAnswer(
              body: try desk.answer(object) { (sequence) throws(AdministrationError) in
                try signedTree(of: reading.files, covering: sequence)
              })
          }
        }
      }.body)
    guard let text = answer.value["receipt"]?.string else {
      throw CommandFailure("the answer holds no receipt")
    }
    if let path = invocation.parsed.values["out"] {
      try write(text, to: path)
      if invocation.wantsJSON { try Console.write(answer.json + [10]) }
    } else {
      try Console.write(invocation.wantsJSON ? answer.json + [10] : Array(text.utf8))
    }
  }

  /// Without a server no head can be signed: the one there is must do.
  private static func signedTree(
    of files: LedgerFiles, covering sequence: SequenceNumber
  ) throws(AdministrationError) -> SignedTree {
    do throws(LedgerError) {
      guard let verifier = try TreeBuilder.verifier(in: files.directory),
        let head = try TreeBuilder.lastHead(in: files.directory), head.head.size >= sequence.value
      else {
        throw .tree(
          "event \(sequence) is not covered by a signed head yet, and no server runs to sign one: "
            + "start `daybook serve`")
      }
      return SignedTree(
        head: head, tree: try TreeBuilder.tree(of: files, at: head.head), verifier: verifier)
    } catch { throw AdministrationError(error) }
  }

  private static func write(_ text: String, to path: String) throws {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw CommandFailure("\(path) cannot be written: \(error.localizedDescription)")
    }
  }

  // MARK: - verify-receipt

  private static let verifyReceipt = Command(
    CommandSpec(
      name: "verify-receipt", parameters: ["FILE"],
      options: [
        .value("vkey", "KEY", "the log's verifier key, or a file that holds it")
      ],
      summary: "check a receipt offline; exit 1 when it proves nothing",
      notes: "FILE is what `daybook receipt` or GET /v1/receipts gave; - reads standard input. The "
        + "key comes from somewhere you trust: `daybook status` and GET /ledger/vkey tell it.")
  ) { invocation in
    guard let key = invocation.parsed.values["vkey"] else {
      throw UsageError("verify-receipt needs --vkey: the key of the log, from a place you trust")
    }
    let verifier = try verifier(key)
    var text = try input(invocation.parsed.arguments[0], limit: 2 * Receipt.greatestLength)
    // An answer of GET /v1/receipts, saved as it came, is understood as well.
    if text.hasPrefix("{"), let inner = (try? JSONParser().parse(text))?["receipt"]?.string {
      text = inner
    }
    let check = try ReceiptCheck(try Receipt(text: text), by: verifier)
    let answer = try BackendAnswer(check.json)
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
    if answer.value["charge"]?["agrees"] == .bool(false) {
      throw CommandFailure(
        "the event is in the log, but its charge is not what its own prices give")
    }
  }

  /// A key given as text or as a file's name.
  static func verifier(_ given: String) throws -> NoteVerifier {
    if !given.contains("+"), FileManager.default.fileExists(atPath: given) {
      let text = try input(given, limit: 4096)
      return try NoteVerifier(vkey: text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    return try NoteVerifier(vkey: given)
  }

  /// The text of a file, or of standard input.
  static func input(_ path: String, limit: Int) throws -> String {
    let handle: FileHandle
    if path == "-" {
      handle = .standardInput
    } else {
      do { handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path)) } catch {
        throw CommandFailure("\(path) cannot be read: \(error.localizedDescription)")
      }
    }
    let data = try handle.read(upToCount: limit + 1) ?? Data()
    guard data.count <= limit else {
      throw CommandFailure("\(path) has more than \(limit) bytes: it is nothing of Daybook's")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw CommandFailure("\(path) is not text")
    }
    return text
  }

  // MARK: - audit

  private static let audit = Command(
    CommandSpec(
      name: "audit",
      options: [
        .value(
          "since", "CHECKPOINT", "a file with a signed head that was kept; - = standard input"),
        .value("vkey", "KEY", "the key to check it with, or a file (default: the log's own)"),
        .value("url", "URL", "audit a log from outside, by its /ledger, e.g. http://host/ledger"),
      ],
      summary: "prove that the log only grew since a signed head; exit 3 when it did not",
      notes: "Hashes the whole log anew. From outside only its hashes are asked for, and --vkey is "
        + "needed.")
  ) { invocation in
    guard let since = invocation.parsed.values["since"] else {
      throw UsageError("audit needs --since: a file with a signed head, as GET /ledger/checkpoint")
    }
    let note = try input(since, limit: SignedNote.greatestLength)
    let key = try invocation.parsed.values["vkey"].map { try verifier($0) }
    let answer: BackendAnswer
    if let url = invocation.parsed.values["url"] {
      guard let key else { throw UsageError("audit --url needs --vkey: the key you trust") }
      answer = try BackendAnswer(try RemoteLog(url).audit(since: note, by: key))
    } else {
      answer = try local(note, key, invocation)
    }
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
    if answer.value["grown"] != .bool(true) {
      throw CommandFailure(
        "the log is not what was signed: \(answer.value["problem"]?.string ?? "")", .damage)
    }
  }

  private static func local(
    _ note: String, _ key: NoteVerifier?, _ invocation: Invocation
  ) throws -> BackendAnswer {
    let backend = Backend(invocation)
    let progress = SharedProgress("hashing")
    defer { progress.finish() }
    var object = JSONObject([JSONObject.Member(name: "checkpoint", value: .string(note))])
    if let key { object.members.append(.init(name: "vkey", value: .string(key.vkey))) }
    return try BackendAnswer(
      try backend.ask("audit", object, progress: progress.show) {
        let files = try LedgerFiles.open(RealFileSystem(), at: backend.directory)
        guard let own = try TreeBuilder.verifier(in: files.directory) else {
          throw CommandFailure("no tree head was ever signed in \(backend.directory)")
        }
        let head = try TreeBuilder.lastHead(in: files.directory)
        return AdministrationAnswer(
          body: try LogAudit.run(
            since: note, by: key ?? own, current: head, in: files
          ) { progress.show($0, of: $1) })
      }.body)
  }
}
