// A statement as JSON and as CSV; StatementPage makes a page of it.
import Base
import Ledger
import Projections

struct StatementText {
  let statement: Statement
  let userName: String
  let zone: LocalZone
  let names: EventNames

  var json: [UInt8] {
    JSONWriter.text { json in
      json.object { json in
        json.member("user", userName)
        json.member("id", PublicIdentifier(statement.user).description)
        json.member("month", statement.period.month)
        json.member("time_zone", zone.name)
        json.member("through_sequence", statement.last.value)
        json.member("opening_usd", money: statement.opening)
        json.member("credits_usd", money: statement.credits)
        json.member("charges_usd", money: statement.charges)
        json.member("corrections_usd", money: statement.corrections)
        json.member("closing_usd", money: statement.closing)
        json.member(
          "days",
          array: { json in
            for (day, sum) in sortedDays { Self.write("day", "\(day)", sum, &json) }
          })
        json.member(
          "models",
          array: { json in
            for (model, sum) in sortedModels {
              Self.write("model", names.model(model) ?? "", sum, &json)
            }
          })
        json.member(
          "subscriptions",
          array: { json in
            for (group, sum) in statement.subscriptions.sorted(by: { $0.key < $1.key }) {
              Self.write("group", names.group(group) ?? "", sum, &json)
            }
          })
        json.member(
          "lines", array: { json in for line in statement.lines { write(line, &json) } })
      }
    }
  }

  var sortedDays: [(DayNumber, StatementSum)] {
    statement.days.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
  /// The dearest first.
  var sortedModels: [(ModelID, StatementSum)] {
    statement.models.sorted { ($1.value.charged, $0.key) < ($0.value.charged, $1.key) }
      .map { ($0.key, $0.value) }
  }

  private static func write(
    _ name: String, _ value: String, _ sum: StatementSum, _ json: inout JSONWriter
  ) {
    json.object {
      $0.member(name, value)
      $0.member("requests", sum.requests)
      $0.member("tokens", sum.tokens)
      $0.member("charged_usd", money: sum.charged)
    }
  }

  private func write(_ line: StatementLine, _ json: inout JSONWriter) {
    json.object {
      $0.member("sequence", line.sequence.value)
      $0.member("time", line.time.text(fraction: .microseconds))
      $0.member("kind", line.kind.rawValue)
      $0.member("amount_usd", money: line.amount)
      $0.member("service_day", "\(line.serviceDay)")
      if line.kind != .credit {
        $0.member("key", names.key(line.key) ?? "")
        $0.member("group", names.group(line.group) ?? "")
        $0.member("model", names.model(line.model) ?? "")
      }
      if line.kind == .charge {
        $0.member("request_id", line.requestID.description)
        $0.member("input_tokens", line.usage.input)
        $0.member("output_tokens", line.usage.output)
        $0.member("cache_read_tokens", line.usage.cacheRead)
        $0.member("cache_write_tokens", line.usage.cacheWrite5m + line.usage.cacheWrite1h)
      } else {
        $0.member("text", line.text)
      }
    }
  }

  /// One line for each event, between the opening and the closing balance.
  var csv: [UInt8] {
    var csv = CSVWriter()
    csv.line([
      "sequence", "time", "kind", "amount_usd", "balance_usd", "service_day", "key", "group",
      "model", "request_id", "input_tokens", "output_tokens", "cache_read_tokens",
      "cache_write_tokens", "text",
    ])
    var balance = statement.opening
    let blank = [String](repeating: "", count: 10)
    let start = statement.period.moments.lowerBound
    csv.line(["", start.text(), "opening", "", Self.money(balance)] + blank)
    for line in statement.lines {
      balance = balance + line.amount
      let usage = line.usage
      let isCharge = line.kind == .charge
      let counts = [
        usage.input, usage.output, usage.cacheRead, usage.cacheWrite5m + usage.cacheWrite1h,
      ]
      csv.line(
        [
          "\(line.sequence)", zone.text(line.time, fraction: .microseconds), line.kind.rawValue,
          Self.money(line.amount), Self.money(balance), "\(line.serviceDay)",
          names.key(line.key) ?? "", names.group(line.group) ?? "",
          names.model(line.model) ?? "", isCharge ? line.requestID.description : "",
        ] + counts.map { isCharge ? "\($0)" : "" } + [line.text])
    }
    csv.line(["\(statement.last)", "", "closing", "", Self.money(balance)] + blank)
    return csv.bytes
  }

  static func money(_ amount: NanoUSD) -> String {
    DecimalText.text(Int128(amount.value), scale: 9)
  }
}
