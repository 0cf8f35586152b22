// Antigravity's envelope: {project, model, request} around a request, {response, traceId} around
// an answer. GeminiRequest.Form.antigravity writes the former.
import Base

enum Antigravity {
  /// What stands inside the envelope; the value itself when there is none.
  static func unwrapped(
    _ answer: JSONSlice, _ scanner: borrowing JSONScanner
  ) -> JSONSlice {
    guard let response = scanner.member("response", of: answer), response.kind == .object else {
      return answer
    }
    return response
  }
}
