// Who calls, and whether they may: key, user, group, subscription (spec: gateway, section 2).
import Base
import HTTP
import Ledger
import Projections

/// An authenticated caller, as the books had it at that moment.
struct Caller {
  let key: KeyEntry
  let user: UserEntry
  let group: GroupEntry
  /// The platform of the route where it forces one, else of the group.
  let platform: Platform
  let address: InternetAddress?

  /// The same caller asking another group; a platform that its route forced is dropped.
  func moved(to group: GroupEntry) -> Caller {
    Caller(key: key, user: user, group: group, platform: group.platform, address: address)
  }
}

/// What is looked at besides the key itself.
enum AccessCheck {
  /// Everything: quota, subscription, limits, balance.
  case spending
  /// The model list: not quota, subscription, limits, balance.
  case reading
  /// GET /v1/usage: not even expiry, so that a caller with nothing left can see why.
  case inspecting
}

/// Finds the caller's key in a request.
enum KeySource: Equatable {
  case found(String)
  case inQuery
  case missing

  /// - Note: the scheme is compared exactly, as the seed does.
  init(_ request: Request) {
    if request.queryValue("key") != nil || request.queryValue("api_key") != nil {
      self = .inQuery
      return
    }
    if let header = request.headers["authorization"], header.hasPrefix("Bearer ") {
      let key = header.dropFirst("Bearer ".count).trimmed
      if !key.isEmpty {
        self = .found(key)
        return
      }
    }
    for name in ["x-api-key", "x-goog-api-key"] {
      if let key = request.headers[name]?[...].trimmed, !key.isEmpty {
        self = .found(key)
        return
      }
    }
    self = .missing
  }
}

extension Substring {
  /// Without the blanks and tabs around it.
  var trimmed: String {
    var text = self
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return String(text)
  }
}

extension Gateway {
  /// Authenticates a request, or says in the seed's flat shape why not; that is noted when the key
  /// is known.
  /// Looks at settled values only, never at holds, with one threshold everywhere.
  func authenticate(
    _ trace: RequestTrace, forced: Platform?, check: AccessCheck
  ) throws(Answer) -> Caller {
    let caller = try authenticate(trace.request, forced: forced, check: check)
    trace.caller = caller
    return caller
  }

  private func authenticate(
    _ request: Request, forced: Platform?, check: AccessCheck
  ) throws(Answer) -> Caller {
    let text: String
    switch KeySource(request) {
    case .inQuery: throw .keyInQuery
    case .missing: throw .keyMissing
    case .found(let key): text = key
    }
    let address = clientAddress(of: request)
    guard let hash = Hash256(sha256(text.utf8)) else { throw .keyUnknown }
    let now = wallClock.now()
    var known: KeyEntry?
    do throws(Answer) {
      return try live.withBooks { books throws(Answer) in
        guard let key = books.catalog.key(hash: hash) else { throw .keyUnknown }
        known = key
        let (user, group) = try Self.check(key, from: address, check, books: books, now: now)
        return Caller(
          key: key, user: user, group: group, platform: forced ?? group.platform, address: address)
      }
    } catch {
      throw noted(error, of: known)
    }
  }

  private static func check(
    _ key: KeyEntry, from address: InternetAddress?, _ check: AccessCheck,
    books: borrowing Books, now: Timestamp
  ) throws(Answer) -> (UserEntry, GroupEntry) {
    guard key.status == .active else { throw .keyDisabled }
    if check != .inspecting, let expires = key.expires, expires <= now { throw .keyExpired }
    if check == .spending, let quota = key.quota, books.keyQuota(key.id).used >= quota {
      throw .keyQuotaExhausted
    }
    guard key.addresses.allows(address) else { throw .accessDenied }
    guard let user = books.catalog.user(key.user), let group = books.catalog.group(key.group)
    else { throw .userNotFound }
    guard user.status == .active else { throw .userInactive }
    if check == .spending {
      try checkFunds(user: user, group: group, books: books, now: now)
    }
    return (user, group)
  }

  private static func checkFunds(
    user: UserEntry, group: GroupEntry, books: borrowing Books, now: Timestamp
  ) throws(Answer) {
    guard group.target == .subscription else {
      if books.available(user: user.id).balance <= .zero { throw .insufficientBalance }
      return
    }
    guard let view = books.subscriptionWindows(user: user.id, group: group.id, at: now),
      !view.entry.isRevoked
    else { throw .subscriptionNotFound }
    guard view.isValid else { throw .subscriptionExpired }
    for window in view.windows where window.isExhausted {
      let seconds = (window.resets.microseconds - now.microseconds) / 1_000_000
      throw .limitReached(window.kind.label, secondsToReset: max(1, seconds))
    }
  }
}
