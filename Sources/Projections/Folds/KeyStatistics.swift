// Statistics of each key: in all, by service day (the two newest), and the last five minutes as one
// bucket per second of booking time. Averages are (sum, count).
public import Base
public import Ledger

/// What a number of requests used and cost.
public struct UsageSum: Equatable, Sendable {
  public internal(set) var requests: Int64 = 0
  public internal(set) var input: Int64 = 0
  public internal(set) var output: Int64 = 0
  public internal(set) var cacheWrite: Int64 = 0
  public internal(set) var cacheRead: Int64 = 0
  /// At list price.
  public internal(set) var list = NanoUSD.zero
  /// As charged.
  public internal(set) var charged = NanoUSD.zero
  public init() {}
  public var tokens: Int64 { input &+ output &+ cacheWrite &+ cacheRead }

  /// Adds another sum of the same ledger.
  public mutating func merge(_ other: UsageSum) {
    requests &+= other.requests
    input &+= other.input
    output &+= other.output
    cacheWrite &+= other.cacheWrite
    cacheRead &+= other.cacheRead
    list.value &+= other.list.value
    charged.value &+= other.charged.value
  }

  /// With what corrections added.
  func corrected(by sum: CorrectionSum) -> UsageSum {
    var net = self
    net.list.value &+= sum.list.value
    net.charged.value &+= sum.charged.value
    return net
  }

  /// Token counts of an event are below 2^32: no log is long enough to overflow their sum.
  mutating func add(
    _ settled: borrowing ForwardSettledView, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    requests &+= 1
    input &+= settled.input
    output &+= settled.output
    cacheWrite &+= settled.cacheWrite5m &+ settled.cacheWrite1h
    cacheRead &+= settled.cacheRead
    try list.add(settled.list, "list prices", sequence)
    try charged.add(settled.charged, "charges", sequence)
  }

  mutating func columns(
    _ coder: inout some ColumnCoder, _ names: Names
  ) throws(StoreError) {
    try coder.column(names.requests, &requests)
    try coder.column(names.input, &input)
    try coder.column(names.output, &output)
    try coder.column(names.cacheWrite, &cacheWrite)
    try coder.column(names.cacheRead, &cacheRead)
    try coder.money(names.list, &list)
    try coder.money(names.charged, &charged)
  }
  /// Column names.
  struct Names {
    let requests, input, output, cacheWrite, cacheRead, list, charged: StaticString
  }
}

/// What corrections added to list prices and charges.
public struct CorrectionSum: Equatable, Sendable {
  public internal(set) var list = NanoUSD.zero
  public internal(set) var charged = NanoUSD.zero
  public init() {}

  mutating func add(
    list other: NanoUSD, charged otherCharged: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    try list.add(other, "a key's list corrections", sequence)
    try charged.add(otherCharged, "a key's corrections", sequence)
  }
}

/// One key's statistics.
public struct KeyStatisticsRow: StoredRow {
  public internal(set) var key = KeyID.none
  public internal(set) var total = UsageSum()
  /// Sum of the requests' durations in milliseconds.
  public internal(set) var durationSum: Int64 = 0
  /// The two newest service days; each in the half its number's last bit names.
  var evenDay = DayNumber(.min)
  var even = UsageSum()
  var oddDay = DayNumber(.min)
  var odd = UsageSum()
  /// What corrections added to `total`, `even` and `odd`.
  public internal(set) var corrected = CorrectionSum()
  var evenCorrected = CorrectionSum()
  var oddCorrected = CorrectionSum()
  public init() {}

  /// What was booked on one service day; nothing when it is not one of the two newest.
  public func day(_ day: DayNumber) -> UsageSum {
    if day == evenDay { return even }
    return day == oddDay ? odd : UsageSum()
  }
  /// Booked and corrected.
  public var net: UsageSum { total.corrected(by: corrected) }
  public func netDay(_ day: DayNumber) -> UsageSum {
    self.day(day).corrected(
      by: day == evenDay ? evenCorrected : day == oddDay ? oddCorrected : CorrectionSum())
  }

  mutating func correct(
    _ day: DayNumber, list: NanoUSD, charged: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    try corrected.add(list: list, charged: charged, sequence)
    if day == evenDay {
      try evenCorrected.add(list: list, charged: charged, sequence)
    } else if day == oddDay {
      try oddCorrected.add(list: list, charged: charged, sequence)
    }
  }

