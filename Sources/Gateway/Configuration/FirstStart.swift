// What a first start without a configuration makes, so that the very next thing can be a request: a
// user with some credit, and a key.
import Base
import Ledger
public import Projections

/// The demonstration user of a first start.
public struct FirstStart: Sendable {
  /// Shown once, never stored.
  public let key: String
  public static let user = "demo"
  public static let group = "default"
  /// USD.
  public static let credit = "10"

  /// Makes the user unless there are users already; nil then.
  public static func prepare(
    _ books: inout Books, _ context: AdministrationContext
  ) throws(AdministrationError) -> FirstStart? {
    guard books.catalog.allUsers.isEmpty else { return nil }
    try perform(.userAdd, ["name": user], &books, context)
    try perform(
      .creditAdd, ["user": user, "usd": credit, "reason": "first start"], &books, context)
    let answer = try perform(
      .keyIssue, ["user": user, "group": group, "name": user], &books, context)
    guard let key = (try? JSONParser().parse(answer))?["key"]?.string else {
      throw .failed("the demonstration key could not be issued")
    }
    return FirstStart(key: key)
  }

  @discardableResult
  private static func perform(
    _ verb: AdministrationVerb, _ arguments: [String: String], _ books: inout Books,
    _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    let members = arguments.map { JSONObject.Member(name: $0.key, value: .string($0.value)) }
    return try verb.perform(&books, JSONObject(members), context)
  }
}
