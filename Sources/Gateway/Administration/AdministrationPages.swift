// Lists a page at a time, for /admin: {"data": [...], "has_more": B, "next": CURSOR or null}. The
// cursor is what stands last on a page; what is added later comes behind it, nothing is ever taken
// out, so pages together hold everything once. A page costs what it holds, not what there is.
import Base
import Ledger
import Projections

/// A list of the books, in the order of its identifiers.
enum AdministrationList: String, CaseIterable {
  case users = "user/list"
  case keys = "key/list"
  case subscriptions = "subscription/list"
  case accounts = "account/list"
  case groups = "group/list"

  static let arguments = ["limit", "after"]
  static let limits: ClosedRange<Int64> = 1...1000
  static let usualLimit: Int64 = 100

  var kind: PublicIdentifier.Kind {
    switch self {
    case .users: .user
    case .keys: .key
    case .subscriptions: .subscription
    case .accounts: .account
    case .groups: .group
    }
  }

  /// Rows behind an identifier, as JSON.
  func rows(
    _ books: borrowing Books, after id: UInt32, limit: Int, now: Timestamp
  ) -> [(id: UInt32, json: [UInt8])] {
    var rows: [(id: UInt32, json: [UInt8])] = []
    switch self {
    case .users:
      for user in books.catalog.users(after: UserID(id), limit: limit) {
        var json = JSONWriter()
        UserVerbs.write(user, books, to: &json)
        rows.append((user.id.value, json.bytes))
      }
    case .keys:
      for key in books.catalog.keys(after: KeyID(id), limit: limit) {
        var json = JSONWriter()
        KeyVerbs.write(key, books, secret: nil, to: &json)
        rows.append((key.id.value, json.bytes))
      }
    case .subscriptions:
      for entry in books.subscriptions.page(after: SubscriptionID(id), limit: limit) {
        var json = JSONWriter()
        SubscriptionVerbs.write(entry, books, now, to: &json)
        rows.append((entry.id.value, json.bytes))
      }
    case .accounts:
      for account in books.accounts.page(after: AccountID(id), limit: limit) {
        var json = JSONWriter()
        AccountVerbs.write(account, now, to: &json)
        rows.append((account.declared.account.value, json.bytes))
      }
    case .groups:
      for group in books.catalog.groups(after: GroupID(id), limit: limit) {
        var json = JSONWriter()
        AccountVerbs.write(group, books, to: &json)
        rows.append((group.id.value, json.bytes))
      }
    }
    return rows
  }
}

extension AdministrationService {
  /// Answers a question of /admin: a page of a list or of events, or a single object.
  func read(_ path: String, _ arguments: JSONObject) -> AdministrationAnswer {
    do throws(AdministrationError) {
      if let list = AdministrationList(rawValue: path) {
        return AdministrationAnswer(body: try page(of: list, arguments))
      }
      switch path {
      case "events": return AdministrationAnswer(body: try eventPage(arguments, type: nil))
      case "credit/list":
        return AdministrationAnswer(body: try eventPage(arguments, type: .creditAdded))
      case "usage":
        if let key = arguments["key"]?.string, key.hasPrefix(KeyText.prefix) {
          throw .usage("name the key by its id or name: its text does not belong into a URL")
        }
        return try carryOut(path, arguments, actor: "", nil) { _, _ in }
      default: return try carryOut(path, arguments, actor: "", nil) { _, _ in }
      }
    } catch {
      return AdministrationAnswer(error)
    }
  }

  /// Rows written under one lock: a page does not stop the traffic.
  private static let rowsAtATime = 50

  private func page(
    of list: AdministrationList, _ arguments: JSONObject
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: AdministrationList.arguments)
    let limit = Int(
      try given.integer("limit", in: AdministrationList.limits) ?? AdministrationList.usualLimit)
    var last: UInt32 = 0
    if let text = try given.text("after") {
      guard let cursor = PublicIdentifier(text), cursor.kind == list.kind, cursor.partition == 0
      else { throw .usage("after must be the `next` of a page of this list") }
      last = cursor.id
    }
    var rows: [[UInt8]] = []
    var hasMore = true
    var basis = SequenceNumber.none
    while rows.count < limit, hasMore {
      let wanted = min(Self.rowsAtATime, limit - rows.count)
      let now = clock.now()
      let (found, sequence) = live.withBooks { books in
        (list.rows(books, after: last, limit: wanted + 1, now: now), books.lastSequence)
      }
      hasMore = found.count > wanted
      rows += found.prefix(wanted).map(\.json)
      if let row = found.prefix(wanted).last { last = row.id }
      basis = sequence
    }
    try wait(for: basis)
    let next = PublicIdentifier(kind: list.kind, id: last).description
    return Self.page(rows, next: hasMore ? next : nil)
  }

  private func eventPage(
    _ arguments: JSONObject, type: RecordType?
  ) throws(AdministrationError) -> [UInt8] {
    let own = type == nil ? EventQuery.arguments : ["user"]
    let given = try AdministrationArguments(
      arguments, known: own + AdministrationList.arguments)
    let limit = Int(
      try given.integer("limit", in: AdministrationList.limits) ?? AdministrationList.usualLimit)
    var asked = arguments
    asked.members.removeAll { AdministrationList.arguments.contains($0.name) }
    let (query, names) = try live.withBooks { books throws(AdministrationError) in
      var query = try EventQuery(asked, books)
      if let type { query.type = type }
      if let after = try given.integer("after", in: 0...Int64.max - 1) {
        query.from = max(query.from, SequenceNumber(UInt64(after) + 1))
      }
      return (query, EventNames(books))
    }
    do throws(LedgerError) {
      let page = try query.page(live.files, names, limit: limit)
      let rows = page.lines.split(separator: 10).map { Array($0) }
      return Self.page(rows, next: page.next.map { "\($0 - 1)" })
    } catch {
      throw AdministrationError(error)
    }
  }

  private static func page(_ rows: [[UInt8]], next: String?) -> [UInt8] {
    JSONWriter.text {
      $0.object {
        $0.name("data")
        $0.array { for row in rows { $0.raw(row.span) } }
        $0.member("has_more", next != nil)
        $0.member("next", optional: next)
      }
    }
  }
}
