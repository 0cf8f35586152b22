// Statistics of keys, daily cells, prices in force, and events as text.
import Base
import Ledger
import Testing

@testable import Projections

struct StatisticsTests {
  private func use(_ s: inout Scenario, _ amount: Int64) throws {
    try s.settle(try s.admit(hold: 5), charged: amount)
  }
  private func usage(_ s: Scenario) -> KeyUsage { s.books.usage(of: KeyID(1), at: s.now) }

  @Test func `today rolls over on read and the total never shrinks`() throws {
    var s = try Scenario.small()
    try use(&s, 30)
    #expect(usage(s).today.requests == 1)
    #expect(usage(s).today.tokens == 127)
    s.advance(seconds: 86_400)
    #expect(usage(s).today == UsageSum())
    #expect(usage(s).total.charged == NanoUSD(30))
    try use(&s, 4)
    #expect(usage(s).today.charged == NanoUSD(4))
    #expect(usage(s).total.requests == 2)
    #expect(usage(s).durationSum == 500)
  }

  @Test func `a request belongs to the day of its admission`() throws {
    var s = try Scenario.small()
    let midnight = s.books.zone.start(of: s.books.zone.day(of: s.now).advanced(by: 1))
    s.now = Timestamp(microseconds: midnight.microseconds - 1)
    let request = try s.admit()
    s.now = midnight
    try use(&s, 4)
    try s.settle(request, charged: 9)
    #expect(usage(s).today.charged == NanoUSD(4))
    #expect(usage(s).total.charged == NanoUSD(13))
  }

  @Test func `the last five minutes forget after 300 seconds and not before`() throws {
    var s = try Scenario.small()
    try use(&s, 1)
    s.advance(seconds: 299)
    try use(&s, 1)
    #expect(usage(s).recentRequests == 2)
    #expect(usage(s).recentTokens == 254)
    s.advance(seconds: 1)
    #expect(usage(s).recentRequests == 1)
    s.advance(seconds: 299)
    #expect(usage(s).recentRequests == 0)
  }

  @Test func `idle keys give their buckets to others`() throws {
    var s = try Scenario.small()
    try s.issueKey(user: 1, group: 1)
    try use(&s, 1)
    let buckets = s.books.keyStatistics.recent.buckets.count
    s.advance(seconds: 301)
    try s.settle(try s.admit(key: 2), charged: 1)
    #expect(s.books.keyStatistics.recent.buckets.count == buckets)
    #expect(usage(s).recentRequests == 0)
    try use(&s, 1)
    #expect(s.books.keyStatistics.recent.buckets.count == buckets + 300)
    #expect(usage(s).recentRequests == 1)
  }

  @Test func `memory keeps the cells of two days and a late charge adds to an older one`() throws {
    var s = try Scenario.small()
    let request = try s.admit()
    try use(&s, 30)
    try s.loseTrack(request)
    for _ in 0..<2 {
      s.advance(seconds: 86_400)
      try use(&s, 1)
    }
    #expect(s.books.dailyCells.recent.count == 2)
    #expect(s.books.dailyCells.retired.map(\.usage.charged) == [NanoUSD(30)])
    try s.append(LateSettled(s.settlement(of: request, charged: 8)))
    #expect(s.books.dailyCells.additions.values.map(\.usage.charged) == [NanoUSD(8)])
    let older = s.books.cut().older
    #expect(older.retired.count == 1)
    #expect(older.additions.count == 1)
    #expect(s.books.dailyCells.retired.isEmpty)
  }

  @Test func `corrections of a job take effect as one and where the charge went`() throws {
    var s = try Scenario.small(credit: 1000)
    let request = try s.admit()
    try s.settle(request, charged: 100)
    var event = ChargeCorrected()
    event.party = request.party
    event.party.admission = .none
    event.group = GroupID(1)
    event.model = ModelID(1)
    event.job = 1
    event.listDelta = NanoUSD(-50)
    event.chargedDelta = NanoUSD(-40)
    try s.append(event)
    #expect(s.books.available(user: UserID(1)).balance == NanoUSD(900))
    var applied = RepricingApplied()
    applied.state.job = 1
    applied.state.count = 1
    applied.state.listDelta = NanoUSD(-50)
    applied.state.chargedDelta = NanoUSD(-40)
    var wrong = applied
    wrong.state.chargedDelta = NanoUSD(-41)
    #expect(throws: BooksError.refused(.repricingOutOfOrder(job: 1))) { try s.append(wrong) }
    try s.append(applied)
    #expect(s.books.available(user: UserID(1)).balance == NanoUSD(940))
    #expect(s.books.keyQuota(KeyID(1)).used == NanoUSD(60))
    let cell = try #require(s.books.dailyCells.recent.first)
    #expect(cell.usage.charged == NanoUSD(100))
    #expect(cell.corrected == NanoUSD(-40))
    #expect(cell.listCorrected == NanoUSD(-50))
  }

  private func publish(_ s: inout Scenario, at time: Timestamp) throws -> PriceBookID {
    let book = s.books.prices.nextBook
    let model = try #require(PriceBook.builtIn.models.first)
    try s.append(PriceSet(model, book: book, index: 0))
    var published = PriceBookPublished()
    published.book = book
    published.count = 1
    published.effectiveFrom = time
    try s.append(published)
    return book
  }

