// Commands of the administration in the log: who, what, and how it ended. Never their arguments,
// and no error texts: those repeat them.
import Base

extension AdministrationService {
  /// What changes something is worth a line; what only reads, when somebody looks closer.
  func tell(_ path: String, actor: String, _ answer: AdministrationAnswer) {
    let verb = AdministrationVerb(rawValue: path)
    let isKnown = verb != nil || Self.otherPaths.contains(path)
    let changes = verb?.changesBooks ?? ["reload", "rebuild", "reconcile/settle"].contains(path)
    log.write(changes ? .info : .debug, .admin, "command") { line in
      line.field("command", isKnown ? path : "unknown")
      line.field("actor", actor)
      line.field("status", answer.status)
      line.field("outcome", answer.status == 200 ? "done" : "refused")
    }
  }
}
