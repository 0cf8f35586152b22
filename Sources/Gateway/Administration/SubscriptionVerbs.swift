// Commands about subscriptions of users to groups: grant, extend, revoke, list. A day of validity
// is 86,400 seconds.
import Base
import Ledger
import Projections

enum SubscriptionVerbs {
  /// Starts now. A subscription that is still valid is extended instead.
  static func grant(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    let days = try Self.days(arguments)
    let (user, group) = try parties(books, arguments)
    guard group.isActive else {
      throw .conflict("group \"\(group.name)\" is no longer in the configuration")
    }
    guard group.target == .subscription else {
      throw .conflict(
        "group \"\(group.name)\" is paid from the balance; only groups of type subscription "
          + "can be subscribed to")
    }
    let known = books.subscriptions.subscription(of: user.id, in: group.id)
    if let known, !known.isRevoked, known.expires > context.now {
      throw .conflict(
        "user \"\(user.name)\" has a subscription to \"\(group.name)\" until "
          + "\(known.expires.text()); use `daybook subscription extend`")
    }
    var state = SubscriptionState()
    state.subscription = known?.id ?? books.subscriptions.nextSubscription
    state.user = user.id
    state.group = group.id
    state.starts = max(context.now, books.lastTime)
    state.expires = state.starts.advanced(bySeconds: days * 86_400)
    state.authorship = Authorship(actor: context.actor, reason: try arguments.reason())
    try books.record(SubscriptionGranted(state), context)
    return answer(books, state.subscription, context)
  }

  /// Adds days to the end, or to now when it has ended.
  static func extend(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    let days = try Self.days(arguments)
    let known = try existing(books, arguments)
    let end = max(known.expires, context.now)
    let (seconds, overflow) = end.seconds.addingReportingOverflow(days * 86_400)
    guard !overflow, seconds < latestEnd.seconds else {
      throw .usage("days: the subscription would end after the year 9999")
    }
    var state = Self.state(of: known)
    state.expires = end.advanced(bySeconds: days * 86_400)
    if known.expires <= context.now { state.starts = max(context.now, books.lastTime) }
    state.authorship = Authorship(actor: context.actor, reason: try arguments.reason())
    try books.record(SubscriptionExtended(state), context)
    return answer(books, state.subscription, context)
  }

  /// Ends it at once. Revoking a revoked subscription is an error: it was another one's doing.
  static func revoke(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    let known = try existing(books, arguments)
    var state = Self.state(of: known)
    state.authorship = Authorship(actor: context.actor, reason: try arguments.reason())
    try books.record(SubscriptionRevoked(state), context)
    return answer(books, state.subscription, context)
  }

  static func list(_ books: borrowing Books, now: Timestamp) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for entry in books.subscriptions.all { write(entry, books, now, to: &writer) }
    writer.endArray()
    return writer.bytes
  }

  /// The end of the year 9999: no text of RFC 3339 exists for later times.
  private static let latestEnd = Timestamp(seconds: 253_402_300_799)

  private static func days(_ arguments: AdministrationArguments) throws(AdministrationError)
    -> Int64
  {
    guard let days = try arguments.integer("days", in: 1...36_500) else {
      throw .usage("days is missing")
    }
    return days
  }

  private static func parties(
    _ books: borrowing Books, _ arguments: AdministrationArguments
  ) throws(AdministrationError) -> (UserEntry, GroupEntry) {
    (
      try books.user(called: try arguments.required("user")),
      try books.group(called: try arguments.required("group"))
    )
  }

  private static func existing(
    _ books: borrowing Books, _ arguments: AdministrationArguments
  ) throws(AdministrationError) -> SubscriptionEntry {
    let (user, group) = try parties(books, arguments)
    guard let known = books.subscriptions.subscription(of: user.id, in: group.id) else {
      throw .unknown(
        "user \"\(user.name)\" has no subscription to \"\(group.name)\"; "
          + "use `daybook subscription grant`")
    }
    guard !known.isRevoked else {
      throw .conflict(
        "the subscription of \"\(user.name)\" to \"\(group.name)\" is revoked; "
          + "use `daybook subscription grant`")
    }
    return known
  }

  private static func state(of entry: SubscriptionEntry) -> SubscriptionState {
    var state = SubscriptionState()
    state.subscription = entry.id
    state.user = entry.user
    state.group = entry.group
    state.starts = entry.starts
    state.expires = entry.expires
    return state
  }

  private static func answer(
    _ books: borrowing Books, _ id: SubscriptionID, _ context: AdministrationContext
  ) -> [UInt8] {
    var writer = JSONWriter()
    if let entry = books.subscriptions.subscription(id) {
      write(entry, books, context.now, to: &writer)
    }
    return writer.bytes
  }

  static func write(
    _ entry: SubscriptionEntry, _ books: borrowing Books, _ now: Timestamp,
    to writer: inout JSONWriter
  ) {
    let user = books.catalog.user(entry.user)?.name
    let group = books.catalog.group(entry.group)?.name
    let day = books.zone.day(of: now)
    writer.beginObject()
    writer.member("id", PublicIdentifier(entry.id).description)
    writer.member("user", optional: user)
    writer.member("group", optional: group)
    let status =
      entry.isRevoked ? "revoked" : entry.expires <= now ? "expired" : "active"
    writer.member("status", status)
    writer.member("starts", entry.starts.text())
    writer.member("expires", entry.expires.text())
    for (kind, name) in [
      (WindowKind.daily, "daily"), (.weekly, "weekly"), (.monthly, "monthly"),
    ] {
      let window = books.subscriptions.current(of: entry.id, kind, on: day)
      writer.member("\(name)_usage_usd", money: window.used)
    }
    writer.endObject()
  }
}
