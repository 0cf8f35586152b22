// The operations of /admin: one table for the router, for the arguments that are known, and for the
// OpenAPI document. The paths are those of the command line's verbs.
import HTTP

/// One operation: a path below /admin/ and what it takes and gives.
struct AdministrationOperation: Sendable {
  /// What stands in a query or in a body.
  struct Parameter: Sendable {
    let name: String
    let schema: Schema
    var isRequired = false
  }
  enum Answer: Sendable {
    /// One object of this name.
    case one(String)
    /// A page of such objects.
    case page(of: String)
    /// JSON lines that end with such an object.
    case lines(String)
    /// The document itself.
    case document
  }

  let path: String
  let method: Method
  let summary: String
  let parameters: [Parameter]
  let answer: Answer

  var isRead: Bool { method == .get }
  /// Whether an idempotency key protects it.
  var honoursKey: Bool { AdministrationService.records(path) }
  /// The Allow header.
  var allow: String { isRead ? "GET, HEAD, OPTIONS" : "POST, OPTIONS" }
  func takes(_ method: Method) -> Bool {
    method == self.method || isRead && method == .head
  }

  static func named(_ path: String) -> AdministrationOperation? { byPath[path] }

  private static let byPath = Dictionary(
    all.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
}

// MARK: - The table

extension AdministrationOperation {
  static let all: [AdministrationOperation] = questions + lists + changes + prices + history + jobs

  private static let questions = [
    get("openapi.json", "This document.", [], .document),
    get("status", "Health of the ledger and its projections.", [], .one("Status")),
    get("balance", "What a user has, was charged, holds.", [must(user)], .one("Balance")),
    get(
      "receipt", "An event with what proves it: a C2SP tlog-proof, and what it proves.",
      [must(parameter("event", .text, "a sequence number or a request's id"))], .one("Receipt")),
    get("usage", "What GET /v1/usage says of a key.", [must(keyName)], .one("Usage")),
  ]

  private static let lists = [
    get("user/list", "Users with their balances.", paging, .page(of: "User")),
    get("key/list", "Keys, without their text.", paging, .page(of: "Key")),
    get(
      "subscription/list", "Subscriptions with the use of their windows.", paging,
      .page(of: "Subscription")),
    get("account/list", "Upstream accounts, with their live state.", paging, .page(of: "Account")),
    get("group/list", "Groups as declared.", paging, .page(of: "Group")),
    get("credit/list", "Credits and debits.", [user] + eventPaging, .page(of: "Event")),
    get(
      "events", "The log, event by event. A page may hold fewer than asked for.",
      [
        parameter("from", .integer(0...Int.max), "first sequence number"),
        parameter("to", .integer(0...Int.max), "last sequence number"),
        parameter("since", .text, "only events at or after RFC 3339"),
        parameter("until", .text, "only events before RFC 3339"),
        parameter("type", .text, "only events of this type, e.g. forward_settled"), user, keyName,
      ] + eventPaging, .page(of: "Event")),
  ]

  private static let changes = [
    post(
      "user/add", "Adds a user.",
      [must(parameter("name", .text(longest: 128), "unique")), concurrency, reason], .one("User")),
    post(
      "user/set", "Changes a user.",
      [
        must(user), concurrency,
        parameter("status", .choice(["active", "inactive"]), "inactive users are refused"), reason,
      ], .one("User")),
    post(
      "key/issue", "Issues a key; its text is shown this once.",
      [must(user), must(group), parameter("name", .text(longest: 128), "a name for it")] + limits
        + [reason], .one("IssuedKey")),
    post(
      "key/set", "Changes a key.",
      [
        must(keyName),
        parameter("status", .choice(["active", "disabled"]), "disabled keys are refused"),
      ] + limits + [reason], .one("Key")),
    post(
      "key/revoke", "Revokes a key; it never comes back.", [must(keyName), reason], .one("Key")),
    post(
      "credit/add", "Adds money to a user's balance, or takes it.",
      [
        must(user), must(parameter("usd", .amount, "never rounded; negative = a debit")),
        must(reason),
        parameter(
          "external_id", .text(longest: 128), "your own number of it; the same again adds nothing"),
      ], .one("Credit")),
    post(
      "subscription/grant", "Lets a user use a subscription group from now on.",
      [must(user), must(group), must(days), reason], .one("Subscription")),
    post(
      "subscription/extend", "Adds days to a subscription.",
      [must(user), must(group), must(days), reason], .one("Subscription")),
    post(
      "subscription/revoke", "Ends a subscription now.", [must(user), must(group), reason],
      .one("Subscription")),
    post(
      "account/enable", "Uses an account again, and ends its rest.", [must(account), reason],
      .one("Account")),
    post(
      "account/disable", "Uses an account no more until it is enabled.", [must(account), reason],
      .one("Account")),
    post("reload", "Reads the configuration file again.", [], .one("Reloaded")),
  ]

