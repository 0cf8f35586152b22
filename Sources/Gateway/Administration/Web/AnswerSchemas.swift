// What the answers of /admin hold, by name. A test compares every answer with its schema.

import Base

enum AnswerSchemas {
  static let all: [(name: String, schema: Schema)] =
    [
      ("User", user), ("Key", key(secret: false)), ("IssuedKey", key(secret: true)),
      ("Credit", credit), ("Subscription", subscription), ("Account", account), ("Group", group),
      ("Balance", balance), ("Usage", usage), ("UsageSums", usageSums), ("Status", status),
      ("Event", event), ("Reloaded", reloaded), ("Rebuilt", rebuilt), ("Verified", verified),
      ("Compacted", compacted), ("Audited", audited), ("Receipt", receipt),
      ("JobLine", jobLine), ("Error", error),
    ] + prices + history

  private static let user = Schema.record([
    "id": .text, "name": .text, "status": .choice(["active", "inactive"]),
    "concurrency": .integer.described("requests at a time; 0 = no limit"),
    "balance_usd": .usd, "added": .time,
  ])

  private static func key(secret: Bool) -> Schema {
    var members: [Schema.Member] = [Schema.Member(name: "id", schema: .text)]
    if secret {
      let text = Schema.text.described("the key itself, shown this once")
      members.append(Schema.Member(name: "key", schema: text))
    }
    let rest: KeyValuePairs<String, Schema> = [
      "name": .text, "user": .text.orNull, "group": .text.orNull,
      "status": .choice(["active", "disabled", "revoked"]), "quota_usd": .usd.orNull,
      "used_usd": .usd, "expires": .time.orNull, "allow": .text, "deny": .text,
      "suffix": .text.described("the last four characters of the key"), "issued": .time,
    ]
    return .object(members + rest.map { Schema.Member(name: $0.key, schema: $0.value) })
  }

  private static let credit = Schema.record([
    "sequence": .integer, "user": .text, "amount_usd": .usd, "balance_usd": .usd,
    "external_id": .text.orNull,
    "repeated": .flag.described("the external id was there before: nothing was added"),
  ])

  private static let subscription = Schema.record([
    "id": .text, "user": .text.orNull, "group": .text.orNull,
    "status": .choice(["active", "expired", "revoked"]), "starts": .time, "expires": .time,
    "daily_usage_usd": .usd, "weekly_usage_usd": .usd, "monthly_usage_usd": .usd,
  ])

  private static let account = Schema.record([
    "id": .text, "name": .text, "platform": .text,
    "active": .flag.described("false: no longer in the configuration"), "condition": .text,
    "until": .time.orNull, "last_status": .integer, "why": .text, "base_url": .text,
    "credential": .text.described("where the credential is, never the credential"),
    "auth": .choice(["x-api-key", "bearer"]), "groups": .list(of: .text), "models": .anyObject,
    "priority": .integer, "concurrency": .integer, "requests": .integer, "failures": .integer,
    "last_used": .time.orNull,
  ])

  private static let group = Schema.record([
    "id": .text, "name": .text, "platform": .text, "type": .choice(["balance", "subscription"]),
    "active": .flag, "rate_multiplier": .number, "daily_limit_usd": .usd.orNull,
    "weekly_limit_usd": .usd.orNull, "monthly_limit_usd": .usd.orNull,
    "fallback_group": .text.orNull,
  ])

  private static let balance = Schema.record([
    "id": .text, "user": .text, "balance_usd": .usd, "credited_usd": .usd, "charged_usd": .usd,
    "corrected_usd": .usd, "held_usd": .usd, "available_usd": .usd, "open_holds": .integer,
  ])

  private static let usageSums = Schema.record([
    "requests": .integer, "input_tokens": .integer, "output_tokens": .integer,
    "cache_creation_tokens": .integer, "cache_read_tokens": .integer, "total_tokens": .integer,
    "cost": .number, "actual_cost": .number,
  ])

  /// As GET /v1/usage answers.
  private static let usage: Schema = {
    let windows: KeyValuePairs<String, Schema> = [
      "daily_usage_usd": .number, "weekly_usage_usd": .number, "monthly_usage_usd": .number,
      "daily_limit_usd": .number.orNull, "weekly_limit_usd": .number.orNull,
      "monthly_limit_usd": .number.orNull, "daily_reset_at": .time, "weekly_reset_at": .time,
      "monthly_reset_at": .time, "expires_at": .time,
    ]
    let always: KeyValuePairs<String, Schema> = [
      "isValid": .flag, "is_active": .flag, "mode": .choice(["balance", "subscription"]),
      "planName": .text, "remaining": .number, "unit": .choice(["USD"]), "balance": .number,
      "held": .number,
      "quota": Schema.record([
        "limit": .number, "used": .number, "remaining": .number, "unit": .choice(["USD"]),
      ]).orNull,
      "usage": .record([
        "today": .reference("UsageSums"), "total": .reference("UsageSums"),
        "average_duration_ms": .number, "rpm": .number, "tpm": .number,
      ]),
      "as_of": .record(["sequence": .integer, "time": .time]),
    ]
    return .object(
      always.map { Schema.Member(name: $0.key, schema: $0.value) } + [
        Schema.Member(name: "subscription", schema: .record(windows), isRequired: false),
        Schema.Member(name: "invalidMessage", schema: .text, isRequired: false),
      ])
  }()

