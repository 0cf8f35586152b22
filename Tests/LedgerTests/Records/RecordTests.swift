// Every event's layout: written and read back, in place and as a value.
import Base
import Testing

@testable import Ledger

/// Fills every field with seeded random bits; strings are random lengths of text.
private struct RandomFiller: RecordCoder {
  var random: SeededRandom

  mutating func field<Value: FieldValue>(
    _ name: StaticString, _ value: inout Value, at offset: Int
  ) { value = Value(bits: random.next() & (UInt64.max >> UInt64(64 - Value.width * 8))) }
  mutating func text(_ name: StaticString, _ value: inout String) {
    value = String(
      (0..<Int(random.next() % 20)).map { _ in "aé漢😀0".randomElement(using: &random)! })
  }
  mutating func bytes(
    _ name: StaticString, _ value: inout [UInt8], count: Int, at offset: Int
  ) { value = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
  mutating func packedText(_ name: StaticString, _ value: inout String, at offset: Int) {
    let digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghijkmnopqrstuvwxyz"
    let tail = String((0..<24).map { _ in digits.randomElement(using: &random)! })
    value = random.next() % 3 == 0 ? "weird/\(tail)" : "msg_\(tail)"
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
private struct SeededRandom: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

private func random<P: RecordPayload>(_ type: P.Type, seed: UInt64) -> P {
  var payload = P()
  var filler = RandomFiller(random: SeededRandom(state: seed))
  payload.fields(&filler)
  return payload
}

private func write(_ payload: some RecordPayload, time: Int64 = 7) throws -> [UInt8] {
  var writer = RecordWriter()
  _ = try writer.append(payload, time: Timestamp(microseconds: time))
  return writer.bytes
}

/// nil when the payload comes back as it went in.
private func roundTripDifference<P: RecordPayload>(_ type: P.Type, seed: UInt64) throws -> String? {
  let payload = random(type, seed: seed)
  let bytes = try write(payload)
  guard RecordView.lengthOfRecord(in: bytes.span, at: 0) == bytes.count else { return "length" }
  let back = P(RecordView(bytes.span))
  return back == payload ? nil : "\(payload) became \(back)"
}

@Test(arguments: RecordType.allCases)
func `every event comes back as it was written`(type: RecordType) throws {
  for seed in UInt64(0)..<50 {
    let difference = try roundTripDifference(type.payload, seed: seed)
    #expect(difference == nil, "seed \(seed)")
  }
}

@Test(arguments: RecordType.allCases)
func `fields never overlap and end at the fixed length`(type: RecordType) {
  let payload = type.payload.init()
  let fields = Event.fields(of: payload)
  let fixed = fields.filter { $0.offset != nil }
  var end = RecordView.headerLength
  for field in fixed {
    #expect(field.offset! >= end, "\(field.name) overlaps the one before")
    end = field.offset! + field.width
  }
  #expect(Swift.type(of: payload).fixedLength >= end)
  #expect(Swift.type(of: payload).fixedLength < end + 4)
  #expect(Set(fields.map(\.name)).count == fields.count)
}

@Test func `a settlement read in place says what was written`() throws {
  for seed in UInt64(0)..<50 {
    let settled = random(ForwardSettled.self, seed: seed)
    let bytes = try write(settled, time: 99)
    let record = RecordView(bytes.span)
    let view = ForwardSettledView(record)
    let wanted = settled.settlement
    #expect(record.time == Timestamp(microseconds: 99))
    #expect(record.user == wanted.party.user && record.key == wanted.party.key)
    #expect(record.admission == wanted.party.admission)
    #expect(record.serviceDay == wanted.party.serviceDay)
    #expect(view.group == wanted.group && view.account == wanted.account)
    #expect(view.model == wanted.model && view.pricedModel == wanted.pricedModel)
    #expect(view.subscription == wanted.subscription && view.target == wanted.target)
    #expect(view.isPartial == wanted.isPartial && view.isUnpriced == wanted.isUnpriced)
    #expect(view.input == wanted.usage.input && view.output == wanted.usage.output)
    #expect(view.cacheRead == wanted.usage.cacheRead)
    #expect(view.cacheWrite5m == wanted.usage.cacheWrite5m)
    #expect(view.cacheWrite1h == wanted.usage.cacheWrite1h)
    #expect(view.list == wanted.list && view.charged == wanted.charged)
    #expect(view.hold == wanted.hold && view.serviceTime == wanted.serviceTime)
    #expect(view.durationMilliseconds == Int64(wanted.duration.value))
  }
}

@Test func `an admission read in place says what was written`() throws {
  for seed in UInt64(0)..<50 {
    let checked = random(BillingChecked.self, seed: seed)
    let bytes = try write(checked)
    let view = BillingCheckedView(RecordView(bytes.span))
    #expect(view.group == checked.group && view.subscription == checked.subscription)
    #expect(view.target == checked.target && view.allowed == checked.allowed)
    #expect(view.hold == checked.hold && view.requestID == checked.requestID)
  }
}

@Test func `a record from an older version reads with the stated defaults`() throws {
  var bytes = try write(random(CreditAdded.self, seed: 1))
  // An older writer: fixed part ends before the amount, no strings.
  bytes = Array(bytes[..<36])
  bytes[0] = 36
  bytes[1] = 0
  bytes[6] = 36
  let credit = CreditAdded(RecordView(bytes.span))
  #expect(credit.amount == .zero && credit.externalID == "")
  #expect(credit.party.user == random(CreditAdded.self, seed: 1).party.user)
}

@Test func `bytes that cannot be a record are refused`() throws {
  let whole = try write(random(TailCut.self, seed: 3))
  for cut in 0..<whole.count {
    #expect(RecordView.lengthOfRecord(in: Array(whole[..<cut]).span, at: 0) == nil)
  }
  var short = whole
  short[0] = 15
  short[1] = 0
  #expect(RecordView.lengthOfRecord(in: short.span, at: 0) == nil)
  var wide = whole
  wide[6] = 255
  wide[7] = 255
  #expect(RecordView.lengthOfRecord(in: wide.span, at: 0) == nil)
}

@Test func `a record too long is refused and leaves the batch as it was`() throws {
  var writer = RecordWriter()
  _ = try writer.append(TimeZoneSet(), time: Timestamp(microseconds: 1))
  let before = writer.bytes
  var settings = SettingsDeclared()
  settings.settings = String(repeating: "x", count: 65_520)
  #expect(throws: RecordError.self) {
    try writer.append(settings, time: Timestamp(microseconds: 2))
  }
  #expect(writer.bytes == before)
}

@Test(arguments: [
  "msg_01XFDUDYJgAACzvnptvVoYEL", "req_011CSHoEeqs5C35K2UUqR7Fy", "msg_0", "abc", "0001",
  "msg_bdrk_01XFDUDYJgAACzvnptvVoYEL", "550e8400-e29b-41d4-a716-446655440000",
  "chatcmpl-9nKYEaT1c4bqEvQ2", "deadbeef", "DEADBEEF",
])
func `an upstream's id is packed and comes back letter for letter`(id: String) {
  #expect(PackedIdentifier(id)?.text == id)
}

@Test func `ids of any length and alphabet come back letter for letter or stay text`() {
  var random = SystemRandomNumberGenerator()
  let seed = UInt64.random(in: 0 ... .max, using: &random)
  var state = seed
  func next(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
  let alphabets = ["0123456789abcdef", "0Z", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz", "0-a"]
    .map { Array($0) }
  let prefixes = ["", "msg_", "req_", "msg_01", "req_01", "msg_bdrk_01", "chatcmpl-", "msg_0"]
  var packed = 0
  for _ in 0..<2000 {
    let alphabet = alphabets[next(alphabets.count)]
    let rest = String((0..<next(45)).map { _ in alphabet[next(alphabet.count)] })
    let id = prefixes[next(prefixes.count)] + rest
    guard let identifier = PackedIdentifier(id) else { continue }
    packed += 1
    #expect(identifier.text == id, "seed \(seed)")
  }
  #expect(packed > 500, "seed \(seed)")
}

@Test(arguments: ["", "msg_", "has space", "ü", "a-b", String(repeating: "z", count: 40)])
func `an id that does not fit is left as text`(id: String) {
  #expect(PackedIdentifier(id) == nil)
}

@Test func `a ULID's text sorts by time and reads back`() throws {
  let early = ULID(time: Timestamp(microseconds: 1_000_000), random: (UInt64.max, UInt64.max))
  let late = ULID(time: Timestamp(microseconds: 1_001_000), random: (0, 0))
  #expect(early.description < late.description)
  #expect(ULID(early.description) == early)
  #expect(early.bytes[6] == 0, "the partition")
  #expect(ULID("8ZZZZZZZZZZZZZZZZZZZZZZZZZ") == nil)
  #expect(ULID("0") == nil)
}
