// Commands with an idempotency key: the first is carried out and recorded with its answer in one
// block of the log; each further one gets that answer, across restarts, for 24 hours. What is
// refused leaves no trace: sending it again tries again.
import Base
import Ledger
import Projections
import Synchronization

/// Idempotency keys whose first command is under way.
final class CommandsUnderWay: Sendable {
  private let keys = Mutex<Set<[UInt8]>>([])

  /// False when it is under way already.
  func begin(_ key: [UInt8]) -> Bool { keys.withLock { $0.insert(key).inserted } }
  func end(_ key: [UInt8]) { keys.withLock { _ = $0.remove(key) } }
}

/// Answers that are not written anywhere, or not whole: they hold a secret or are too long for a
/// record. Told again while this process lives.
final class UnkeptAnswers: Sendable {
  private struct Entry {
    let sequence: SequenceNumber
    let time: Timestamp
    let body: [UInt8]
  }
  /// How many are held at a time.
  static let limit = 256
  private let entries = Mutex<[Entry]>([])

  func keep(_ body: [UInt8], of sequence: SequenceNumber, at now: Timestamp) {
    entries.withLock { entries in
      entries.removeAll { $0.time.advanced(bySeconds: Commands.keptSeconds) <= now }
      if entries.count >= Self.limit { entries.removeFirst() }
      entries.append(Entry(sequence: sequence, time: now, body: body))
    }
  }
  func body(of sequence: SequenceNumber) -> [UInt8]? {
    entries.withLock { entries in entries.first { $0.sequence == sequence }?.body }
  }
}

extension AdministrationService {
  /// Carries a command out under its key, once.
  func answer(
    _ key: IdempotencyKey, _ path: String, _ arguments: JSONObject, actor: String,
    _ report: @escaping Report
  ) throws(AdministrationError) -> AdministrationAnswer {
    guard Self.records(path) else {
      return try carryOut(path, arguments, actor: actor, nil, report)
    }
    let command = try KeyedCommand(key, path, arguments, actor: actor)
    guard underWay.begin(command.keyHash) else {
      throw .keyInUse("the first command with this idempotency key is still under way")
    }
    defer { underWay.end(command.keyHash) }
    let now = clock.now()
    let known = live.withBooks { books in
      books.commands.command(keyHash: command.keyHash, at: max(now, books.lastTime))
    }
    guard let known else {
      return try carryOut(path, arguments, actor: actor, command, report)
    }
    guard known.requestHash == command.requestHash else {
      throw .keyReused(
        "this idempotency key was used for another command or other arguments "
          + "(event \(known.sequence)); choose another key")
    }
    return try replay(known)
  }

  /// Whether a command changes something that an idempotency key protects from happening twice.
  static func records(_ path: String) -> Bool {
    AdministrationVerb(rawValue: path)?.changesBooks ?? ["reload", "prices/import"].contains(path)
  }

  private func replay(_ known: KnownCommand) throws(AdministrationError) -> AdministrationAnswer {
    try wait(for: known.sequence)
    var answer: AdministrationAnswer
    if let body = unkept.body(of: known.sequence) {
      answer = AdministrationAnswer(body: body)
    } else {
      let event = try commandAnswered(at: known.sequence)
      answer =
        event.isWithheld
        ? Self.withheld(event, known.sequence)
        : AdministrationAnswer(body: Array(event.answer.utf8))
    }
    answer.isReplayed = true
    return answer
  }

  private func commandAnswered(
    at sequence: SequenceNumber
  ) throws(AdministrationError) -> CommandAnswered {
    do throws(LedgerError) {
      var reader = LedgerReader(live.files, from: sequence)
      if var batch = try reader.next(), let record = batch.next() { return CommandAnswered(record) }
    } catch {
      throw AdministrationError(error)
    }
    throw .failed("event \(sequence) cannot be read")
  }

  /// What was done, where the first answer cannot be given again.
  private static func withheld(
    _ event: CommandAnswered, _ sequence: SequenceNumber
  ) -> AdministrationAnswer {
    let first = event.answer.isEmpty ? nil : try? JSONParser().parse(Array(event.answer.utf8))
    guard event.command == AdministrationVerb.keyIssue.rawValue, let id = first?["id"]?.string
    else {
      return AdministrationAnswer(
        .answerNotKept(
          "\(event.command) was carried out before (event \(sequence)); its answer was too long "
            + "to be kept: ask for the present state"))
    }
    return AdministrationAnswer(
      .answerNotKept(
        "the key \(id) was issued before (event \(sequence)) and shown then; its text is not "
          + "kept: if it is lost, revoke \(id) and issue another one with another idempotency key"),
      firstAnswer: first)
  }
}