  @Test func `the price book in force is the one that came into force last`() throws {
    var s = try Scenario.small()
    let now = s.now
    #expect(s.books.prices.bookInForce(at: now) == nil)
    let first = try publish(&s, at: Timestamp(microseconds: 0))
    let later = try publish(&s, at: Timestamp(microseconds: now.microseconds + 1000))
    let never = try publish(&s, at: Timestamp(microseconds: .max))
    #expect(never.value == 3)
    #expect(s.books.prices.bookInForce(at: now) == first)
    #expect(
      s.books.prices.bookInForce(at: Timestamp(microseconds: now.microseconds + 999)) == first)
    #expect(
      s.books.prices.bookInForce(at: Timestamp(microseconds: now.microseconds + 1000)) == later)
    #expect(s.books.prices.bookInForce(at: Timestamp(microseconds: .max)) == later)
  }

  @Test func `a price book cannot come into force in the past`() throws {
    var s = try Scenario.small()
    #expect(throws: BooksError.refused(.effectiveInThePast)) {
      _ = try publish(&s, at: Timestamp(microseconds: s.now.microseconds - 1))
    }
  }
}

struct EventTextTests {
  private func line(_ s: Scenario, _ sequence: SequenceNumber) throws -> JSONValue {
    let record = s.records[Int(sequence.value) - 1]
    return try JSONParser().parse(
      EventText.line(
        RecordView(record.span), sequence: sequence, names: EventNames(s.books)))
  }

  @Test func `a settlement carries what scripts rely on, with names and decimal text`() throws {
    var s = try Scenario.small()
    let request = try s.admit()
    var settled = s.settlement(of: request, charged: 1_234_567_890)
    settled.multiplier = PartsPerMillion(800_000)
    settled.upstreamMessageID = "msg_01XFDUDYJgAACzvnptvVoYEL"
    settled.status = 200
    let sequence = try s.append(ForwardSettled(settled))
    let event = try line(s, sequence)
    #expect(event["sequence"]?.numberText == "\(sequence)")
    #expect(event["type"]?.string == "forward_settled")
    #expect(event["time"]?.string == s.now.text(fraction: .microseconds))
    #expect(event["request_id"]?.string == "\(request.requestID)")
    #expect(event["upstream_message_id"]?.string == "msg_01XFDUDYJgAACzvnptvVoYEL")
    #expect(event["user"]?.string == "ada")
    #expect(event["key"]?.string == "key_0000000001")
    #expect(event["group"]?.string == "default")
    #expect(event["account"]?.string == "main-1")
    #expect(event["model"]?.string == "claude-test")
    #expect(event["charged_usd"]?.string == "1.23456789")
    #expect(event["multiplier"]?.string == "0.8")
    #expect(event["admission_sequence"]?.numberText == "\(request.sequence)")
    #expect(event["status"]?.numberText == "200")
    #expect(event["duration_ms"]?.numberText == "250")
    for name in [
      "upstream_request_id", "upstream_model", "input_tokens", "output_tokens",
      "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "web_searches",
      "service_tier", "list_usd", "price_book", "price_rule", "stream", "first_token_ms",
      "partial", "estimated", "reason",
    ] { #expect(event[name] != nil, "\(name)") }
  }

  @Test func `a caller's unknown model stands under its own text`() throws {
    var s = try Scenario.small()
    let request = try s.admit()
    var settled = s.settlement(of: request, charged: 1)
    settled.model = .none
    settled.modelText = "my-model"
    let sequence = try s.append(ForwardSettled(settled))
    let event = try line(s, sequence)
    #expect(event["model"]?.string == "my-model")
    #expect(event["model_text"] == nil)
  }

  @Test func `addresses are written as people write them`() {
    let four: [UInt8] = [10, 1, 2, 0] + [UInt8](repeating: 0, count: 12)
    #expect(AddressText.text(four, bits: 32, isIPv6: false) == "10.1.2.0")
    #expect(AddressText.text(four, bits: 24, isIPv6: false) == "10.1.2.0/24")
    #expect(AddressText.text(four, bits: 0, isIPv6: false) == nil)
    let six: [UInt8] = [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
    #expect(AddressText.text(six, bits: 128, isIPv6: true) == "2001:db8::1")
    #expect(
      AddressText.text([UInt8](repeating: 0, count: 16), bits: 128, isIPv6: true) == "::")
  }

  @Test func `every type of event becomes one JSON object`() throws {
    let s = try Scenario.small()
    let names = EventNames(s.books)
    for type in RecordType.allCases {
      var writer = RecordWriter()
      _ = try write(type.payload.init(), &writer)
      let text = EventText.line(
        RecordView(writer.bytes.span), sequence: SequenceNumber(1), names: names)
      let object = try JSONParser().parse(text)
      #expect(object["type"]?.string == type.name)
    }
  }
  private func write(
    _ payload: some RecordPayload, _ writer: inout RecordWriter
  ) throws -> Range<Int> { try writer.append(payload, time: Timestamp(microseconds: 1)) }
}
