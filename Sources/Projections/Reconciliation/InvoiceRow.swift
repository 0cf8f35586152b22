// One request, or one sum, as somebody else's books have it: a row of an upstream's bill or a line
// of a client's log.
public import Base
public import Ledger

/// A row that says something about usage or cost.
public struct InvoiceRow: Equatable, Sendable {
  /// Where it stands, from 1.
  public var line = 0
  /// At most 256 bytes each; "" = the row has none.
  public var messageID = ""
  public var requestID = ""
  /// In the zone of the comparison; nil = the row does not say.
  public var day: DayNumber?
  public var model = ""
  public var counts = InvoiceCounts()
  /// nil = the row does not say.
  public var cost: NanoUSD?
  /// The usage object as it stood; "" in rows of columns.
  public var usageText = ""
  /// HTTP status of the answer; 0 = the row does not say.
  public var status = 0
  public init() {}

  public var hasID: Bool { !messageID.isEmpty || !requestID.isEmpty }
  /// Whether there is anything to compare. An answer without usage, as an error, was not billed.
  public var isBilled: Bool { cost != nil || counts != InvoiceCounts() }
}

/// Tokens as a row states them; nil = it does not say.
public struct InvoiceCounts: Equatable, Sendable {
  public var input: Int64?
  public var output: Int64?
  public var cacheRead: Int64?
  /// Of both lifetimes.
  public var cacheWrite: Int64?
  /// The part of `cacheWrite` that was written for an hour.
  public var cacheWrite1h: Int64?
  public var webSearches: Int64?
  public init() {}

  /// Greatest count in one row: a row may be the sum of a day.
  public static let limit: Int64 = 1_000_000_000_000
}

/// Why a file cannot be compared: the line, and what is wrong there.
public struct InvoiceError: Error, Equatable, Sendable, CustomStringConvertible {
  /// From 1; 0 = the file as a whole.
  public let line: Int
  public let problem: String

  public init(_ line: Int, _ problem: String) {
    self.line = line
    self.problem = problem
  }
  public var description: String { line == 0 ? problem : "line \(line): \(problem)" }
}

/// What a column, or a member of an object, says.
enum InvoiceField: CaseIterable, Sendable {
  case messageID, requestID, time, model, input, output, cacheRead, cacheWrite, cacheWrite5m
  case cacheWrite1h, webSearches, cost, currency, status

  /// Its names, the one that counts when there are several first. Compared in lower case, with `_`
  /// between words.
  var names: [String] {
    switch self {
    case .messageID: ["message_id", "id", "msg_id"]
    case .requestID: ["request_id"]
    case .time:
      ["timestamp", "time", "date", "day", "created_at", "usage_date", "usage_date_utc"]
    case .model: ["model", "model_name", "model_version"]
    case .input:
      ["input_tokens", "prompt_tokens", "uncached_input_tokens", "usage_input_tokens_no_cache"]
    case .output: ["output_tokens", "completion_tokens", "usage_output_tokens"]
    case .cacheRead:
      ["cache_read_input_tokens", "cache_read_tokens", "usage_input_tokens_cache_read"]
    case .cacheWrite: ["cache_creation_input_tokens", "cache_write_tokens"]
    case .cacheWrite5m: ["cache_write_5m_tokens", "usage_input_tokens_cache_write_5m"]
    case .cacheWrite1h: ["cache_write_1h_tokens", "usage_input_tokens_cache_write_1h"]
    case .webSearches: ["web_searches", "web_search_requests", "web_search_count"]
    case .cost: ["cost_usd", "cost", "amount_usd", "amount", "total_cost"]
    case .currency: ["currency"]
    case .status: ["status"]
    }
  }

  /// `Cost (USD)` and `costUSD` are `cost_usd`.
  static func plain(_ name: String) -> String {
    var plain = ""
    var wasLower = false
    for character in name.unicodeScalars {
      let isLetterOrDigit =
        ("a"..."z").contains(character) || ("A"..."Z").contains(character)
        || ("0"..."9").contains(character)
      guard isLetterOrDigit else {
        if plain.last != "_", !plain.isEmpty { plain += "_" }
        wasLower = false
        continue
      }
      let isUpper = ("A"..."Z").contains(character)
      if isUpper, wasLower { plain += "_" }
      plain += String(character).lowercased()
      wasLower = !isUpper
    }
    while plain.last == "_" { plain.removeLast() }
    return plain
  }

  /// Fields by their names, with the rank of the name: 0 counts most.
  static let byName: [String: (field: InvoiceField, rank: Int)] = {
    var table: [String: (field: InvoiceField, rank: Int)] = [:]
    for field in allCases {
      for (rank, name) in field.names.enumerated() { table[name] = (field, rank) }
    }
    return table
  }()

  static func named(_ name: String) -> (field: InvoiceField, rank: Int)? { byName[plain(name)] }

  /// What a file must have, for errors.
  static let needed =
    "needed are an id (message_id, id or request_id) or a day (date, day, time or timestamp), and "
    + "something to compare (input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, "
    + "cost_usd, cost or amount)"
}
