// Books: the live state, the next sequence number and the batch being built. One value behind one
// lock: whoever decides about money reads it, appends the event and has its effect in one critical
// section. It knows no file, no thread, no clock: the time comes with each call.
//
// Appending encodes the event, checks it against the state, stamps it, and folds the bytes as
// written: live equals replay because both are `apply`.
public import Base
public import Ledger

/// The live state of a ledger. It lives behind one Mutex; a copy of it is a snapshot.
public struct Books: Sendable {
  public internal(set) var catalog = Catalog()
  public internal(set) var balances = Balances()
  public internal(set) var quotas = KeyQuotas()
  public internal(set) var subscriptions = Subscriptions()
  public internal(set) var keyStatistics = KeyStatistics()
  public internal(set) var dailyCells = DailyCells()
  public internal(set) var openRequests = OpenRequests()
  public internal(set) var accounts = Accounts()
  public internal(set) var prices = PriceShelf()
  public internal(set) var corrections = Corrections()
  public internal(set) var commands = Commands()
  /// Name of the zone whose midnights begin the days, and the settings last declared (JSON).
  public internal(set) var zoneName = "UTC"
  public internal(set) var settings = "{}"

  public internal(set) var nextSequence = SequenceNumber.first
  /// The time of the last event.
  public internal(set) var lastTime = Timestamp(microseconds: 0)
  /// Local days by `zoneName`.
  public private(set) var zone: LocalZone
  /// Events appended that the writer has not taken yet.
  public internal(set) var batch: PendingBatch

  /// The last events that touched what callers may ask about.
  private var touches = Touches()

  /// The row of scalars, filled when a checkpoint begins.
  var state = Table<LedgerState>()
  private var writer = RecordWriter()
  private var isClockBehind = false

  /// Empty books.
  public init() {
    zone = LocalZone.utc
    batch = PendingBatch(after: .none, lastTime: lastTime)
  }

  /// The last event of this run that touched what a user may be told: balance, windows, statistics,
  /// or what administration says of them. An answer waits until it is durable.
  public func lastTouch(of user: UserID) -> SequenceNumber { touches.last(of: user) }

  /// The last event's sequence number; `.none` before the first.
  public var lastSequence: SequenceNumber { SequenceNumber(nextSequence.value - 1) }

  // MARK: - Appending

  /// Appends an event and folds it.
  ///
  /// Stamped here: the time, `max(now, time of the last event)`; an admission's own sequence
  /// number; the service day of admissions, credits, rejected and counted requests (the local day
  /// of that time); `effectiveFrom` 0 of a price book, which means now. A clock more than a second
  /// behind the log is recorded first, once.
  /// - Throws: `.full` until the writer took the batch (events that end a granted request may use
  ///   2 MiB more than others); `.tooLong`; `.refused` when the event contradicts the state.
  ///   Nothing was appended then.
  @discardableResult
  public mutating func append(
    _ payload: some RecordPayload, now: Timestamp
  ) throws(BooksError) -> SequenceNumber {
    if now < lastTime {
      if !isClockBehind, lastTime.microseconds - now.microseconds > 1_000_000 {
        isClockBehind = true
        var stepped = ClockStepped()
        stepped.clock = now
        do throws(BooksError) { try write(stepped, time: lastTime) } catch {
          isClockBehind = false
          throw error
        }
      }
    } else {
      isClockBehind = false
    }
    return try write(payload, time: max(now, lastTime))
  }

  @discardableResult
  private mutating func write<Payload: RecordPayload>(
    _ payload: Payload, time: Timestamp
  ) throws(BooksError) -> SequenceNumber {
    var writer = RecordWriter()
    swap(&writer, &self.writer)
    defer { swap(&writer, &self.writer) }
    writer.removeAll()
    do throws(RecordError) { _ = try writer.append(payload, time: time) } catch {
      switch error {
      case .tooLong(let length): throw .tooLong(length: length)
      }
    }
    stamp(&writer, Payload.type, time)
    let record = RecordView(writer.bytes.span)
    let sequence = nextSequence
    if let refusal = refusal(of: record, Payload.type) { throw .refused(refusal) }
    guard
      case .appended(let given, _) = batch.append(
        record: record.bytes, reserve: Payload.type.endsGrantedRequest ? .settlement : .ordinary,
        joinsEventBefore: Payload.type.joinsEventBefore)
    else { throw .full }
    precondition(given == sequence, "the batch numbers its events differently")
    do throws(FoldFault) { try apply(record, sequence: sequence) } catch {
      preconditionFailure("an event was appended that cannot be folded: \(error)")
    }
    touches.note(record, Payload.type, sequence)
    if Payload.type == .timeZoneSet, let zone = try? LocalZone(named: zoneName) {
      self.zone = zone
    }
    return sequence
  }

