// Questions to the past: a balance, a subscription, a key or what GET /v1/usage said, as they stood
// after some event. Answered from the newest snapshot before it and the events between.
//
//   {"sequence": N} or {"time": T}, "what": balance | subscription | usage | key, "name": of whom
public import Base
public import Ledger
public import Projections

/// A moment of the log.
public struct PastMoment: Sendable {
  /// The last event that counts.
  public let sequence: SequenceNumber
  /// What "now" is for windows and days: the time asked for, else that event's.
  let time: Timestamp?

  /// - Parameters:
  ///   - sequence: text of a number, or nil.
  ///   - time: RFC 3339 or "now", or nil; the moment is the last event at or before it.
  public init(
    sequence: String?, time: String?, in files: LedgerFiles, now: Timestamp
  ) throws(AdministrationError) {
    let last = files.durable
    switch (sequence, time) {
    case (nil, nil): throw .usage("name a moment: sequence (an event's number) or time (RFC 3339)")
    case (.some, .some): throw .usage("name one moment: sequence or time, not both")
    case (let text?, nil):
      guard let number = UInt64(text), number >= 1 else {
        throw .usage("sequence must be a number from 1, not \"\(text.clipped(toBytes: 64))\"")
      }
      guard number <= last.value else {
        throw .unknown("the log ends with event \(last); there is no event \(number)")
      }
      self.sequence = SequenceNumber(number)
      self.time = nil
    case (nil, let text?):
      guard let time = text == "now" ? now : Timestamp(text: text) else {
        throw .usage(
          "time must be RFC 3339, like 2026-01-31T00:00:00Z, or now, not "
            + "\"\(text.clipped(toBytes: 64))\"")
      }
      let after = time.microseconds == .max ? time.microseconds : time.microseconds + 1
      do throws(LedgerError) {
        let next = try RequestSearch.first(notBefore: after, in: files) ?? last.next
        self.sequence = SequenceNumber(max(1, next.value) - 1)
      } catch { throw AdministrationError(error) }
      guard self.sequence > .none else {
        throw .unknown("the log has no event at or before \(time.text())")
      }
      self.time = time
    }
  }
}

/// The question, parsed.
public struct AsOfQuestion: Sendable {
  enum What: String, CaseIterable {
    case balance, subscription, usage, key
  }
  private let what: What
  private let name: String
  let sequence: String?
  let time: String?

  public init(_ arguments: JSONObject) throws(AdministrationError) {
    let given = try AdministrationArguments(
      arguments, known: ["sequence", "time", "what", "name"])
    let word = try given.required("what")
    guard let what = What(rawValue: word) else {
      let known = What.allCases.map(\.rawValue)
      throw .usage(
        "what must be \(known.joined(separator: ", ")), not \"\(word.clipped(toBytes: 64))\""
          + NearestName.hint(word, among: known))
    }
    self.what = what
    name = try given.required("name")
    sequence = try given.text("sequence")
    time = try given.text("time")
  }

  /// - Parameter snapshots: of the ledger.
  public func answer(
    _ files: LedgerFiles, _ snapshots: Snapshots, now: Timestamp,
    progress: AdministrationService.Report? = nil
  ) throws(AdministrationError) -> [UInt8] {
    let moment = try PastMoment(sequence: sequence, time: time, in: files, now: now)
    let books: Books
    var told: (@Sendable (FoldProgress) -> Void)?
    if let progress {
      told = { (now: FoldProgress) -> Void in
        let before = now.first.value - 1
        progress(now.sequence.value - before, now.last.value - before)
      }
    }
    do throws(LiveLedgerError) {
      books = try snapshots.books(at: moment.sequence, progress: told)
    } catch { throw AdministrationError(error) }
    return try answer(books, moment)
  }

  private func answer(
    _ books: Books, _ moment: PastMoment
  ) throws(AdministrationError) -> [UInt8] {
    var books = books
    let time = moment.time ?? books.lastTime
    let context = AdministrationContext(actor: "", now: time)
    var json = JSONWriter()
    switch what {
    case .balance:
      let arguments = JSONObject([JSONObject.Member(name: "user", value: .string(name))])
      return Self.dated(
        try AdministrationVerb.balance.perform(&books, arguments, context), books)
    case .usage: return try UsageReport(ofKey: name, books, at: time).json
    case .key:
      KeyVerbs.write(try books.key(called: name), books, secret: nil, to: &json)
      return Self.dated(json.bytes, books)
    case .subscription:
      let user = try books.user(called: name)
      let entries = books.subscriptions.all.filter { $0.user == user.id }
      json.object { json in
        json.member(
          "subscriptions",
          array: { json in
            for entry in entries { SubscriptionVerbs.write(entry, books, time, to: &json) }
          })
      }
      return Self.dated(json.bytes, books)
    }
  }

  /// An answer with the moment it is of, as GET /v1/usage states it.
  private static func dated(_ answer: [UInt8], _ books: borrowing Books) -> [UInt8] {
    var json = JSONWriter()
    let (sequence, time) = (books.lastSequence, books.lastTime)
    json.object {
      $0.member("sequence", sequence.value)
      $0.member("time", time.text(fraction: .microseconds))
    }
    // The answer is an object with members: its last brace makes room.
    return answer.dropLast() + Array(",\"as_of\":".utf8) + json.bytes + Array("}".utf8)
  }
}

extension AdministrationService {
  func asOf(
    _ arguments: JSONObject, _ report: @escaping Report
  ) throws(AdministrationError) -> [UInt8] {
    let question = try AsOfQuestion(arguments)
    try wait(for: live.withBooks { books in books.lastSequence })
    return try question.answer(live.files, live.snapshots, now: clock.now(), progress: report)
  }
}
