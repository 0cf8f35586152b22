// The ledger's side, asked in bounded pieces: from the running server, or from the log itself.
import Base
import Gateway
import Ledger
import Projections

final class ReconcileSource {
  private let backend: Backend
  /// What is compared alone: account, user, key.
  private let parts: [JSONObject.Member]
  /// Answers without a server; made once, since it folds the whole log.
  private var desk: ReconcileDesk?
  private(set) var zoneName = "UTC"
  private var last: Int64 = 0
  private var models: [UInt32: String] = [:]
  private var open: Set<String> = []
  private var unknown: Set<String> = []

  init(_ invocation: Invocation) throws {
    backend = Backend(invocation)
    parts = ["account", "user", "key"].compactMap { name in
      invocation.parsed.values[name].map { .init(name: name, value: .string($0)) }
    }
    let scope = try BackendAnswer(try ask("reconcile/scope", []).body).value
    guard let zone = scope["time_zone"]?.string, let last = scope["last_sequence"]?.integer else {
      throw CommandFailure("the answer cannot be read: it has no time_zone or last_sequence")
    }
    zoneName = zone
    self.last = last
    for member in scope["models"]?.object?.members ?? [] {
      if let id = UInt32(member.name) { models[id] = member.value.string }
    }
    open = Set(scope["open"]?.array?.compactMap(\.string) ?? [])
    unknown = Set(scope["outcome_unknown"]?.array?.compactMap(\.string) ?? [])
  }

  private func ask(
    _ path: String, _ arguments: [JSONObject.Member], isLate: Bool = false
  ) throws -> AdministrationAnswer {
    let object = JSONObject(arguments + parts.filter { !isLate || $0.name == "account" })
    return try backend.ask(path, object) {
      if let desk { return try desk.answer(path, object) }
      return try backend.read { reading in
        let desk = reading.withBooks { books in ReconcileDesk(books, reading.files) }
        self.desk = desk
        return try desk.answer(path, object)
      }
    }
  }

  /// Gives all settlements of these service times, always the same in the same order.
  func settlements(
    _ times: Range<Timestamp>, _ progress: SharedProgress,
    _ body: (SequenceNumber, Settlement, _ model: String) throws(InvoiceError) -> Void
  ) throws {
    var position: UInt64?
    repeat {
      var arguments: [JSONObject.Member] = [
        .init(name: "from_us", value: .number("\(max(0, times.lowerBound.microseconds))")),
        .init(name: "before_us", value: .number("\(max(0, times.upperBound.microseconds))")),
        .init(name: "last", value: .number("\(last)")),
      ]
      if let position {
        arguments.append(.init(name: "sequence", value: .number("\(position)")))
        progress.show(position, of: UInt64(last))
      }
      let page = try ask("reconcile/page", arguments)
      try SettlementPage.read(page.body) { sequence, settlement throws(InvoiceError) in
        try body(sequence, settlement, model(of: settlement))
      }
      position = page.nextSequence
    } while position != nil
    progress.finish()
  }

  /// The model's name as the upstream knows it.
  private func model(of settlement: Settlement) -> String {
    models[settlement.upstreamModel.value] ?? models[settlement.model.value]
      ?? settlement.modelText
  }

  /// Where a request stands that has no settlement, by its id.
  func state(_ id: String) -> UnsettledState? {
    guard let id = ULID(id)?.description else { return nil }
    return unknown.contains(id) ? .outcomeUnknown : open.contains(id) ? .open : nil
  }

  /// What rows make of requests whose outcome is unknown; with a reason, settles them.
  func settle(_ rows: [InvoiceRow], reason: String?) throws -> [JSONValue] {
    var results: [JSONValue] = []
    // A change takes the log for itself.
    if reason != nil { desk = nil }
    for start in stride(from: 0, to: rows.count, by: 200) {
      var arguments: [JSONObject.Member] = [
        .init(
          name: "rows", value: .array(rows[start..<min(rows.count, start + 200)].map(Self.row)))
      ]
      guard let reason else {
        results += try answers(try ask("reconcile/settle", arguments, isLate: true))
        continue
      }
      arguments.append(.init(name: "apply", value: .bool(true)))
      arguments.append(.init(name: "reason", value: .string(reason)))
      let object = JSONObject(arguments + parts.filter { $0.name == "account" })
      results += try answers(
        try backend.ask("reconcile/settle", object) {
          try backend.change {
            $0.answer("reconcile/settle", Backend.text(object), actor: Backend.actor)
          }
        })
    }
    return results
  }

  private func answers(_ answer: AdministrationAnswer) throws -> [JSONValue] {
    try BackendAnswer(answer.body).value.array ?? []
  }

  private static func row(_ row: InvoiceRow) -> JSONValue {
    let isByRequest = ULID(row.requestID) != nil
    var members: [JSONObject.Member] = [
      .init(name: "line", value: .number("\(row.line)")),
      .init(name: "request_id", value: .string(isByRequest ? row.requestID : row.messageID)),
      .init(name: "model", value: .string(row.model)),
      .init(name: "status", value: .number("\(row.status)")),
      .init(name: "usage", value: usage(row)),
    ]
    if isByRequest { members.append(.init(name: "message_id", value: .string(row.messageID))) }
    return .object(JSONObject(members))
  }

  private static func usage(_ row: InvoiceRow) -> JSONValue {
    if !row.usageText.isEmpty, let usage = try? JSONParser().parse(row.usageText) { return usage }
    var members: [JSONObject.Member] = []
    func add(_ name: String, _ count: Int64?) {
      if let count { members.append(.init(name: name, value: .number("\(count)"))) }
    }
    add("input_tokens", row.counts.input)
    add("output_tokens", row.counts.output)
    add("cache_read_input_tokens", row.counts.cacheRead)
    add("cache_creation_input_tokens", row.counts.cacheWrite)
    for (name, inner, count) in [
      ("cache_creation", "ephemeral_1h_input_tokens", row.counts.cacheWrite1h),
      ("server_tool_use", "web_search_requests", row.counts.webSearches),
    ] {
      guard let count else { continue }
      let object = JSONObject([.init(name: inner, value: .number("\(count)"))])
      members.append(.init(name: name, value: .object(object)))
    }
    return .object(JSONObject(members))
  }
}
