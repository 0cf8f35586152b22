// The administration token: in Authorization only, compared by SHA-256 in constant time. Wrong ones
// are answered late, and each address may send a few of them only.
import Base
import HTTP
import Synchronization

/// What a request's token is.
enum TokenVerdict: Equatable {
  case right
  /// No token in the Authorization header.
  case missing
  case wrong
  /// The address sent too many wrong tokens: the token was not looked at.
  case limited(seconds: Int)
}

/// Looks at tokens; shared by all reactors.
final class TokenGuard: Sendable {
  /// A missing or wrong token is answered so late.
  static let delayMilliseconds = 250
  private let attempts = Mutex(AttemptTable())

  /// The verdict, after the delay where there is one.
  /// - Parameters:
  ///   - hash: SHA-256 of the right token.
  ///   - address: whose attempt counts; nil = nobody's.
  func verdict(
    _ request: Request, hash: [UInt8], address: InternetAddress?, client: Client
  ) async -> TokenVerdict {
    let now = client.reactor.now
    if let address, let seconds = attempts.withLock({ $0.secondsToWait(address, now: now) }) {
      return .limited(seconds: seconds)
    }
    let token = Self.token(of: request)
    if let token, sha256(token).isEqualInConstantTime(to: hash) { return .right }
    // Counted before the delay: attempts side by side gain nothing.
    if token != nil, let address { attempts.withLock { $0.noteFailure(address, now: now) } }
    await client.sleep(until: now.advanced(milliseconds: Self.delayMilliseconds))
    return token == nil ? .missing : .wrong
  }

  /// The bytes behind `Bearer` (RFC 6750 section 2.1); the scheme's case does not matter. nil
  /// unless there is exactly one Authorization field and it has a token.
  static func token(of request: Request) -> ArraySlice<UInt8>? {
    guard request.headers.all("authorization").count == 1,
      let value = request.headers.bytes("authorization")
    else { return nil }
    let scheme = value.prefix(7)
    guard scheme.map({ $0 | 0x20 }).elementsEqual("bearer ".utf8) else { return nil }
    let token = value.dropFirst(7).drop { $0 == 0x20 }
    return token.isEmpty ? nil : token
  }
}
