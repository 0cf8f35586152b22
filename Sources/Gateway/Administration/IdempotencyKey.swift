// Idempotency keys: a caller's name for one command, so that sending it again does nothing twice
// (draft-ietf-httpapi-idempotency-key-header).
import Base
import Ledger
import Projections

/// 1 to 255 printable ASCII characters.
public struct IdempotencyKey: Equatable, Sendable {
  public static let greatestLength = 255
  let text: String

  /// nil for a text that cannot be a key.
  public init?(_ text: String) {
    guard (1...Self.greatestLength).contains(text.utf8.count),
      text.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
    else { return nil }
    self.text = text
  }
}

/// A command sent with an idempotency key, as its event tells it.
struct KeyedCommand {
  let path: String
  let actor: String
  let reason: String
  /// 16 bytes each.
  let keyHash: [UInt8]
  let requestHash: [UInt8]

  /// Longest answer in bytes that is kept: it fits in a record with all else.
  static let longestAnswer = 60_000

  init(
    _ key: IdempotencyKey, _ path: String, _ arguments: JSONObject, actor: String
  ) throws(AdministrationError) {
    self.path = path
    self.actor = actor
    let given = try AdministrationArguments(arguments, known: arguments.members.map(\.name))
    reason = try given.reason()
    keyHash = Array(sha256(key.text.utf8).prefix(16))
    requestHash = Array(sha256(Self.spelling(path, arguments)).prefix(16))
  }

  /// The command in one spelling: white space and the order of the members do not matter.
  private static func spelling(_ path: String, _ arguments: JSONObject) -> [UInt8] {
    let members = arguments.members.sorted { $0.name < $1.name }
    return Array(path.utf8) + [10] + Array(JSONValue.object(JSONObject(members)).text.utf8)
  }

  /// - Throws: what keeps the command from being carried out under its key.
  func check(_ books: borrowing Books, at now: Timestamp) throws(AdministrationError) {
    let time = max(now, books.lastTime)
    if let known = books.commands.command(keyHash: keyHash, at: time) {
      throw AdministrationError(.refused(.commandKnown(known.sequence)))
    }
    guard books.commands.hasRoom(at: time) else {
      throw .busy("\(BooksRefusal.tooManyCommands)")
    }
  }

  /// Appends the event. After `check`, and after the command's own event in the same critical
  /// section, it can only be refused for lack of room, and then the command appended nothing.
  /// - Parameter kept: the answer without its secret; nil when it is the answer.
  /// - Returns: whether the whole answer was kept.
  func record(
    _ answer: [UInt8], kept: [UInt8]?, _ books: inout Books, _ context: AdministrationContext
  ) throws(AdministrationError) -> Bool {
    var event = CommandAnswered()
    event.keyHash = keyHash
    event.requestHash = requestHash
    event.salt = context.salt()
    event.status = 200
    event.command = path
    let stored = kept ?? answer
    let isTooLong = stored.count > Self.longestAnswer
    event.isWithheld = kept != nil || isTooLong
    event.answer = isTooLong ? "" : String(decoding: stored, as: UTF8.self)
    event.authorship = Authorship(actor: actor, reason: reason)
    try books.record(event, context)
    return !event.isWithheld
  }
}
