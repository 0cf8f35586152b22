// The verbs of administration that work on the books alone: one table for the command line, the
// local socket and /admin.
public import Base

public import Projections

/// A command on the books. Its raw value is its path: `user/add`.
public enum AdministrationVerb: String, CaseIterable, Sendable {
  case userAdd = "user/add"
  case userList = "user/list"
  case userSet = "user/set"
  case keyIssue = "key/issue"
  case keyList = "key/list"
  case keySet = "key/set"
  case keyRevoke = "key/revoke"
  case creditAdd = "credit/add"
  case subscriptionGrant = "subscription/grant"
  case subscriptionExtend = "subscription/extend"
  case subscriptionRevoke = "subscription/revoke"
  case subscriptionList = "subscription/list"
  case accountList = "account/list"
  case accountEnable = "account/enable"
  case accountDisable = "account/disable"
  case groupList = "group/list"
  case balance = "balance"

  /// The arguments it takes.
  public var arguments: [String] {
    switch self {
    case .userAdd: ["name", "concurrency", "reason"]
    case .userSet: ["user", "concurrency", "status", "reason"]
    case .keyIssue:
      ["user", "group", "name", "quota", "expires", "allow", "deny", "reason"]
    case .keySet: ["key", "status", "quota", "expires", "allow", "deny", "reason"]
    case .keyRevoke: ["key", "reason"]
    case .creditAdd: ["user", "usd", "reason", "external_id"]
    case .subscriptionGrant, .subscriptionExtend: ["user", "group", "days", "reason"]
    case .subscriptionRevoke: ["user", "group", "reason"]
    case .accountEnable, .accountDisable: ["account", "reason"]
    case .balance: ["user"]
    case .userList, .keyList, .subscriptionList, .accountList, .groupList: []
    }
  }

  /// Whether it may append events.
  public var changesBooks: Bool {
    switch self {
    case .userList, .keyList, .subscriptionList, .accountList, .groupList, .balance: false
    default: true
    }
  }

  /// An answer without the secret that only its first reader may see; nil when it holds none.
  func withoutSecret(_ answer: [UInt8]) -> [UInt8]? {
    guard self == .keyIssue, var object = try? JSONParser().parse(answer).object else { return nil }
    object.members.removeAll { $0.name == "key" }
    return Array(JSONValue.object(object).text.utf8)
  }

  /// Carries the command out.
  /// - Returns: the answer, one JSON value. It may leave the process once `books.lastSequence` as
  ///   it is now is durable.
  /// - Throws: when it is refused; nothing was recorded then.
  public func perform(
    _ books: inout Books, _ arguments: JSONObject, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: self.arguments)
    switch self {
    case .userAdd: return try UserVerbs.add(&books, given, context)
    case .userList: return UserVerbs.list(books)
    case .userSet: return try UserVerbs.set(&books, given, context)
    case .keyIssue: return try KeyVerbs.issue(&books, given, context)
    case .keyList: return KeyVerbs.list(books)
    case .keySet: return try KeyVerbs.set(&books, given, context)
    case .keyRevoke: return try KeyVerbs.revoke(&books, given, context)
    case .creditAdd: return try CreditVerbs.add(&books, given, context)
    case .subscriptionGrant: return try SubscriptionVerbs.grant(&books, given, context)
    case .subscriptionExtend: return try SubscriptionVerbs.extend(&books, given, context)
    case .subscriptionRevoke: return try SubscriptionVerbs.revoke(&books, given, context)
    case .subscriptionList: return SubscriptionVerbs.list(books, now: context.now)
    case .accountList: return AccountVerbs.list(books, now: context.now)
    case .accountEnable: return try AccountVerbs.change(&books, given, context, enable: true)
    case .accountDisable: return try AccountVerbs.change(&books, given, context, enable: false)
    case .groupList: return AccountVerbs.groups(books)
    case .balance: return try UserVerbs.balance(books, given)
    }
  }
}