  private static let prices = [
    get("prices/list", "The price books there are.", [], .one("PriceBooks")),
    get(
      "prices/show", "A model's prices, and the rule that finds them.",
      [must(parameter("model", .text, "as a caller names it")), priceBook("book")],
      .one("ModelPrices")),
    get(
      "prices/diff", "Two price books compared.",
      [priceBook("from"), priceBook("to")], .one("PriceDifference")),
    get(
      "prices/explain", "How a charge came about, line by line.",
      [must(parameter("sequence", .integer(1...Int.max), "of a forward_settled event"))],
      .one("ChargeExplanation")),
    post(
      "prices/import", "Records a price file as a book. A body may have 64 MB.",
      [
        must(parameter("text", .text, "the file's content, in LiteLLM's format")),
        parameter("file", .text(longest: 256), "its name"),
        parameter("version", .text(longest: 128), "what to call the book; the file's name"),
        parameter("effective_from", .text, "RFC 3339, \"now\" (when absent) or \"never\""), reason,
      ], .one("ImportedPrices")),
  ]
  private static func priceBook(_ name: String) -> Parameter {
    parameter(name, .text, "a book's number or version; the one in force when absent")
  }

  private static let jobs = [
    post("rebuild", "Folds the whole log anew, compares, swaps.", [], .lines("Rebuilt")),
    post(
      "compact", "Seals what is not sealed yet and joins small segments.", [],
      .lines("Compacted")),
    post(
      "verify", "Checks the whole log, and every signed head against it.",
      [
        parameter("published", .text, "a signed head that was kept elsewhere"),
        parameter("vkey", .text, "the key to check it with; the log's own when absent"),
      ], .lines("Verified")),
    post(
      "audit", "Proves that the log only grew since a signed head.",
      [
        must(parameter("checkpoint", .text, "the head that was kept: a signed note")),
        parameter("vkey", .text, "the key to check it with; the log's own when absent"),
      ], .lines("Audited")),
  ]

  // MARK: Words of the table

  static func get(
    _ path: String, _ summary: String, _ parameters: [Parameter], _ answer: Answer
  ) -> AdministrationOperation {
    AdministrationOperation(
      path: path, method: .get, summary: summary, parameters: parameters, answer: answer)
  }
  static func post(
    _ path: String, _ summary: String, _ parameters: [Parameter], _ answer: Answer
  ) -> AdministrationOperation {
    AdministrationOperation(
      path: path, method: .post, summary: summary, parameters: parameters, answer: answer)
  }
  static func parameter(
    _ name: String, _ schema: Schema, _ description: String
  ) -> Parameter { Parameter(name: name, schema: schema.described(description)) }
  static func must(_ parameter: Parameter) -> Parameter {
    Parameter(name: parameter.name, schema: parameter.schema, isRequired: true)
  }

  static let user = parameter("user", .text, "id or name")
  private static let group = parameter("group", .text, "id or name")
  private static let account = parameter("account", .text, "id or name")
  static let keyName = parameter("key", .text, "id or name")
  static let reason = parameter(
    "reason", .text(longest: 1024), "why, recorded with the event")
  private static let days = parameter("days", .integer(1...36_500), "days of 24 hours")
  private static let concurrency = parameter(
    "concurrency", .integer(0...1_000_000), "requests at a time; 0 = no limit")
  private static let limits = [
    parameter("quota", .amount, "greatest charge in USD in all; \"none\" removes it"),
    parameter("expires", .text, "RFC 3339, \"now\" or \"none\""),
    parameter("allow", .text, "addresses that may use it, as CIDR,CIDR; \"none\" for all"),
    parameter("deny", .text, "addresses that may not, as CIDR,CIDR; \"none\" for none"),
  ]
  private static let limit = parameter(
    "limit", .integer(1...1000), "how many; 100 when it is not stated")
  private static let paging = [
    limit, parameter("after", .text, "the `next` of the page before"),
  ]
  private static let eventPaging = [
    limit, parameter("after", .integer(0...Int.max - 1), "a sequence number: what comes behind it"),
  ]
}
