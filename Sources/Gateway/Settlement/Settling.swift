// The end of an answered request: what it used becomes a charge, the charge becomes durable, and
// only then does the caller get the end of its answer.
import Base
import HTTP
import Ledger
import Projections

extension Forwarding {
  /// Settles as metered; then, once that is durable, sends what is still owed.
  func settle(_ answered: AnsweredRequest) async {
    if reply.isGone { giveUserSlotBack() }
    let reading = answered.meter.reading(
      ending: answered.ending, estimatedInput: admission.estimatedInput)
    let settled = settlement(of: answered, reading)
    let sequence = await gateway.appendForCertain(settled, on: reactor)
    gateway.metrics.count(settled.settlement, platform: answered.account.platform)
    reply.trace.settled(settled.settlement)
    guard !reply.isGone else { return }
    let isDurable: Bool
    if let sequence {
      isDurable = await gateway.isDurable(sequence, on: reactor)
    } else {
      isDurable = false
    }
    await sendRemainder(of: answered, isDurable: isDurable)
  }

  private func sendRemainder(of answered: AnsweredRequest, isDurable: Bool) async {
    guard isDurable else { return await reply.fail(.notRecorded) }
    switch answered.remainder {
    case .body(let body, let passed):
      var fields = ResponseHeaders()
      fields.add("request-id", reply.requestID.description)
      for field in passed { fields.add(field.name, field.value) }
      reply.respond(status: answered.status, headers: fields, body: body)
    case .streamError(let event):
      await reply.send(event[...])
      reply.finish()
    case .streamEnd where answered.ending == nil:
      await reply.send(SSEText.messageStop[...])
      reply.finish()
    case .streamEnd:
      await reply.fail(.streamCut)
    }
  }

  private func settlement(
    of answered: AnsweredRequest, _ reading: UsageMeter.Reading
  ) -> ForwardSettled {
    var s = Settlement()
    s.party = admission.party
    s.group = admission.group
    s.account = answered.account.id
    s.model = admission.model
    s.modelText = admission.modelText
    s.subscription = admission.subscription
    s.multiplier = admission.multiplier
    s.target = admission.target
    s.hold = admission.hold
    s.serviceTime = admission.serviceTime
    s.requestID = admission.requestID
    s.isStream = reply.isStream
    s.status = UInt16(clamping: answered.status)
    s.attempts = UInt16(clamping: attempts)
    s.stopReason = answered.meter.stopReason
    s.stopReasonText = answered.meter.stopReasonText
    s.upstreamMessageID = answered.meter.messageID.clipped(toBytes: 256)
    s.upstreamRequestID = answered.upstreamRequestID.clipped(toBytes: 256)
    s.duration = Milliseconds(nanoseconds: reactor.now.nanoseconds(since: started))
    if let first = answered.firstContent {
      s.firstToken = Milliseconds(nanoseconds: first - started.nanoseconds)
    }
    rate(&s, reading, sent: answered.account.models.sent(for: call.model) ?? call.model)
    return ForwardSettled(s)
  }

  /// Fills in usage, price and charge. Never fails: what the ledger's limits do not hold is settled
  /// partial with a charge at the limit's edge, reason out_of_range.
  private func rate(_ s: inout Settlement, _ reading: UsageMeter.Reading, sent: String) {
    s.usage = reading.usage
    s.isPartial = reading.isPartial
    s.isEstimated = reading.isEstimated
    s.reason = reading.reason
    s.extraUsage = UsageText.unknown(reading.unknown)
    s.priceBook = admission.price.book
    // Accounts whose model has no price are not picked: there is one.
    guard let price = admission.price.price(sent: sent) else { return }
    s.rate(reading, admission.price, at: price, multiplier: admission.multiplier)
    gateway.nameModels(&s, sent: sent, priced: price.model.name)
  }
}

extension Gateway {
  /// Puts the numbers of the models sent and priced into a settlement. Both names come from the
  /// configuration or a price book, or are the caller's, which is named inline already.
  func nameModels(_ settlement: inout Settlement, sent: String, priced: String) {
    let now = wallClock.now()
    let isCallersText = settlement.model.isNone && sent == settlement.modelText
    let ids = live.withBooks { books in
      (
        isCallersText ? ModelID.none : (try? books.internModel(sent, now: now)) ?? .none,
        (try? books.internModel(priced, now: now)) ?? .none
      )
    }
    settlement.upstreamModel = ids.0
    settlement.pricedModel = ids.1
  }
}

/// Rare parts of a usage report as canonical JSON text.
enum UsageText {
  private static let limit = 4096

  static func unknown(_ fields: [String: String]) -> String {
    guard !fields.isEmpty else { return "" }
    var json = JSONWriter()
    json.object { json in
      for (name, number) in fields.sorted(by: { $0.key < $1.key }) {
        json.name(name)
        json.raw(number)
      }
    }
    return bounded(json)
  }

  /// A report too long to be kept is dropped whole: half of it would be no JSON.
  private static func bounded(_ json: JSONWriter) -> String {
    json.bytes.count <= limit ? String(decoding: json.bytes, as: UTF8.self) : ""
  }
}

extension Settlement {
  /// States what usage costs: the one way for settlements in time and late ones.
  mutating func rate(
    _ reading: UsageMeter.Reading, _ quote: Quote, at price: PriceMatch,
    multiplier: PartsPerMillion
  ) {
    priceRule = price.rule
    isUnpriced = price.isUnpriced
    ratingRules = Rating.version
    let rated = quote.rate(
      reading.usage, lines: reading.lines, at: price.model, multiplier: multiplier)
    list = rated.list
    charged = rated.charged
    inputTier = rated.inputTier
    lines = SettledLines.text(rated.lines)
    if rated.isOutOfRange {
      isPartial = true
      reason = .outOfRange
    }
  }
}
