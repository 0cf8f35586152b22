// Commands about what the configuration declares: accounts with their live state, groups.
import Base
import Ledger
import Projections

enum AccountVerbs {
  static func list(_ books: borrowing Books, now: Timestamp) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for account in books.accounts.all { write(account, now, to: &writer) }
    writer.endArray()
    return writer.bytes
  }

  /// Enables an account, or ends its rest; disables it until it is enabled again.
  static func change(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext,
    enable: Bool
  ) throws(AdministrationError) -> [UInt8] {
    let account = try books.account(called: try arguments.required("account"))
    let wanted: AccountCondition = enable ? .ready : .disabled
    if account.condition != wanted {
      var event = AccountStateChanged()
      event.account = account.declared.account
      event.condition = wanted
      let word = enable ? "enabled" : "disabled"
      let reason = try arguments.reason()
      event.authorship = Authorship(
        actor: context.actor, reason: reason.isEmpty ? word : "\(word): \(reason)")
      try books.record(event, context)
    }
    let entry = try books.account(called: account.declared.name)
    return JSONWriter.text { write(entry, context.now, to: &$0) }
  }

  static func groups(_ books: borrowing Books) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for group in books.catalog.allGroups { write(group, books, to: &writer) }
    writer.endArray()
    return writer.bytes
  }

  static func write(
    _ group: GroupEntry, _ books: borrowing Books, to writer: inout JSONWriter
  ) {
    let fallback = books.catalog.group(group.fallback)?.name
    writer.object {
      $0.member("id", PublicIdentifier(group.id).description)
      $0.member("name", group.name)
      $0.member("platform", group.platform.name)
      $0.member("type", group.target.name)
      $0.member("active", group.isActive)
      $0.member("rate_multiplier", decimal: Int64(group.multiplier.value), scale: 6)
      $0.member("daily_limit_usd", limit: group.dailyLimit)
      $0.member("weekly_limit_usd", limit: group.weeklyLimit)
      $0.member("monthly_limit_usd", limit: group.monthlyLimit)
      $0.member("fallback_group", optional: fallback)
    }
  }

  static func write(
    _ account: AccountEntry, _ now: Timestamp, to writer: inout JSONWriter
  ) {
    let declared = account.declared
    let isResting = account.until.map { $0 > now } ?? (account.condition == .disabled)
    let condition = isResting ? account.condition : .ready
    writer.object {
      $0.member("id", PublicIdentifier(declared.account).description)
      $0.member("name", declared.name)
      $0.member("platform", declared.platform.name)
      $0.member("active", declared.isActive)
      $0.member("condition", condition.name)
      $0.member("until", time: isResting ? account.until : nil)
      $0.member("last_status", account.lastStatus)
      $0.member("why", account.why)
      $0.member("base_url", declared.baseURL)
      $0.member("credential", declared.credential)
      $0.member("auth", declared.usesBearer ? "bearer" : "x-api-key")
      $0.name("groups")
      $0.raw(declared.groups)
      $0.name("models")
      $0.raw(declared.models)
      $0.member("priority", declared.priority)
      $0.member("concurrency", declared.concurrency)
      $0.member("requests", account.requests)
      $0.member("failures", account.failures)
      $0.member("last_used", time: account.lastUsed)
    }
  }
}