  private static let status = Schema.record([
    "server": .text, "healthy": .flag, "poisoned": .text.orNull, "out_of_space": .flag,
    "last_sequence": .integer, "durable_sequence": .integer, "last_time": .time.orNull,
    "epoch": .integer, "segments": .integer, "segment_bytes": .integer,
    "free_disk_bytes": .integer.orNull, "checkpoint_sequence": .integer,
    "checkpoint_lag": .integer, "checkpoint_problem": .text.orNull,
    "sealing_problem": .text.orNull,
    "tree_size": .integer.described("events hashed into the Merkle tree"),
    "signed_size": .integer.described("events that the last signed head covers"),
    "tree_problem": .text.orNull, "vkey": .text.orNull, "open_requests": .integer, "held_usd": .usd,
    "unknown_outcomes": .integer, "found_open_at_start": .integer, "users": .integer,
    "keys": .integer, "groups": .integer, "accounts": .integer, "subscriptions": .integer,
    "price_book": .text.orNull, "time_zone": .text,
  ])

  /// Further members are the event's own, as docs/format.md lists them.
  private static let event: Schema = {
    var schema = Schema.record(["sequence": .integer, "time": .time, "type": .text])
    schema.json.set("additionalProperties", .bool(true))
    return schema
  }()

  private static let reloaded = Schema.record([
    "events": .integer, "needs_restart": .list(of: .text),
  ])
  private static let rebuilt = Schema.record([
    "events": .integer, "equal": .flag, "differences": .list(of: .text),
  ])
  private static let controlTotal = Schema.record(["count": .integer, "sum_usd": .usd])
  private static let verified = Schema.record([
    "intact": .flag, "segments": .integer, "sealed_segments": .integer, "blocks": .integer,
    "events": .integer, "last_sequence": .integer, "record_bytes": .integer,
    "file_bytes": .integer,
    "control_totals": .record([
      "charges": controlTotal, "credits": controlTotal, "corrections": controlTotal,
    ]),
    "root": .text.orNull.described("of the Merkle tree over all events, in base64"),
    "heads_checked": .integer.described("signed heads held against the tree"),
    "damages": .list(
      of: .record([
        "segment": .text, "offset": .integer, "sequence": .integer, "what": .text,
      ])),
  ])
  private static let compacted = Schema.record([
    "segments_before": .integer, "segments": .integer, "bytes_before": .integer,
    "bytes": .integer, "out_of_room": .flag,
  ])
  private static let audited = Schema.record([
    "grown": .flag.described("whether the log begins with what was signed"), "log": .text,
    "since_events": .integer, "since_root": .text, "events": .integer, "root": .text.orNull,
    "checkpoint": .text.orNull.described("the newest signed head"),
    "consistency": .list(of: .text).described("the proof of RFC 6962, section 2.1.2"),
    "problem": .text.orNull,
  ])
  private static let receipt = Schema.record([
    "receipt": .text.described("the file, for `daybook verify-receipt` and other verifiers"),
    "proof": .record([
      "valid": .flag, "log": .text, "events_signed": .integer, "event": .reference("Event"),
      "proven_with": .list(of: .integer),
      "charge": Schema.record([
        "recomputed_usd": .usd, "recomputed_list_usd": .usd, "agrees": .flag,
        "caveat": .text.orNull,
      ]).orNull,
    ]),
  ])
  /// A line of a long job: progress while it runs, the answer in the end.
  private static let jobLine = Schema.any([
    .record(["done": .integer, "total": .integer]),
    .record([
      "status": .integer,
      "answer": .any([
        .reference("Rebuilt"), .reference("Verified"), .reference("Compacted"),
        .reference("Audited"), .reference("Repriced"), .reference("AsOf"),
        .reference("Statement"), .reference("Error"),
      ]),
    ]),
  ])

  private static let error = Schema.record([
    "error": .object([
      Schema.Member(name: "code", schema: .text), Schema.Member(name: "message", schema: .text),
      Schema.Member(
        name: "first_answer",
        schema: .anyObject.described("what the first of two equal commands did"),
        isRequired: false),
    ])
  ])
}
