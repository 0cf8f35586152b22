// Commands about users: add, list, set, balance.
import Base
import Ledger
import Projections

enum UserVerbs {
  static func add(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    guard let name = try arguments.newName("name") else { throw .usage("name is missing") }
    guard books.catalog.user(named: name) == nil else {
      throw .conflict("a user named \"\(name)\" exists; choose another name")
    }
    var state = UserState()
    state.user = books.catalog.nextUser
    state.name = name
    state.concurrency =
      try arguments.integer("concurrency", in: Self.concurrencyRange).map { Int32($0) }
      ?? context.defaultConcurrency
    state.salt = context.salt()
    state.authorship = Authorship(actor: context.actor, reason: try arguments.reason())
    try books.record(UserAdded(state), context)
    return JSONWriter.text { write(books.catalog.user(state.user), books, to: &$0) }
  }

  static func set(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    let user = try books.user(called: try arguments.required("user"))
    var state = UserState()
    state.user = user.id
    state.name = user.name
    state.concurrency =
      try arguments.integer("concurrency", in: Self.concurrencyRange).map { Int32($0) }
      ?? user.concurrency
    let status = try arguments.choice("status", ["active", "inactive"])
    state.status = status.map { $0 == "active" ? .active : .inactive } ?? user.status
    if state.concurrency != user.concurrency || state.status != user.status {
      state.salt = context.salt()
      state.authorship = Authorship(actor: context.actor, reason: try arguments.reason())
      try books.record(UserChanged(state), context)
    } else if status == nil, try arguments.text("concurrency") == nil {
      throw .usage("nothing to set: give concurrency or status")
    }
    return JSONWriter.text { write(books.catalog.user(user.id), books, to: &$0) }
  }

  static func list(_ books: borrowing Books) -> [UInt8] {
    let users = books.catalog.allUsers
    var writer = JSONWriter()
    writer.beginArray()
    for user in users { write(user, books, to: &writer) }
    writer.endArray()
    return writer.bytes
  }

  static func balance(
    _ books: borrowing Books, _ arguments: AdministrationArguments
  ) throws(AdministrationError) -> [UInt8] {
    let user = try books.user(called: try arguments.required("user"))
    let row = books.balances.balance(of: user.id)
    return JSONWriter.text {
      $0.object {
        $0.member("id", PublicIdentifier(user.id).description)
        $0.member("user", user.name)
        $0.member("balance_usd", money: row.balance)
        $0.member("credited_usd", money: row.credited)
        $0.member("charged_usd", money: row.charged)
        $0.member("corrected_usd", money: row.corrected)
        $0.member("held_usd", money: row.holds)
        $0.member("available_usd", money: row.balance - row.holds)
        $0.member("open_holds", row.openHolds)
      }
    }
  }

  /// <= 0 = no limit; stated as 0.
  private static let concurrencyRange: ClosedRange<Int64> = 0...1_000_000

  static func write(
    _ user: UserEntry?, _ books: borrowing Books, to writer: inout JSONWriter
  ) {
    guard let user else { return writer.null() }
    let balance = books.balances.balance(of: user.id).balance
    writer.object {
      $0.member("id", PublicIdentifier(user.id).description)
      $0.member("name", user.name)
      $0.member("status", user.status.name)
      $0.member("concurrency", user.concurrency)
      $0.member("balance_usd", money: balance)
      $0.member("added", user.added.text())
    }
  }
}

extension Books {
  /// Appends an event of administration.
  @discardableResult
  mutating func record(
    _ payload: some RecordPayload, _ context: AdministrationContext
  ) throws(AdministrationError) -> SequenceNumber {
    do {
      return try append(payload, now: context.now)
    } catch {
      throw AdministrationError(error)
    }
  }
}

extension JSONWriter {
  /// The text that `body` writes.
  static func text(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    body(&writer)
    return writer.bytes
  }
  /// Decimal USD text with all its digits: "10.25".
  mutating func member(_ name: String, money: NanoUSD) {
    member(name, DecimalText.text(Int128(money.value), scale: 9))
  }
  /// Decimal USD text, or null.
  mutating func member(_ name: String, limit: NanoUSD?) {
    if let limit { member(name, money: limit) } else { member(null: name) }
  }
  /// RFC 3339, or null.
  mutating func member(_ name: String, time: Timestamp?) {
    member(name, optional: time?.text())
  }
}
