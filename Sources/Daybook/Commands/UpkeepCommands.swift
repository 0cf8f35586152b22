// `compact`, `backup`, `repair`: the ledger's files looked after. Compacting and backing up go on
// beside the traffic; restoring and repairing need the directory for themselves.
import Base
import Foundation
import Gateway
import Ledger
import Projections

enum UpkeepCommands {
  static let all: [Command] = [repair, compact, backup]

  // MARK: - compact

  private static let compact = Command(
    CommandSpec(
      name: "compact",
      summary: "seal what is not sealed yet and join small segments; nothing changes but the files")
  ) { invocation in
    let backend = Backend(invocation)
    let progress = SharedProgress("compacting", unit: "segments")
    defer { progress.finish() }
    let answer = try BackendAnswer(
      try backend.ask("compact", JSONObject(), progress: progress.show) {
        try backend.change { service in
          service.answer("compact", [], actor: Backend.actor) { progress.show($0, of: $1) }
        }
      }.body)
    try print(answer, invocation)
    if answer.value["out_of_room"] == .bool(true) {
      throw CommandFailure("the disk has no room for the copy of a segment; the rest is done")
    }
  }

  // MARK: - backup

  private static let backup = Command(
    CommandSpec(
      name: "backup", parameters: ["DIR"],
      options: [
        .flag("restore", "make the ledger (--data) from the backup in DIR instead"),
        .value("published", "FILE", "with --restore: the signed head that was published last"),
        .value("vkey", "KEY", "with --published: the key to check it with, or a file"),
      ],
      summary: "copy the ledger, only what is new; or restore a copy",
      notes: "A restored log goes on with its tree and key only if --published shows that nothing "
        + "published is missing; else its tree begins anew under another name and key.")
  ) { invocation in
    let path = URL(fileURLWithPath: invocation.parsed.arguments[0]).path
    if invocation.parsed.flags.contains("restore") { return try restore(from: path, invocation) }
    guard invocation.parsed.values["published"] == nil, invocation.parsed.values["vkey"] == nil
    else { throw UsageError("--published and --vkey go with --restore") }
    let backend = Backend(invocation)
    let progress = SharedProgress("backing up", unit: "bytes")
    defer { progress.finish() }
    let object = JSONObject([JSONObject.Member(name: "directory", value: .string(path))])
    let answer = try BackendAnswer(
      try backend.ask("backup", object, progress: progress.show) {
        let files = try LedgerFiles.open(RealFileSystem(), at: backend.directory)
        let report = try Backup.run(
          files, to: path, on: RealFileSystem(), now: SystemWallClock().now()
        ) { progress.show($0, of: $1) }
        return AdministrationAnswer(body: UpkeepAnswer.json(report))
      }.body)
    try print(answer, invocation)
  }

  private static func restore(from path: String, _ invocation: Invocation) throws {
    let data = invocation.dataDirectory
    let directory = LedgerDirectory(RealFileSystem(), at: data)
    var published: TreeHead?
    if let file = invocation.parsed.values["published"] {
      guard let key = invocation.parsed.values["vkey"] else {
        throw UsageError("--published needs --vkey: the key of the log")
      }
      let note = try ReceiptCommands.input(file, limit: SignedNote.greatestLength)
      published = try TreeHead(note: note, by: try ReceiptCommands.verifier(key))
    }
    let progress = SharedProgress("restoring", unit: "bytes")
    defer { progress.finish() }
    let report = try Restore.run(
      from: path, on: RealFileSystem(), to: directory, published: published,
      request: .ofEvents,
      Authorship(actor: Backend.actor, reason: "restored from \(path)")
    ) { progress.show($0, of: $1) }
    progress.finish()
    try record(data)
    try print(BackendAnswer(UpkeepAnswer.json(report)), invocation)
    if let published, !report.keepsTree {
      try Console.say(
        "note: the backup ends with event \(report.last), a head of \(published.size) events was "
          + "published: the tree begins anew as \(report.origin)")
    }
  }

  /// Opens the ledger once: what was done to its files becomes an event.
  private static func record(_ directory: String) throws {
    var options = LiveLedgerOptions(directory: directory)
    options.keepsTree = false
    options.acceptsClock = true
    try LiveLedger.open(options).close()
  }

  // MARK: - repair

  private static let repair = Command(
    CommandSpec(
      name: "repair",
      options: [
        .flag("apply", "do it; without, it is only shown"),
        .value("from", "N", "with --apply, when events are lost: the first of them, as shown"),
        .value("reason", "TEXT", "why, recorded with the event"),
      ],
      summary: "cut what is damaged and what stands behind it; nothing is destroyed, see cut/",
      notes: "Make a copy of the directory first. A backup that is whole is better than a repair.")
  ) { invocation in
    let data = invocation.dataDirectory
    let directory = LedgerDirectory(RealFileSystem(), at: data)
    guard let identity = try directory.readIdentity() else {
      throw LedgerError.notALedger(path: data, why: "ledger.json is missing")
    }
    let lock = try directory.takeLock(.exclusive)
    defer { try? lock.unlock() }
    let stores = SQLiteCheckpointStores(RealFileSystem(), in: data)
    let plan = try RepairPlan(
      directory, of: identity.logID, confirmed: try stores.confirmed(in: directory))
    guard invocation.parsed.flags.contains("apply") else {
      return try show(plan, invocation)
    }
    try check(plan, invocation)
    let reason = invocation.parsed.values["reason"] ?? ""
    let kept = try plan.apply(to: directory, Authorship(actor: Backend.actor, reason: reason))
    try lock.unlock()
    try record(data)
    try print(BackendAnswer(UpkeepAnswer.json(plan, kept: kept)), invocation)
  }

  private static func show(_ plan: RepairPlan, _ invocation: Invocation) throws {
    try print(BackendAnswer(UpkeepAnswer.json(plan, kept: nil)), invocation)
    guard !invocation.wantsJSON else { return }
    guard plan.isNeeded else { return try Console.say("nothing to repair") }
    let from = plan.lostEvents > 0 ? " --from \(plan.keeps.value + 1)" : ""
    try Console.say(
      "nothing was changed. To do it: daybook repair --apply\(from) --reason TEXT")
  }

  /// Refuses what was not asked for with open eyes.
  private static func check(_ plan: RepairPlan, _ invocation: Invocation) throws {
    guard plan.isNeeded else { throw CommandFailure("nothing to repair; nothing was changed") }
    guard !(invocation.parsed.values["reason"] ?? "").isEmpty else {
      throw UsageError("repair --apply needs --reason: it is recorded with the event")
    }
    let first = plan.keeps.value + 1
    let from = try invocation.integer("from", in: 1...Int.max)
    guard plan.lostEvents == 0 || from == Int(clamping: first) else {
      throw UsageError(
        "this loses \(plan.lostEvents) events from \(first) on: say so with --from \(first)")
    }
  }

  private static func print(_ answer: BackendAnswer, _ invocation: Invocation) throws {
    try Console.write(
      invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
  }
}
