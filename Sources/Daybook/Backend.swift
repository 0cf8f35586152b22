// Where a command goes: to the running server over DATA/daybook.sock, or straight to the ledger
// when no server runs. Both give the same answers.
import Base
import Foundation
import Gateway
import HTTP
import Ledger
import Projections

/// The answer of a command: JSON text, and the tree of it.
struct BackendAnswer {
  let json: [UInt8]
  let value: JSONValue

  init(_ json: [UInt8]) throws {
    self.json = json
    do {
      value = try JSONParser(maxDepth: 64).parse(json)
    } catch {
      throw CommandFailure("the answer cannot be read: \(error)")
    }
  }
}

struct Backend {
  let directory: String
  /// Recorded with every event.
  static let actor = "command line"
  /// How long to wait for a server that starts or stops just now.
  private static let patienceSeconds = 10.0

  init(_ invocation: Invocation) { directory = invocation.dataDirectory }

  var socketPath: String { directory + "/daybook.sock" }

  /// Carries a verb out.
  func perform(
    _ verb: AdministrationVerb, _ arguments: [(name: String, value: String)]
  ) throws -> BackendAnswer {
    let object = JSONObject(
      arguments.map { JSONObject.Member(name: $0.name, value: .string($0.value)) })
    return try BackendAnswer(
      try ask(verb.rawValue, object) {
        verb.changesBooks
          ? try change { $0.answer(verb.rawValue, Self.text(object), actor: Self.actor) }
          : try read { reading in
            try reading.withBooks { books in
              let now = SystemWallClock().now()
              let context = AdministrationContext(actor: Self.actor, now: now)
              return AdministrationAnswer(body: try verb.perform(&books, object, context))
            }
          }
      }.body)
  }

  /// Asks the server, or does it `offline` when there is none. A directory that is locked by a
  /// process whose socket does not answer is tried again for a while: it starts or stops.
  /// - Parameter progress: of a long job, which answers as lines; nil of all others.
  func ask(
    _ path: String, _ arguments: JSONObject,
    progress: ((_ done: UInt64, _ total: UInt64) -> Void)? = nil,
    offline: () throws -> AdministrationAnswer
  ) throws -> AdministrationAnswer {
    let start = Date()
    while true {
      if let answer = try askServer(path, arguments, progress) {
        return try Self.checked(answer)
      }
      do {
        return try Self.checked(try offline())
      } catch  where Self.isLocked(error) {
        guard Date().timeIntervalSince(start) < Self.patienceSeconds else { throw error }
        Thread.sleep(forTimeInterval: 0.05)
      }
    }
  }

  private static func isLocked(_ error: any Error) -> Bool {
    switch error {
    case LedgerError.locked, LiveLedgerError.ledger(.locked): true
    default: false
    }
  }

  /// nil when no server runs.
  private func askServer(
    _ path: String, _ arguments: JSONObject,
    _ progress: ((_ done: UInt64, _ total: UInt64) -> Void)?
  ) throws -> AdministrationAnswer? {
    guard FileManager.default.fileExists(atPath: socketPath) else { return nil }
    let client = LocalClient(path: socketPath, timeoutSeconds: 600)
    var lines = JobLines(progress: progress ?? { _, _ in })
    do {
      let response = try client.request(
        .post, "/admin/\(path)", headers: [("content-type", "application/json")],
        body: Self.text(arguments),
        onBody: progress == nil
          ? nil
          : { _, piece in
            lines.take(piece)
            return true
          })
      if progress != nil { return try lines.answer() }
      var answer = AdministrationAnswer(body: response.body)
      answer.status = response.status
      answer.nextSequence = response.headers["x-next-sequence"].flatMap { UInt64($0) }
      return answer
    } catch LocalClientError.notRunning {
      return nil
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure("\(error)")
    }
  }

  // MARK: - Without a server

  /// Opens the ledger to change it, and closes it again.
  func change(
    _ body: (AdministrationService) throws -> AdministrationAnswer
  ) throws -> AdministrationAnswer {
    var options = LiveLedgerOptions(directory: directory)
    // The next server hashes and signs what is appended here.
    options.keepsTree = false
    options.keepsSnapshots = false
    let live = try LiveLedger.open(options)
    let service = AdministrationService(live: live) { () throws(AdministrationError) in
      throw .failed("no server runs on \(directory); `daybook serve --config FILE` starts one")
    }
    let answer: AdministrationAnswer
    do {
      answer = try body(service)
    } catch {
      try? live.close()
      throw error
    }
    try live.close()
    return answer
  }

  /// Reads the ledger, changing nothing.
  func read(
    _ body: (LedgerReading) throws -> AdministrationAnswer
  ) throws -> AdministrationAnswer {
    let progress = SharedProgress("folding the ledger")
    let reading = try LedgerReading(
      directory: directory, progress: { progress.show($0.sequence.value, of: $0.last.value) })
    progress.finish()
    return try body(reading)
  }

  /// Throws what the answer says went wrong.
  static func checked(_ answer: AdministrationAnswer) throws -> AdministrationAnswer {
    guard answer.status != 200 else { return answer }
    let error = try? JSONParser().parse(answer.body)["error"]
    guard let message = error?["message"]?.string else {
      throw CommandFailure("the server answered with status \(answer.status)")
    }
    throw AdministrationError(code: error?["code"]?.string ?? "", text: message)
  }

  static func text(_ object: JSONObject) -> [UInt8] {
    Array(JSONValue.object(object).text.utf8)
  }
}

/// The lines of a long job: progress, and the answer in the end.
private struct JobLines {
  let progress: (_ done: UInt64, _ total: UInt64) -> Void
  private var rest: [UInt8] = []
  private var last: JSONValue?

  init(progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void) { self.progress = progress }

  mutating func take(_ piece: [UInt8]) {
    rest += piece
    while let end = rest.firstIndex(of: 10) {
      let line = Array(rest[..<end])
      rest.removeSubrange(...end)
      last = try? JSONParser(maxDepth: 64).parse(line)
      if let done = last?["done"]?.integer, let total = last?["total"]?.integer {
        progress(UInt64(clamping: done), UInt64(clamping: total))
      }
    }
  }

  func answer() throws -> AdministrationAnswer {
    // A job that was refused before it began answers with one object and no line.
    if let refusal = try? JSONParser().parse(rest), refusal["error"] != nil {
      var answer = AdministrationAnswer(body: rest)
      answer.status = 500
      return answer
    }
    guard let status = last?["status"]?.integer, let value = last?["answer"] else {
      throw CommandFailure("the server stopped before the job was done; see its messages")
    }
    var answer = AdministrationAnswer(body: Array(value.text.utf8))
    answer.status = Int(clamping: status)
    return answer
  }
}
