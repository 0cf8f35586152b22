// The event behind idempotency keys of administration: which command was carried out under a key,
// and what was answered. It stands in the same block as the command's own event, directly behind
// it, so that either both are in the log or none is.

/// A command of administration with an idempotency key was carried out and answered.
public struct CommandAnswered: RecordPayload {
  public static let type = RecordType.commandAnswered
  public static let fixedLength = 60
  /// The first 16 bytes of SHA-256 of the idempotency key.
  public var keyHash: [UInt8] = []
  /// The first 16 bytes of SHA-256 of the command and its arguments in one spelling.
  public var requestHash: [UInt8] = []
  /// 8 random bytes.
  public var salt: [UInt8] = []
  /// The HTTP status of the answer.
  public var status: UInt16 = 0
  /// `answer` is not the whole one: a secret was left out, or it was too long.
  public var isWithheld = false
  /// The command's path: "user/add".
  public var command = ""
  /// The answer's JSON; "" when it was too long.
  public var answer = ""
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.bytes("key_hash", &keyHash, count: 16, at: 16)
    coder.bytes("request_hash", &requestHash, count: 16, at: 32)
    coder.salt(&salt, at: 48)
    coder.field("answer_status", &status, at: 56)
    coder.field("answer_withheld", &isWithheld, at: 58)
    coder.text("command", &command)
    coder.text("answer", &answer)
    coder.authorship(&authorship)
  }
}
