// Commands that are one verb of administration each: the words become its arguments, the answer is
// printed as JSON or as a table. What they take and what is refused is the verb's to say.
import Base
import Gateway

enum VerbCommands {
  typealias Column = Rendering.Column

  static let all: [Command] = users + keys + credits + subscriptions + declared

  private static let why = OptionSpec.value("reason", "TEXT", "why, recorded with the event")

  private static let userColumns = [
    Column("USER", "name"), Column("ID", "id"), Column("STATUS", "status"),
    Column("CONCURRENCY", "concurrency"), Column("BALANCE", "balance_usd"),
    Column("ADDED", "added"),
  ]
  private static let users: [Command] = [
    verb(
      .userAdd, "user add", ["NAME"], as: ["name"],
      [
        .value("concurrency", "N", "requests at a time, 0 = no limit (default: configuration)"),
        why,
      ], "add a user"),
    list(.userList, "user list", userColumns, "list users with their balances"),
    verb(
      .userSet, "user set", ["USER"], as: ["user"],
      [
        .value("concurrency", "N", "requests at a time, 0 = no limit"),
        .value("status", "active|inactive", "inactive users are refused"), why,
      ], "change a user"),
    verb(.balance, "balance", ["USER"], as: ["user"], [], "what a user has, was charged, holds"),
  ]

  private static let limits: [OptionSpec] = [
    .value("quota", "USD", "greatest charge in all, or none"),
    .value("expires", "TIME", "RFC 3339, now, or none"),
    .value("allow", "CIDR,...", "addresses that may use it, or none"),
    .value("deny", "CIDR,...", "addresses that may not, or none"),
  ]
  private static let keyColumns = [
    Column("KEY", "id"), Column("NAME", "name"), Column("ENDS", "suffix"),
    Column("USER", "user"), Column("GROUP", "group"), Column("STATUS", "status"),
    Column("QUOTA", "quota_usd"), Column("USED", "used_usd"), Column("EXPIRES", "expires"),
  ]
  private static let keys: [Command] = [
    verb(
      .keyIssue, "key issue", [], as: [],
      [
        .value("user", "USER", "who pays"), .value("group", "GROUP", "what it may use"),
        .value("name", "NAME", "a name for it"),
      ] + limits + [why], "issue a key; it is shown this once"),
    list(.keyList, "key list", keyColumns, "list keys"),
    verb(
      .keySet, "key set", ["KEY"], as: ["key"],
      [.value("status", "active|disabled", "disabled keys are refused")] + limits + [why],
      "change a key"),
    verb(
      .keyRevoke, "key revoke", ["KEY"], as: ["key"], [why],
      "revoke a key; it never comes back"),
  ]

  private static let credits: [Command] = [
    verb(
      .creditAdd, "credit add", [], as: [],
      [
        .value("user", "USER", "whose balance"),
        .value("usd", "AMOUNT", "decimal USD, never rounded; negative = a debit"),
        .value("reason", "TEXT", "why, recorded with the event"),
        .value("external-id", "X", "your own number of it; the same again adds nothing"),
      ], "add money to a user's balance")
  ]

  private static let parties: [OptionSpec] = [
    .value("user", "USER", "whose subscription"), .value("group", "GROUP", "to what"),
  ]
  private static let days = OptionSpec.value("days", "N", "days of 24 hours")
  static let subscriptionColumns = [
    Column("USER", "user"), Column("GROUP", "group"), Column("STATUS", "status"),
    Column("STARTS", "starts"), Column("EXPIRES", "expires"), Column("TODAY", "daily_usage_usd"),
    Column("WEEK", "weekly_usage_usd"), Column("MONTH", "monthly_usage_usd"),
  ]
  private static let subscriptions: [Command] = [
    verb(
      .subscriptionGrant, "subscription grant", [], as: [], parties + [days, why],
      "let a user use a subscription group from now on"),
    verb(
      .subscriptionExtend, "subscription extend", [], as: [], parties + [days, why],
      "add days to a subscription"),
    verb(
      .subscriptionRevoke, "subscription revoke", [], as: [], parties + [why],
      "end a subscription now"),
    list(
      .subscriptionList, "subscription list", subscriptionColumns,
      "list subscriptions with the use of their windows"),
  ]

  private static let accountColumns = [
    Column("ACCOUNT", "name"), Column("PLATFORM", "platform"), Column("ACTIVE", "active"),
    Column("CONDITION", "condition"), Column("UNTIL", "until"), Column("GROUPS", "groups"),
    Column("PRIORITY", "priority"), Column("REQUESTS", "requests"),
    Column("FAILURES", "failures"), Column("LAST USED", "last_used"), Column("WHY", "why"),
  ]
  private static let groupColumns = [
    Column("GROUP", "name"), Column("PLATFORM", "platform"), Column("TYPE", "type"),
    Column("ACTIVE", "active"), Column("MULTIPLIER", "rate_multiplier"),
    Column("DAILY", "daily_limit_usd"), Column("WEEKLY", "weekly_limit_usd"),
    Column("MONTHLY", "monthly_limit_usd"), Column("FALLBACK", "fallback_group"),
  ]
  private static let declared: [Command] = [
    list(
      .accountList, "account list", accountColumns, "upstream accounts, with their live state"),
    verb(
      .accountEnable, "account enable", ["NAME"], as: ["account"], [why],
      "use an account again, and end its rest"),
    verb(
      .accountDisable, "account disable", ["NAME"], as: ["account"], [why],
      "use an account no more until it is enabled"),
    list(.groupList, "group list", groupColumns, "groups as declared"),
  ]

  private static func verb(
    _ verb: AdministrationVerb, _ name: String, _ parameters: [String], as names: [String],
    _ options: [OptionSpec], _ summary: String
  ) -> Command {
    Command(
      CommandSpec(name: name, parameters: parameters, options: options, summary: summary)
    ) { invocation in
      let answer = try Backend(invocation).perform(verb, invocation.arguments(names))
      try Console.write(
        invocation.wantsJSON ? answer.json + [10] : Array(Rendering.lines(answer.value).utf8))
    }
  }

  private static func list(
    _ verb: AdministrationVerb, _ name: String, _ columns: [Column], _ summary: String
  ) -> Command {
    Command(CommandSpec(name: name, summary: summary)) { invocation in
      let answer = try Backend(invocation).perform(verb, [])
      let what = name.split(separator: " ").first ?? ""
      try Console.write(
        invocation.wantsJSON
          ? answer.json + [10]
          : Array(Rendering.table(answer.value, columns, empty: "no \(what)s yet").utf8))
    }
  }
}
