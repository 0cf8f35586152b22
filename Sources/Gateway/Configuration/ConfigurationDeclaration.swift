// What the ledger records of a configuration: the difference to what it recorded last, as events.
// Groups and accounts that are no longer named become inactive; their numbers and names stay
// theirs.
public import Base
import Ledger
public import Projections

extension Configuration {
  /// Who the events of a configuration name as their actor.
  static let actor = "configuration"

  /// Appends what differs from the last recorded state; nothing when nothing does. The order lets
  /// every event find what it names: zone, groups (fallback groups first), accounts, settings.
  ///
  /// Should the batch be full half-way, the next call appends the rest.
  /// - Parameter reason: recorded with each event, e.g. the file's name.
  /// - Returns: how many events were appended.
  /// - Throws: `.full`, or `.refused` when a name is kept by something else.
  public func declare(
    in books: inout Books, reason: String, now: Timestamp
  ) throws(BooksError) -> Int {
    let before = books.nextSequence.value
    let authorship = Authorship(actor: Self.actor, reason: reason)
    if books.zoneName != timeZone {
      var event = TimeZoneSet()
      event.name = timeZone
      event.authorship = authorship
      try books.append(event, now: now)
    }
    let fallbacks = Set(groups.compactMap(\.fallbackGroup))
    for group in groups where fallbacks.contains(group.name) {
      try group.declare(in: &books, authorship, now)
    }
    for group in groups where !fallbacks.contains(group.name) {
      try group.declare(in: &books, authorship, now)
    }
    for account in accounts { try account.declare(in: &books, authorship, now) }
    try retire(in: &books, authorship, now)
    for name in modelNames { _ = try books.internModel(name, now: now) }
    let settings = String(decoding: settingsJSON, as: UTF8.self)
    if books.settings != settings {
      var event = SettingsDeclared()
      event.settings = settings
      event.authorship = authorship
      try books.append(event, now: now)
    }
    return Int(books.nextSequence.value - before)
  }

  /// Models that the configuration names in full.
  private var modelNames: [String] {
    let mapped = accounts.flatMap { $0.models.flatMap { [$0.asked, $0.sent] } }
    return mapped.filter { !$0.hasSuffix("*") } + [gateway.defaultPriceModel].compactMap { $0 }
  }

  /// Makes inactive what is recorded but no longer named.
  private func retire(
    in books: inout Books, _ authorship: Authorship, _ now: Timestamp
  ) throws(BooksError) {
    for entry in books.accounts.all
    where entry.declared.isActive && account(named: entry.declared.name) == nil {
      var event = entry.declared
      event.isActive = false
      event.authorship = authorship
      try books.append(event, now: now)
    }
    for entry in books.catalog.allGroups where entry.isActive && group(named: entry.name) == nil {
      var event = GroupDeclared(entry)
      event.isActive = false
      event.authorship = authorship
      try books.append(event, now: now)
    }
  }
}

extension GroupSettings {
  fileprivate func declare(
    in books: inout Books, _ authorship: Authorship, _ now: Timestamp
  ) throws(BooksError) {
    let known = books.catalog.group(named: name)
    var event = GroupDeclared()
    event.group = known?.id ?? books.catalog.nextGroup
    event.fallback = fallbackGroup.flatMap { books.catalog.group(named: $0)?.id } ?? .none
    event.platform = platform
    event.target = target
    event.multiplier = multiplier
    event.dailyLimit = dailyLimit ?? NanoUSD(-1)
    event.weeklyLimit = weeklyLimit ?? NanoUSD(-1)
    event.monthlyLimit = monthlyLimit ?? NanoUSD(-1)
    event.name = name
    if let known, GroupDeclared(known) == event { return }
    event.authorship = authorship
    try books.append(event, now: now)
  }
}

extension GroupDeclared {
  /// The declaration that gave this entry, without authorship.
  fileprivate init(_ entry: GroupEntry) {
    self.init()
    group = entry.id
    fallback = entry.fallback
    platform = entry.platform
    target = entry.target
    isActive = entry.isActive
    multiplier = entry.multiplier
    dailyLimit = entry.dailyLimit ?? NanoUSD(-1)
    weeklyLimit = entry.weeklyLimit ?? NanoUSD(-1)
    monthlyLimit = entry.monthlyLimit ?? NanoUSD(-1)
    name = entry.name
  }
}

extension AccountSettings {
  fileprivate func declare(
    in books: inout Books, _ authorship: Authorship, _ now: Timestamp
  ) throws(BooksError) {
    let known = books.accounts.account(named: name)?.declared
    var event = AccountDeclared()
    event.account = known?.account ?? books.accounts.nextAccount
    event.platform = platform
    event.interceptsWarmup = interceptsWarmup
    event.isMixed = isMixed
    event.usesBearer = usesBearer
    event.priority = priority
    event.concurrency = concurrency
    event.name = name
    event.baseURL = baseURL
    event.credential = credential.description
    event.groups = groupsJSON
    event.models = modelsJSON
    event.project = project ?? ""
    event.proxy = proxy ?? ""
    event.authorship = known?.authorship ?? authorship
    if event == known { return }
    event.authorship = authorship
    try books.append(event, now: now)
  }
}