  private func stamp(_ writer: inout RecordWriter, _ type: RecordType, _ time: Timestamp) {
    switch type {
    case .billingChecked:
      if BillingCheckedView(RecordView(writer.bytes.span)).allowed {
        writer.stamp(nextSequence.value, at: 24)
      }
      writer.stamp(zone.day(of: time).value, at: 32)
    case .creditAdded, .requestRejected, .tokensCounted:
      writer.stamp(zone.day(of: time).value, at: 32)
    case .priceBookPublished:
      if RecordView(writer.bytes.span).u64(24) == 0 { writer.stamp(time.microseconds, at: 24) }
    default: break
    }
  }

  /// Interns a model's name; only for names from the configuration and price books.
  public mutating func internModel(
    _ text: String, now: Timestamp
  ) throws(BooksError) -> ModelID {
    if let known = catalog.modelID(text) { return known }
    let id = catalog.nextModel
    var name = NameDefined()
    name.kind = .model
    name.id = id.value
    name.text = text
    try append(name, now: now)
    return id
  }

  public func modelID(_ text: String) -> ModelID? { catalog.modelID(text) }

  /// Interns a user agent (cut to 128 bytes by the caller).
  /// - Returns: none when it is empty, longer, or the 4,096 numbers are used up: it stands inline.
  public mutating func internUserAgent(
    _ text: String, now: Timestamp
  ) throws(BooksError) -> UserAgentID {
    if let known = catalog.userAgentID(text) { return known }
    let id = catalog.nextUserAgent
    guard !text.isEmpty, text.utf8.count <= Catalog.userAgentLength,
      Int(id.value) <= Catalog.userAgentLimit
    else { return .none }
    var name = NameDefined()
    name.kind = .userAgent
    name.id = id.value
    name.text = text
    try append(name, now: now)
    return id
  }

  // MARK: - After replay

  /// Takes the zone in force; replay itself asks no zone.
  mutating func adoptZone() throws(BooksError) {
    do { zone = try LocalZone(named: zoneName) } catch {
      throw .refused(.unknownZone(zoneName))
    }
  }
  /// Takes another fold of the same log in the place of this state; the batch stays.
  /// - Precondition: both stand at the same event.
  mutating func replaceState(with other: Books) throws(BooksError) {
    precondition(other.nextSequence == nextSequence, "the other state stands elsewhere")
    let (batch, writer, isClockBehind) = (self.batch, self.writer, self.isClockBehind)
    self = other
    self.batch = batch
    self.writer = writer
    self.isClockBehind = isClockBehind
    try adoptZone()
  }
  /// Names, declarations, prices and jobs as they stand, without what each request changes: to be
  /// kept for a while. A whole copy would make the next event copy every table under the lock.
  public func withoutSums() -> Books {
    var lean = Books()
    lean.catalog = catalog
    lean.accounts = accounts
    lean.prices = prices
    lean.corrections = corrections
    lean.zoneName = zoneName
    lean.zone = zone
    lean.settings = settings
    lean.nextSequence = nextSequence
    lean.lastTime = lastTime
    return lean
  }
  /// Goes on with the log that was folded: events are appended behind it.
  mutating func beginAppending() {
    batch = PendingBatch(after: lastSequence, lastTime: lastTime)
  }
}

extension RecordType {
  /// Events that end or go on with something that was granted or done: they may use the batch's
  /// reserve.
  var endsGrantedRequest: Bool {
    switch self {
    case .forwardSettled, .forwardFailed, .requestIntercepted, .fallbackGroupUsed,
      .outcomeUnknown, .lateSettled, .attemptFailed, .clockStepped, .accountStateChanged,
      .commandAnswered:
      true
    default: false
    }
  }
}
