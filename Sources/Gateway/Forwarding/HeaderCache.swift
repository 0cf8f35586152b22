// Header lists for upstreams, made once for each account and set of caller's headers: an SDK sends
// the same ones with each request, and libcurl's form of them takes longer to make than to use.
import HTTP
import Ledger
import Synchronization

/// The last header lists, by account. Bounded: a few clients' sets per account.
final class HeaderCache: Sendable {
  private struct Entry {
    let account: AccountID
    /// The credential inside: requests begun before a reload may still come with the old one.
    let authorization: String?
    let fields: [(name: String, value: String)]
    let headers: UpstreamHeaders

    func fits(_ account: UpstreamAccount, _ fields: [(name: String, value: String)]) -> Bool {
      self.account == account.id && authorization == account.authorization?.value
        && self.fields.elementsEqual(fields, by: ==)
    }
  }
  private let entries: Mutex<[Entry]> = Mutex([])
  private static let limit = 32

  /// The fields and the account's credential.
  func headers(
    for account: UpstreamAccount, _ fields: [(name: String, value: String)]
  ) -> UpstreamHeaders {
    let known = entries.withLock { entries in
      entries.first { $0.fits(account, fields) }?.headers
    }
    if let known { return known }
    var all = fields
    if let authorization = account.authorization { all.append(authorization) }
    let made = UpstreamHeaders(all)
    entries.withLock { entries in
      if entries.count >= Self.limit { entries.removeFirst() }
      entries.append(
        Entry(
          account: account.id, authorization: account.authorization?.value, fields: fields,
          headers: made))
    }
    return made
  }

  /// Credentials may have changed: the old ones are not kept longer than needed.
  func clear() { entries.withLock { $0 = [] } }
}
