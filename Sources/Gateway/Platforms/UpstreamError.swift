// An upstream's error answer, by the platform it speaks: what it says of the request, what of the
// account, and how the caller reads it.
import Base
import Ledger

struct UpstreamError {
  /// The account itself is at fault, not the request: no credit, disabled, a key that is not valid.
  var isOperatorFault = false
  /// The prompt does not fit into the model's window.
  var isPromptTooLong = false
  /// How long a 429 asks to wait, when its body says.
  var restSeconds: Int64?
  /// For the caller, in Anthropic's words.
  var body: [UInt8]

  init(
    status: Int, body: [UInt8], from account: UpstreamAccount, now: Timestamp, pacific: PacificTime
  ) {
    guard account.isTranslated else {
      self.body = body
      readAnthropic(status)
      return
    }
    let error = GeminiError(status: status, body: body)
    self.body = error.answer.body
    isOperatorFault = error.isOperatorFault
    isPromptTooLong = error.isPromptTooLong
    if status == 429 { restSeconds = error.restSeconds(now: now, pacific: pacific) }
  }

  private mutating func readAnthropic(_ status: Int) {
    let text = body
    guard status == 400, let scanner = try? JSONScanner(text.span) else { return }
    let error = scanner.member("error", of: scanner.root)
    let message = (scanner.decoded(scanner.member("message", of: error)) ?? "").lowercased()
    isOperatorFault = Self.isOperatorFault(message)
    isPromptTooLong = message.contains("prompt is too long")
  }

  private static let operatorFaults = [
    "your credit balance is too low", "credit balance is too low",
    "this organization has been disabled", "your organization has been disabled",
    "organization has been disabled",
  ]

  /// Whether a message in lower case is about the account. Upstreams quote the request in theirs
  /// ("messages.0.content.0: Input tag '...' found", "NAME: Extra inputs are not permitted"), and
  /// no caller's words may put an account in error: the message has to begin so, and complain of no
  /// field.
  private static func isOperatorFault(_ message: String) -> Bool {
    operatorFaults.contains { message.hasPrefix($0) } && !message.contains(": ")
  }
}
