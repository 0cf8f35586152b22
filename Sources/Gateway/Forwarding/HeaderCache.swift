// Header lists for upstreams, made once for each account and set of caller's headers: an SDK sends
// the same ones with each request, and libcurl's form of them takes longer to make than to use.
import HTTP
import Ledger
import Synchronization

/// The last header lists, by account. Bounded: a few clients' sets per account.
final class HeaderCache: Sendable {
  private struct Entry {
    let account: AccountID
    let fields: [(name: String, value: String)]
    let headers: UpstreamHeaders
  }
  private let entries: Mutex<[Entry]> = Mutex([])
  private static let limit = 32

  /// The fields and the account's credential.
  func headers(
    for account: UpstreamAccount, _ fields: [(name: String, value: String)]
  ) -> UpstreamHeaders {
    let known = entries.withLock { entries in
      entries.first { $0.account == account.id && $0.fields.elementsEqual(fields, by: ==) }?
        .headers
    }
    if let known { return known }
    var all = fields
    if let authorization = account.authorization { all.append(authorization) }
    let made = UpstreamHeaders(all)
    entries.withLock { entries in
      if entries.count >= Self.limit { entries.removeFirst() }
      entries.append(Entry(account: account.id, fields: fields, headers: made))
    }
    return made
  }

  /// Credentials may have changed.
  func clear() { entries.withLock { $0 = [] } }
}
