// Whether the process lives, and whether it can serve.
import Base
import HTTP
import Ledger
import Projections

extension Gateway {
  func hello(_ client: Client, _ id: ULID) {
    client.respond(status: 200, headers: .json(id), body: Array(#"{"status":"ok"}"#.utf8))
  }

  /// 200 while the ledger takes events and its heads are signed, else 503 with the reason.
  func ready(_ client: Client, _ id: ULID) {
    var json = JSONWriter()
    let problem =
      live.poisoned ?? (live.canAdmit() ? nil : "the disk is nearly full")
      ?? live.tree?.status.problem.map { "no tree head is signed any more: \($0)" }
    json.object {
      $0.member("status", problem == nil ? "ready" : "not ready")
      if let problem { $0.member("reason", problem) }
    }
    client.respond(status: problem == nil ? 200 : 503, headers: .json(id), body: json.bytes)
  }
}
