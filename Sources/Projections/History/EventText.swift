// One event as one JSON object, for `cat` and `export` (spec: cli): sequence, time, type, then the
// fields of its layout in their order. Numbers of users, keys, groups, accounts, models, price
// books become names; money and multipliers decimal text with all digits; times RFC 3339; what is
// absent is null. Texts that are JSON stand as JSON.
public import Base
public import Ledger

public enum EventText {
  /// Writes one object.
  public static func write(
    _ record: RecordView, sequence: SequenceNumber, names: some EventNaming,
    to json: inout JSONWriter
  ) {
    json.beginObject()
    json.member("sequence", sequence.value)
    json.member("time", record.time.text(fraction: .microseconds))
    if let event = Event(record) {
      json.member("type", event.type.name)
      let fields = event.fields
      for field in fields where !folded.contains(field.name) {
        write(field, among: fields, names, &json)
      }
    } else {
      json.member("type", "unknown_\(record.type)")
      json.member("record", Hex.encode([UInt8](record.bytes)))
    }
    json.endObject()
  }

  /// The object's text, without a line end.
  public static func line(
    _ record: RecordView, sequence: SequenceNumber, names: some EventNaming
  ) -> [UInt8] {
    var json = JSONWriter()
    write(record, sequence: sequence, names: names, to: &json)
    return json.bytes
  }

  /// Fields that are shown as part of another one.
  private static let folded: Set<String> = [
    "model_text", "user_agent_text", "stop_reason_text", "address_bits", "address_v6",
  ]
  /// Amounts for which -1 means none.
  private static let optionalAmounts: Set<String> = [
    "quota_usd", "daily_limit_usd", "weekly_limit_usd", "monthly_limit_usd",
  ]
  /// Texts that hold JSON.
  private static let jsonTexts: Set<String> = [
    "groups", "models", "settings", "prices", "aliases", "unknown", "lines", "extra_usage",
    "answer",
  ]
  /// Texts that are null when absent.
  private static let optionalTexts: Set<String> = [
    "upstream_message_id", "upstream_request_id", "idempotency_key", "external_id", "detail",
  ]

  private typealias Field = FieldLister.Field

  private static func write(
    _ field: Field, among fields: [Field], _ names: some EventNaming, _ json: inout JSONWriter
  ) {
    switch field.meaning {
    case .count(let number): json.member(field.name, number)
    case .signed(let number): json.member(field.name, number)
    case .flag(let flag): json.member(field.name, flag)
    case .code(let code):
      let text = code == "other" ? text("\(field.name)_text", in: fields) ?? code : code
      member(field.name, text == "none" ? nil : text, &json)
    case .money(let amount):
      if amount.value == -1, optionalAmounts.contains(field.name) {
        json.member(null: field.name)
      } else if field.name == "available_usd", amount.value == .max {
        json.member(null: field.name)
      } else {
        json.member(field.name, DecimalText.text(Int128(amount.value), scale: 9))
      }
    case .multiplier(let factor):
      json.member(field.name, DecimalText.text(Int128(factor.value), scale: 6))
    case .time(let time):
      let isNever = time.microseconds == 0 || time.microseconds == .max
      member(field.name, isNever ? nil : time.text(fraction: .microseconds), &json)
    case .day(let day): json.member(field.name, day.description)
    case .sequence(let sequence):
      if sequence == .none {
        json.member(null: field.name)
      } else {
        json.member(field.name, sequence.value)
      }
    case .text(let text): write(text: text, of: field, &json)
    case .bytes(let bytes): write(bytes: bytes, of: field, among: fields, &json)
    case .user, .key, .group, .account, .model, .subscription, .priceBook, .userAgent:
      member(field.name, name(of: field, among: fields, names), &json)
    }
  }

  private static func member(_ name: String, _ text: String?, _ json: inout JSONWriter) {
    if let text { json.member(name, text) } else { json.member(null: name) }
  }

  private static func text(_ name: String, in fields: [Field]) -> String? {
    for field in fields where field.name == name {
      if case .text(let text) = field.meaning, !text.isEmpty { return text }
    }
    return nil
  }

  /// The name a number stands for; a number that nothing is known of stands as "#7".
  private static func name(
    of field: Field, among fields: [Field], _ names: some EventNaming
  ) -> String? {
    func known(_ name: String?, _ number: UInt32) -> String? {
      name ?? (number == 0 ? nil : "#\(number)")
    }
    return switch field.meaning {
    case .user(let id): known(names.user(id), id.value)
    case .key(let id): names.key(id)
    case .group(let id): known(names.group(id), id.value)
    case .account(let id): known(names.account(id), id.value)
    case .subscription(let id): names.subscription(id)
    case .priceBook(let id): known(names.priceBook(id), id.value)
    case .model(let id):
      known(names.model(id) ?? text("\(field.name)_text", in: fields), id.value)
    case .userAgent(let id):
      known(names.userAgent(id) ?? text("user_agent_text", in: fields), id.value)
    default: nil
    }
  }

  private static func write(text: String, of field: Field, _ json: inout JSONWriter) {
    if jsonTexts.contains(field.name) {
      if let value = try? JSONParser().parse(Array(text.utf8)) {
        json.name(field.name)
        json.value(value)
      } else {
        member(field.name, text.isEmpty ? nil : text, &json)
      }
    } else if text.isEmpty, optionalTexts.contains(field.name) || field.name.hasSuffix("_ms") {
      json.member(null: field.name)
    } else {
      json.member(field.name, text)
    }
  }

  private static func write(
    bytes: [UInt8], of field: Field, among fields: [Field], _ json: inout JSONWriter
  ) {
    switch field.name {
    case "request_id":
      let id = ULID(bytes: bytes) ?? .none
      member("request_id", id == .none ? nil : "\(id)", &json)
    case "address":
      var bits: UInt64 = 0
      var isIPv6 = false
      for field in fields {
        if field.name == "address_bits", case .count(let count) = field.meaning { bits = count }
        if field.name == "address_v6", case .flag(let flag) = field.meaning { isIPv6 = flag }
      }
      member("client_address", AddressText.text(bytes, bits: Int(bits), isIPv6: isIPv6), &json)
    default: json.member(field.name, Hex.encode(bytes))
    }
  }
}

/// Network addresses as people write them.
enum AddressText {
  /// An address, or `address/bits` when it was cut; nil when none was recorded.
  /// - Parameter bytes: 16, of which IPv4 uses the first four.
  static func text(_ bytes: [UInt8], bits: Int, isIPv6: Bool) -> String? {
    guard bits > 0, bytes.count == 16 else { return nil }
    let address = isIPv6 ? six(bytes) : bytes[..<4].map { "\($0)" }.joined(separator: ".")
    return bits >= (isIPv6 ? 128 : 32) ? address : "\(address)/\(bits)"
  }

  /// RFC 5952: lower-case groups, the longest run of two or more zero groups as `::`.
  private static func six(_ bytes: [UInt8]) -> String {
    let groups = (0..<8).map { Int(bytes[$0 * 2]) << 8 | Int(bytes[$0 * 2 + 1]) }
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(1, best.count) { best = start..<end }
      start = max(end, start + 1)
    }
    func text(_ part: some Sequence<Int>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    if best.isEmpty { return text(groups) }
    return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
  }
}
