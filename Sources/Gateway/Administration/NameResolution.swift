// Things named by id (`usr_...`) or by name. Unknown ones are answered with the nearest name.
import Ledger
import Projections

extension Books {
  func user(called text: String) throws(AdministrationError) -> UserEntry {
    try catalog.user(called: text)
  }

  func group(called text: String) throws(AdministrationError) -> GroupEntry {
    let byID = Self.identifier(text, .group).flatMap { catalog.group(GroupID($0)) }
    guard let entry = byID ?? catalog.group(named: text) else {
      throw Self.unknown("group", text, catalog.allGroups.map(\.name), "daybook group list")
    }
    return entry
  }

  func account(called text: String) throws(AdministrationError) -> AccountEntry {
    try accounts.account(called: text)
  }

  func key(called text: String) throws(AdministrationError) -> KeyEntry {
    try catalog.key(called: text)
  }

  fileprivate static func identifier(_ text: String, _ kind: PublicIdentifier.Kind) -> UInt32? {
    guard let identifier = PublicIdentifier(text), identifier.kind == kind,
      identifier.partition == 0
    else { return nil }
    return identifier.id
  }

  fileprivate static func unknown(
    _ what: String, _ text: String, _ names: [String], _ list: String
  ) -> AdministrationError {
    let shown = text.clipped(toBytes: 256)
    return .unknown(
      "no \(what) \"\(shown)\"\(NearestName.hint(text, among: names)); see `\(list)`")
  }
}

extension Catalog {
  func user(called text: String) throws(AdministrationError) -> UserEntry {
    let byID = Books.identifier(text, .user).flatMap { user(UserID($0)) }
    guard let entry = byID ?? user(named: text) else {
      throw Books.unknown("user", text, allUsers.map(\.name), "daybook user list")
    }
    return entry
  }

  /// A key by id, by name, or by its own text. Of several with one name the one that is not
  /// revoked.
  func key(called text: String) throws(AdministrationError) -> KeyEntry {
    if let id = Books.identifier(text, .key), let entry = key(KeyID(id)) { return entry }
    if text.hasPrefix(KeyText.prefix), let hash = Hash256(sha256(text.utf8)),
      let entry = key(hash: hash)
    {
      return entry
    }
    let named = keys(named: text)
    let live = named.filter { $0.status != .revoked }
    if let entry = live.first ?? named.first {
      guard live.count <= 1, !live.isEmpty || named.count == 1 else {
        throw .conflict("several keys are named \"\(text)\"; use the id (`daybook key list`)")
      }
      return entry
    }
    // What was typed may be a key: it must not get into an error message.
    if text.hasPrefix(KeyText.prefix) { throw .unknown("no such key; see `daybook key list`") }
    throw Books.unknown("key", text, allKeys.map(\.name), "daybook key list")
  }
}

extension Accounts {
  func account(called text: String) throws(AdministrationError) -> AccountEntry {
    let byID = Books.identifier(text, .account).flatMap { account(AccountID($0)) }
    guard let entry = byID ?? account(named: text) else {
      let names = all.map(\.declared.name)
      throw Books.unknown("account", text, names, "daybook account list")
    }
    return entry
  }
}
