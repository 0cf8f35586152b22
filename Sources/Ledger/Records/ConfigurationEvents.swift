// Events that record what the configuration declares: groups, accounts, zone, settings, prices.
// Credentials are never in them, only where to find them (`env:NAME`, `file:PATH`).
public import Base

/// A group as declared.
public struct GroupDeclared: RecordPayload {
  public static let type = RecordType.groupDeclared
  public static let fixedLength = 56
  public var group = GroupID.none
  public var fallback = GroupID.none
  public var platform = Platform.anthropic
  public var target = PaymentTarget.balance
  /// False once the configuration no longer names it.
  public var isActive = true
  public var multiplier = PartsPerMillion.one
  /// Limits of the charged amount; -1 = none.
  public var dailyLimit = NanoUSD(-1)
  public var weeklyLimit = NanoUSD(-1)
  public var monthlyLimit = NanoUSD(-1)
  public var name = ""
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("group", &group, at: 16)
    coder.field("fallback_group", &fallback, at: 20)
    coder.field("platform", &platform, at: 24)
    coder.field("target", &target, at: 25)
    coder.field("active", &isActive, at: 26)
    coder.field("multiplier", &multiplier, at: 28)
    coder.field("daily_limit_usd", &dailyLimit, at: 32)
    coder.field("weekly_limit_usd", &weeklyLimit, at: 40)
    coder.field("monthly_limit_usd", &monthlyLimit, at: 48)
    coder.text("name", &name)
    coder.authorship(&authorship)
  }
}

/// An upstream account as declared.
public struct AccountDeclared: RecordPayload {
  public static let type = RecordType.accountDeclared
  public static let fixedLength = 36
  public var account = AccountID.none
  public var platform = Platform.anthropic
  public var isActive = true
  public var interceptsWarmup = false
  public var isMixed = false
  /// The key goes into `authorization: Bearer` instead of `x-api-key`.
  public var usesBearer = false
  /// Small first.
  public var priority: Int32 = 1
  public var concurrency: Int32 = 10
  public var name = ""
  public var baseURL = ""
  /// `env:NAME` or `file:PATH`.
  public var credential = ""
  /// JSON array of group names.
  public var groups = "[]"
  /// JSON object: model asked for -> model sent.
  public var models = "{}"
  public var project = ""
  public var proxy = ""
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("account", &account, at: 16)
    coder.field("platform", &platform, at: 20)
    coder.field("active", &isActive, at: 21)
    coder.field("intercept_warmup", &interceptsWarmup, at: 22)
    coder.field("mixed", &isMixed, at: 23)
    coder.field("bearer", &usesBearer, at: 24)
    coder.field("priority", &priority, at: 28)
    coder.field("concurrency", &concurrency, at: 32)
    coder.text("name", &name)
    coder.text("base_url", &baseURL)
    coder.text("credential", &credential)
    coder.text("groups", &groups)
    coder.text("models", &models)
    coder.text("project", &project)
    coder.text("proxy", &proxy)
    coder.authorship(&authorship)
  }
}

/// An account cools down, fails, is disabled or comes back.
public struct AccountStateChanged: RecordPayload {
  public static let type = RecordType.accountStateChanged
  public static let fixedLength = 32
  public var account = AccountID.none
  public var condition = AccountCondition.ready
  /// The upstream status that caused it, 0 = none.
  public var status: UInt16 = 0
  /// When it may be used again; 0 = until somebody says so.
  public var until = Timestamp(microseconds: 0)
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("account", &account, at: 16)
    coder.field("condition", &condition, at: 20)
    coder.field("status", &status, at: 22)
    coder.field("until", &until, at: 24)
    coder.authorship(&authorship)
  }
}

/// Days begin at this zone's midnight from here on.
public struct TimeZoneSet: RecordPayload {
  public static let type = RecordType.timeZoneSet
  public static let fixedLength = 16
  /// An IANA name: "UTC", "Europe/Berlin".
  public var name = ""
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.text("name", &name)
    coder.authorship(&authorship)
  }
}

/// Everything else the configuration says, as canonical JSON, so that a later start without a file
/// goes on with what was declared last.
public struct SettingsDeclared: RecordPayload {
  public static let type = RecordType.settingsDeclared
  public static let fixedLength = 16
  public var settings = "{}"
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.text("settings", &settings)
    coder.authorship(&authorship)
  }
}

/// One model's prices, normalised. Inert until its book is published.
public struct PriceSet: RecordPayload {
  public static let type = RecordType.priceSet
  public static let fixedLength = 24
  public var book = PriceBookID.none
  /// From 0 within the book.
  public var index: UInt32 = 0
  public var model = ""
  /// Canonical JSON object: normalised field -> pico-USD (or ppm for factors).
  public var prices = "{}"
  /// JSON array of other names.
  public var aliases = "[]"
  /// Fields this version does not know, as they came: a JSON object.
  public var unknown = "{}"
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("price_book", &book, at: 16)
    coder.field("index", &index, at: 20)
    coder.text("model", &model)
    coder.text("prices", &prices)
    coder.text("aliases", &aliases)
    coder.text("unknown", &unknown)
  }
}

/// Closes a price book: its `count` price_set events before this one are the whole book.
public struct PriceBookPublished: RecordPayload {
  public static let type = RecordType.priceBookPublished
  public static let fixedLength = 64
  public var book = PriceBookID.none
  public var count: UInt32 = 0
  /// In force from this service time on; Int64.max = never (a book for re-pricing).
  public var effectiveFrom = Timestamp(microseconds: 0)
  /// SHA-256 of the price file.
  public var hash: [UInt8] = []
  /// What people call it, e.g. "built-in" or the file's name.
  public var version = ""
  public var authorship = Authorship()
  public init() {}
  public mutating func fields(_ coder: inout some RecordCoder) {
    coder.field("price_book", &book, at: 16)
    coder.field("count", &count, at: 20)
    coder.field("effective_from", &effectiveFrom, at: 24)
    coder.bytes("hash", &hash, count: 32, at: 32)
    coder.text("version", &version)
    coder.authorship(&authorship)
  }
}
