// Refusals of upstreams: which are the account's fault, and which a caller only words so.
import Base
import Ledger
import Testing

@testable import Gateway

@Suite struct UpstreamErrorTests {
  private func error(_ message: String, _ platform: Platform) -> UpstreamError {
    var json = JSONWriter()
    json.object {
      $0.member("type", "error")
      $0.name("error")
      $0.object {
        $0.member("type", "invalid_request_error")
        $0.member("status", "INVALID_ARGUMENT")
        $0.member("message", message)
      }
    }
    let account = UpstreamAccount(
      id: AccountID(1), name: "a", platform: platform, baseURL: "", authorization: nil,
      models: ModelMap([:]), interceptsWarmup: false, project: nil, proxy: nil)
    return UpstreamError(
      status: 400, body: json.bytes, from: account, now: Timestamp(microseconds: 0),
      pacific: .standard)
  }

  @Test(arguments: [
    ("Your credit balance is too low to access the Anthropic API.", Platform.anthropic),
    ("This organization has been disabled.", .anthropic),
    ("API key not valid. Please pass a valid API key.", .gemini),
    ("User location is not supported for the API use.", .gemini),
  ])
  func `what an upstream says of its account is the account's fault`(
    message: String, platform: Platform
  ) {
    #expect(error(message, platform).isOperatorFault)
  }

  @Test(arguments: [
    (
      "messages.0.content.0: Input tag 'your credit balance is too low' found using 'type' does "
        + "not match any of the expected tags", Platform.anthropic
    ),
    ("Your credit balance is too low: Extra inputs are not permitted", .anthropic),
    ("tools.0.name: String 'organization has been disabled' is not a name", .anthropic),
    ("Unknown name \"api key not valid\" at 'tools[0]': Cannot find field.", .gemini),
  ])
  func `a caller's words in a refusal put no account in error`(
    message: String, platform: Platform
  ) {
    #expect(!error(message, platform).isOperatorFault)
  }
}
