// Commands about callers' keys: issue, list, set, revoke.
import Base
import Ledger
import Projections

enum KeyVerbs {
  static func issue(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    var state = KeyState()
    state.name = try arguments.newName("name") ?? ""
    try readLimits(arguments, into: &state, context)
    let user = try books.user(called: try arguments.required("user"))
    let group = try books.group(called: try arguments.required("group"))
    guard group.isActive else {
      throw .conflict("group \"\(group.name)\" is no longer in the configuration")
    }
    let key = KeyText.make(randomBytes: context.randomBytes)
    state.key = books.catalog.nextKey
    state.user = user.id
    state.group = group.id
    if !state.name.isEmpty, try isTaken(state.name, books) {
      throw .conflict("a key named \"\(state.name)\" exists; choose another name, or revoke it")
    }
    state.salt = context.salt()
    state.hash = sha256(key.utf8)
    state.suffix = String(key.suffix(4))
    state.authorship = Authorship(actor: context.actor, reason: try arguments.reason())
    try books.record(KeyIssued(state), context)
    let entry = books.catalog.key(state.key)
    return JSONWriter.text { write(entry, books, secret: key, to: &$0) }
  }

  static func set(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    let key = try books.key(called: try arguments.required("key"))
    guard key.status != .revoked else {
      throw .conflict("the key is revoked; a revoked key never comes back: issue a new one")
    }
    let before = state(of: key)
    var after = before
    if let status = try arguments.choice("status", ["active", "disabled"]) {
      after.status = status == "active" ? .active : .inactive
    }
    try readLimits(arguments, into: &after, context)
    if after != before {
      after.salt = context.salt()
      after.authorship = Authorship(actor: context.actor, reason: try arguments.reason())
      try books.record(KeyChanged(after), context)
    } else {
      var isStated = false
      for name in ["status", "quota", "expires", "allow", "deny"] {
        if try arguments.text(name) != nil { isStated = true }
      }
      guard isStated else {
        throw .usage("nothing to set: give status, quota, expires, allow or deny")
      }
    }
    let entry = books.catalog.key(key.id)
    return JSONWriter.text { write(entry, books, secret: nil, to: &$0) }
  }

  /// Revoking a revoked key changes nothing.
  static func revoke(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    let key = try books.key(called: try arguments.required("key"))
    if key.status != .revoked {
      var event = KeyRevoked()
      event.key = key.id
      event.salt = context.salt()
      event.authorship = Authorship(actor: context.actor, reason: try arguments.reason())
      try books.record(event, context)
    }
    let entry = books.catalog.key(key.id)
    return JSONWriter.text { write(entry, books, secret: nil, to: &$0) }
  }

  static func list(_ books: borrowing Books) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for key in books.catalog.allKeys { write(key, books, secret: nil, to: &writer) }
    writer.endArray()
    return writer.bytes
  }

  /// Takes over the limits that are stated; "none" removes one.
  private static func readLimits(
    _ arguments: AdministrationArguments, into state: inout KeyState,
    _ context: AdministrationContext
  ) throws(AdministrationError) {
    if let quota = try arguments.limit("quota") { state.quota = quota ?? NanoUSD(-1) }
    if let expires = try arguments.time("expires", now: context.now) {
      state.expires = expires ?? Timestamp(microseconds: 0)
    }
    if let allow = try arguments.addresses("allow") { state.allow = allow }
    if let deny = try arguments.addresses("deny") { state.deny = deny }
  }

  private static func isTaken(
    _ name: String, _ books: borrowing Books
  ) throws(AdministrationError) -> Bool {
    books.catalog.keys(named: name).contains { $0.status != .revoked }
  }

  /// A key as it is, to be changed.
  private static func state(of key: KeyEntry) -> KeyState {
    var state = KeyState()
    state.key = key.id
    state.user = key.user
    state.group = key.group
    state.status = key.status
    state.quota = key.quota ?? NanoUSD(-1)
    state.expires = key.expires ?? Timestamp(microseconds: 0)
    state.hash = key.hash.bytes
    state.name = key.name
    state.allow = key.allow
    state.deny = key.deny
    state.suffix = key.suffix
    return state
  }

  private static func statusName(_ status: ActiveStatus) -> String {
    status == .inactive ? "disabled" : status.name
  }

  static func write(
    _ key: KeyEntry?, _ books: borrowing Books, secret: String?, to writer: inout JSONWriter
  ) {
    guard let key else { return writer.null() }
    let used = books.keyQuota(key.id).used
    let user = books.catalog.user(key.user)?.name
    let group = books.catalog.group(key.group)?.name
    writer.object {
      $0.member("id", PublicIdentifier(key.id).description)
      if let secret { $0.member("key", secret) }
      $0.member("name", key.name)
      $0.member("user", optional: user)
      $0.member("group", optional: group)
      $0.member("status", statusName(key.status))
      $0.member("quota_usd", limit: key.quota)
      $0.member("used_usd", money: used)
      $0.member("expires", time: key.expires)
      $0.member("allow", key.allow)
      $0.member("deny", key.deny)
      $0.member("suffix", key.suffix)
      $0.member("issued", key.issued.text())
    }
  }
}
