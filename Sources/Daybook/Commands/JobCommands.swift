// Long jobs: verify, rebuild. A running server does them and tells how far it is; without one they
// are done here.
import Base
import Gateway
import HTTP
import Ledger
import Projections

enum JobCommands {
  static let all: [Command] = [verify, rebuild]

  private static let verify = Command(
    CommandSpec(
      name: "verify",
      options: [
        .value(
          "published", "FILE", "a signed head that was kept elsewhere: the log must extend it"),
        .value("vkey", "KEY", "the key to check it with, or a file (default: the log's own)"),
      ],
      summary: "check the whole log: checksums, chain, tree, signed heads; exit 3 on damage")
  ) { invocation in
    let backend = Backend(invocation)
    let progress = SharedProgress("verifying", unit: "bytes")
    let note = try invocation.parsed.values["published"].map {
      try ReceiptCommands.input($0, limit: SignedNote.greatestLength)
    }
    let key = try invocation.parsed.values["vkey"].map { try ReceiptCommands.verifier($0) }
    var arguments = JSONObject()
    if let note { arguments.members.append(.init(name: "published", value: .string(note))) }
    if let key { arguments.members.append(.init(name: "vkey", value: .string(key.vkey))) }
    let answer = try run("verify", backend, progress, arguments) {
      let directory = LedgerDirectory(RealFileSystem(), at: backend.directory)
      // Damage must not keep it from being looked at: the lock, and nothing of opening.
      let lock = try directory.readIdentity() == nil ? nil : directory.takeLock(.shared)
      defer { try? lock?.unlock() }
      let stores = SQLiteCheckpointStores(RealFileSystem(), in: backend.directory)
      let body = try LedgerCheck.run(
        at: directory, until: nil, confirmed: try stores.confirmed(in: directory),
        published: try LedgerCheck.published(
          note, vkey: key?.vkey, own: try TreeBuilder.verifier(in: directory))
      ) { progress.show($0, of: $1) }
      return AdministrationAnswer(body: body)
    }
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
    if answer.value["intact"] != .bool(true) {
      let first = answer.value["damages"]?.array?.first
      let place = first.map {
        ": segment \($0["segment"]?.string ?? ""), offset \($0["offset"]?.numberText ?? ""), "
          + "sequence \($0["sequence"]?.numberText ?? ""): \($0["what"]?.string ?? "")"
      }
      throw CommandFailure(
        "the ledger is damaged\(place ?? ""); keep a copy of the directory, "
          + "then `daybook repair`", .damage)
    }
  }

  private static let rebuild = Command(
    CommandSpec(
      name: "rebuild",
      summary: "fold the whole log anew, compare with the live state, put it in its place")
  ) { invocation in
    let backend = Backend(invocation)
    let progress = SharedProgress("rebuilding")
    let answer = try run("rebuild", backend, progress) {
      var answer: AdministrationAnswer?
      _ = try backend.change { service in
        let done = service.answer("rebuild", [], actor: Backend.actor) {
          progress.show($0, of: $1)
        }
        answer = done
        return done
      }
      return answer ?? AdministrationAnswer(body: [])
    }
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
    if answer.value["equal"] != .bool(true) {
      throw CommandFailure(
        "the rebuilt state was not the live one; the rebuilt one is in force now")
    }
  }

  private static func run(
    _ path: String, _ backend: Backend, _ progress: SharedProgress,
    _ arguments: JSONObject = JSONObject(), offline: () throws -> AdministrationAnswer
  ) throws -> BackendAnswer {
    defer { progress.finish() }
    let answer = try backend.ask(path, arguments, progress: progress.show, offline: offline)
    return try BackendAnswer(answer.body)
  }
}
