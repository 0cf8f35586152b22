// What an operator is told while the server runs: one line when something behind the traffic begins
// to fail, one when it is well again. Asked by the keeper's thread only.
import Ledger

struct TroubleWatch {
  private static let requestsOfMargin = 64

  private let checkpointer: Checkpointer
  private let sealer: Sealer
  private let report: @Sendable (String) -> Void
  private var hasRoom = true
  private var checkpointProblem: String?
  private var sealingProblem: String?

  init(
    _ checkpointer: Checkpointer, _ sealer: Sealer, report: @escaping @Sendable (String) -> Void
  ) {
    self.checkpointer = checkpointer
    self.sealer = sealer
    self.report = report
  }

  /// Compares with the last time and reports what changed.
  /// - Parameter openRequests: requests that still have to be closed in the log.
  mutating func look(openRequests: Int) {
    let ledger = checkpointer.ledger
    let directory = ledger.files.directory.path
    // Room is back only when there is clearly enough: near the edge every answer would turn it.
    let margin = hasRoom ? 1 : 1 + Self.requestsOfMargin
    let room = ledger.canAdmit(openRequests: openRequests + margin)
    if room != hasRoom {
      report(
        room
          ? "the disk of \(directory) has room again: requests are admitted again"
          : "the disk of \(directory) is full: new requests are refused with 503, open ones still "
            + "settle; free some space, nothing is lost meanwhile")
      hasRoom = room
    }
    let checkpoint = checkpointer.state.problem
    if checkpoint != checkpointProblem {
      report(
        checkpoint.map {
          "projections.sqlite cannot be written: \($0); the log has everything, but the next "
            + "start takes longer"
        } ?? "projections.sqlite is written again")
      checkpointProblem = checkpoint
    }
    let sealing = sealer.problem
    if sealing != sealingProblem {
      report(
        sealing.map { "a full segment could not be sealed, it stays as it is: \($0)" }
          ?? "full segments are sealed again")
      sealingProblem = sealing
    }
  }
}
