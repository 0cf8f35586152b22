// The decision of the billing check, as arithmetic: may a request with this hold begin? (spec:
// gateway, section 3, "Billing check and hold")
import Ledger

/// What a payer has: a balance, a window of a subscription, the quota of a key.
struct Purse: Equatable {
  /// What is left when nothing is in flight; <= 0 = used up.
  let left: NanoUSD
  /// Sum and number of the holds of requests in flight.
  let holds: NanoUSD
  let openHolds: Int

  enum Verdict: Equatable {
    case admitted
    /// Used up, whatever is in flight.
    case exhausted
    /// It would be admitted if nothing were in flight.
    case reserved
  }

  /// What is left after the holds in flight.
  var available: NanoUSD { left - holds }

  /// Admitted when the available amount covers the hold, or when something is available and
  /// nothing else is in flight: so at most one request runs on money that does not cover its hold.
  /// - Parameter strict: only when the available amount covers the hold (`strict_holds`).
  func verdict(hold: NanoUSD, strict: Bool) -> Verdict {
    if left <= .zero { return .exhausted }
    if available >= hold && available > .zero { return .admitted }
    if openHolds == 0 { return strict ? .exhausted : .admitted }
    return strict && left < hold ? .exhausted : .reserved
  }
}

/// What the hold of a request is computed from.
struct HoldBasis: Equatable {
  /// UTF-8 bytes of all text in the request.
  var textBytes: Int64 = 0
  var images: Int64 = 0
  /// Base64 characters of all documents.
  var documentBytes: Int64 = 0
  var wantsHourCache = false
  /// nil when the request does not say.
  var maxTokens: Int64?

  static let bytesPerToken: Int64 = 3
  static let tokensPerImage: Int64 = 1600
  static let tokensPerDocumentPart: Int64 = 2000
  static let documentPartBytes: Int64 = 50 * 1024

  /// Input tokens the request may have: more than its tokenizer will count, rarely less.
  var inputTokens: Int64 {
    func parts(_ bytes: Int64, of size: Int64) -> Int64 {
      bytes / size + (bytes % size > 0 ? 1 : 0)
    }
    return parts(textBytes, of: Self.bytesPerToken) + images * Self.tokensPerImage
      + parts(documentBytes, of: Self.documentPartBytes) * Self.tokensPerDocumentPart
  }

  /// Output tokens that the hold covers.
  func outputTokens(atMost limit: Int64) -> Int64 { min(max(0, maxTokens ?? limit), limit) }
}