  mutating func add(
    _ settled: borrowing ForwardSettledView, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    try total.add(settled, sequence)
    durationSum &+= settled.durationMilliseconds
    let day = settled.record.serviceDay
    if day.value & 1 == 0 {
      if day > evenDay { (evenDay, even, evenCorrected) = (day, UsageSum(), CorrectionSum()) }
      if day == evenDay { try even.add(settled, sequence) }
    } else {
      if day > oddDay { (oddDay, odd, oddCorrected) = (day, UsageSum(), CorrectionSum()) }
      if day == oddDay { try odd.add(settled, sequence) }
    }
  }

  public static var table: String { "key_statistics" }
  public static var keyColumn: String { "key" }
  public var isVacant: Bool { key.isNone }
  public mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("id", &key)
    try total.columns(
      &coder,
      .init(
        requests: "requests", input: "input_tokens", output: "output_tokens",
        cacheWrite: "cache_write_tokens", cacheRead: "cache_read_tokens",
        list: "list_nano_usd", charged: "charged_nano_usd"))
    try coder.column("duration_ms_sum", &durationSum)
    try coder.field("even_day", &evenDay)
    try even.columns(
      &coder,
      .init(
        requests: "even_requests", input: "even_input_tokens", output: "even_output_tokens",
        cacheWrite: "even_cache_write_tokens", cacheRead: "even_cache_read_tokens",
        list: "even_list_nano_usd", charged: "even_charged_nano_usd"))
    try coder.field("odd_day", &oddDay)
    try odd.columns(
      &coder,
      .init(
        requests: "odd_requests", input: "odd_input_tokens", output: "odd_output_tokens",
        cacheWrite: "odd_cache_write_tokens", cacheRead: "odd_cache_read_tokens",
        list: "odd_list_nano_usd", charged: "odd_charged_nano_usd"))
    try coder.money("list_corrected_nano_usd", &corrected.list)
    try coder.money("corrected_nano_usd", &corrected.charged)
    try coder.money("even_list_corrected_nano_usd", &evenCorrected.list)
    try coder.money("even_corrected_nano_usd", &evenCorrected.charged)
    try coder.money("odd_list_corrected_nano_usd", &oddCorrected.list)
    try coder.money("odd_corrected_nano_usd", &oddCorrected.charged)
  }
}

/// All keys' statistics, indexed by key, and their last five minutes.
public struct KeyStatistics: Sendable {
  var rows = Table<KeyStatisticsRow>()
  var recent = RecentSeconds()
  init() {}

  /// A key's statistics; nothing when the key is unknown.
  public func statistics(of key: KeyID) -> KeyStatisticsRow {
    rows.holds(Int(key.value)) ? rows[Int(key.value)] : KeyStatisticsRow()
  }
  /// Counts a correction for the key, and for its service day while that is one of the two newest.
  mutating func correct(
    _ key: KeyID, on day: DayNumber, list: NanoUSD, charged: NanoUSD, _ sequence: SequenceNumber
  ) throws(FoldFault) {
    let index = Int(key.value)
    guard rows.holds(index) else { throw FoldFault(sequence, .unknown("key \(index)")) }
    var row = rows[index]
    try row.correct(day, list: list, charged: charged, sequence)
    rows.set(index, row)
  }
  /// Requests and tokens of the 300 seconds that end with `now`.
  public func lastFiveMinutes(
    of key: KeyID, at now: Timestamp
  ) -> (requests: Int64, tokens: Int64) {
    recent.sum(of: key, at: now)
  }
}

extension KeyStatistics: Projection {
  public static let version = 2

  public mutating func apply(
    _ record: RecordView, sequence: SequenceNumber
  ) throws(FoldFault) {
    switch RecordType(rawValue: record.type) {
    case .keyIssued:
      var row = KeyStatisticsRow()
      row.key = KeyID(record.u32(16))
      rows.append(row)
      recent.extend(to: row.key)
    case .forwardSettled, .lateSettled:
      let settled = ForwardSettledView(record)
      let index = Int(record.key.value)
      guard rows.holds(index) else {
        throw FoldFault(sequence, .unknown("key \(index)"))
      }
      var row = rows[index]
      try row.add(settled, sequence)
      rows.set(index, row)
      let tokens =
        settled.input &+ settled.output &+ settled.cacheWrite5m &+ settled.cacheWrite1h
        &+ settled.cacheRead
      recent.add(record.key, at: record.time, tokens: tokens)
    default: break
    }
  }
}
