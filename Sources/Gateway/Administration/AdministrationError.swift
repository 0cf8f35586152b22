// Why a command of administration was not carried out. Nothing was recorded then.
public import Base
import Projections

/// A refused command, with what is wrong and what to do in one line.
public enum AdministrationError: Error, Equatable, CustomStringConvertible {
  /// The command is wrong in itself: exit code 2, status 400.
  case usage(String)
  /// It names something that does not exist: exit code 1, status 404.
  case unknown(String)
  /// It contradicts what is recorded: exit code 1, status 409.
  case conflict(String)
  /// Not now: exit code 1, status 503.
  case busy(String)
  /// It could not be done: exit code 1, status 500.
  case failed(String)
  /// The ledger is damaged: exit code 3, status 500.
  case damaged(String)
  /// The idempotency key belongs to another command: status 422.
  case keyReused(String)
  /// The first command with this idempotency key is still under way: status 409.
  case keyInUse(String)
  /// The command was carried out before, its whole answer was not kept: status 409.
  case answerNotKept(String)

  public var description: String {
    switch self {
    case .usage(let text), .unknown(let text), .conflict(let text), .busy(let text),
      .failed(let text), .damaged(let text), .keyReused(let text), .keyInUse(let text),
      .answerNotKept(let text):
      text
    }
  }

  /// The word for it in JSON answers.
  public var code: String {
    switch self {
    case .usage: "wrong_usage"
    case .unknown: "not_found"
    case .conflict: "conflict"
    case .busy: "busy"
    case .failed: "failed"
    case .damaged: "damaged"
    case .keyReused: "idempotency_key_reused"
    case .keyInUse: "idempotency_key_in_use"
    case .answerNotKept: "answer_not_kept"
    }
  }
  /// The HTTP status.
  public var status: Int {
    switch self {
    case .usage: 400
    case .unknown: 404
    case .conflict, .keyInUse, .answerNotKept: 409
    case .keyReused: 422
    case .busy: 503
    case .failed, .damaged: 500
    }
  }
  /// From `code` and text, as a client reads them.
  public init(code: String, text: String) {
    switch code {
    case "wrong_usage": self = .usage(text)
    case "not_found": self = .unknown(text)
    case "conflict": self = .conflict(text)
    case "busy": self = .busy(text)
    case "damaged": self = .damaged(text)
    case "idempotency_key_reused": self = .keyReused(text)
    case "idempotency_key_in_use": self = .keyInUse(text)
    case "answer_not_kept": self = .answerNotKept(text)
    default: self = .failed(text)
    }
  }

  init(_ error: BooksError) {
    switch error {
    case .full: self = .busy("\(error)")
    case .tooLong: self = .usage("\(error); shorten the texts")
    case .refused: self = .conflict("\(error)")
    }
  }
}

/// Who asks, when, and where randomness comes from.
public struct AdministrationContext {
  /// Recorded with every event: "command line", "admin token".
  public var actor: String
  public var now: Timestamp
  /// Requests at a time of a user added without a number.
  public var defaultConcurrency: Int32
  /// So many bytes nobody can guess.
  public var randomBytes: (Int) -> [UInt8]

  public init(
    actor: String, now: Timestamp, defaultConcurrency: Int32 = 5,
    randomBytes: @escaping (Int) -> [UInt8] = Self.systemRandomBytes
  ) {
    self.actor = actor
    self.now = now
    self.defaultConcurrency = defaultConcurrency
    self.randomBytes = randomBytes
  }

  /// From the system's generator (getrandom).
  public static func systemRandomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  /// The 8 bytes that make a record's hash unguessable.
  func salt() -> [UInt8] { randomBytes(8) }
}
