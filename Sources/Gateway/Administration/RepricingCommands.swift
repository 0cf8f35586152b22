// Re-pricing as a command: the dry run, the job that makes it so, and the one that takes it back.
//
// A job's corrections are appended in slices, between which traffic finds room. They change nothing
// until the closing event, which makes all of them take effect as one. What fails in between is
// closed as abandoned: here at once, after a crash by the next open.
import Base
import Ledger
public import Projections
import Synchronization

/// Lets one command of a kind run at a time.
final class CommandTurn: Sendable {
  private let isTaken = Atomic(false)

  func take(_ refusal: String) throws(AdministrationError) {
    if isTaken.exchange(true, ordering: .acquiringAndReleasing) { throw .busy(refusal) }
  }
  func giveBack() { isTaken.store(false, ordering: .releasing) }
}

extension AdministrationService {
  /// Corrections appended at once.
  private static let repricingSlice = 200

  func reprice(
    _ arguments: JSONObject, _ report: @escaping Report
  ) throws(AdministrationError) -> [UInt8] {
    let question = try RepricingQuestion(arguments, copyOfBooks(), now: clock.now())
    return try question.dryRun(live.files, progress: report)
  }

  /// The books as they are, without sums, once everything in them is durable.
  func copyOfBooks() throws(AdministrationError) -> Books {
    let books = live.withBooks { books in books.withoutSums() }
    try wait(for: books.lastSequence)
    return books
  }

  func applyRepricing(
    _ arguments: JSONObject, actor: String, _ report: @escaping Report
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(
      arguments, known: RepricingQuestion.arguments + ["reason"])
    _ = try given.required("reason")
    let authorship = Authorship(actor: actor, reason: try given.reason())
    try takeRepricingTurn()
    defer { repricingTurn.giveBack() }
    let question = try RepricingQuestion(
      arguments, copyOfBooks(), now: clock.now(), more: ["reason"])
    let answer = try question.plan(live.files, progress: report)
    let changed = answer.plan.changed
    guard !changed.isEmpty else {
      return answer.json(applied: false, job: nil, book: question.known)
    }
    let book = try importedBook(question, authorship)
    var state = RepricingState()
    state.book = book
    state.base = answer.plan.base
    state.authorship = authorship
    let events = changed.map { cell in
      var event = ChargeCorrected()
      event.party = Party(
        user: cell.key.user, key: cell.key.key, admission: .none, serviceDay: cell.key.day)
      event.group = cell.key.group
      event.model = cell.key.model
      event.target = cell.key.target
      event.subscription = cell.subscription
      event.listDelta = cell.listDelta
      event.chargedDelta = cell.chargedDelta
      return event
    }
    let job = try carryOut(events, state) { RepricingApplied($0) }
    return answer.json(applied: true, job: job, book: book)
  }

  /// The book with the question's prices: recorded already, or imported, never in force by itself.
  private func importedBook(
    _ question: RepricingQuestion, _ authorship: Authorship
  ) throws(AdministrationError) -> PriceBookID {
    if let known = question.known { return known }
    guard let file = question.file else { throw .failed("the price book is missing") }
    var publication = PriceImport.Publication(authorship: authorship)
    publication.effectiveFrom = Timestamp(microseconds: .max)
    return try file.publish(in: live, clock: clock, publication)
  }

  /// A second job would take its base while the first is not closed.
  private func takeRepricingTurn() throws(AdministrationError) {
    try repricingTurn.take("another re-pricing is being applied; try again when it is done")
  }

  // MARK: - Taking back

  func revertRepricing(
    _ arguments: JSONObject, actor: String
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: ["job", "reason"])
    guard let number = try given.integer("job", in: 1...Int64(UInt32.max)) else {
      throw .usage("job is missing: the number that `reprice --apply` gave")
    }
    let authorship = Authorship(actor: actor, reason: try given.reason())
    try takeRepricingTurn()
    defer { repricingTurn.giveBack() }
    let books = try copyOfBooks()
    let job = try Self.revertible(UInt32(number), books)
    let later = books.corrections.allJobs.filter {
      $0.job > job.job && $0.progress == .applied && $0.reverts == 0
    }
    let read: JobCorrections
    do throws(LiveLedgerError) {
      read = try JobCorrections(
        of: job.job, in: live.files, behind: job.base, blocking: Set(later.map(\.job)))
    } catch { throw AdministrationError(error) }
    if let blocked = read.blocked {
      throw .conflict(
        "job \(blocked) changed the same charges after job \(job.job); take job \(blocked) back "
          + "first")
    }
    guard read.events.count == Int(job.count) else {
      throw .damaged(
        "job \(job.job) has \(job.count) corrections, \(read.events.count) were found in the log")
    }
    var state = RepricingState()
    state.book = job.book
    state.base = books.lastSequence
    state.reverts = job.job
    state.authorship = authorship
    let events = read.events.map { _, event in
      var negative = event
      negative.listDelta = NanoUSD(-event.listDelta.value)
      negative.chargedDelta = NanoUSD(-event.chargedDelta.value)
      return negative
    }
    let new = try carryOut(events, state) { RepricingReverted($0) }
    return JSONWriter.text {
      $0.object {
        $0.member("job", new)
        $0.member("reverts", job.job)
        $0.member("corrections", events.count)
        $0.member("difference_usd", money: NanoUSD(-job.chargedDelta.value))
      }
    }
  }

  private static func revertible(
    _ number: UInt32, _ books: borrowing Books
  ) throws(AdministrationError) -> RepricingJob {
    guard let job = books.corrections.job(number) else {
      throw .unknown("no re-pricing job \(number); `daybook reprice --list` shows them")
    }
    switch job.progress {
    case .applied where job.reverts == 0: return job
    case .applied:
      throw .conflict(
        "job \(number) took job \(job.reverts) back; re-price again instead of taking that back")
    case .reverted: throw .conflict("job \(number) was taken back already")
    case .abandoned: throw .conflict("job \(number) was abandoned: it changed nothing")
    case .pending, .unrecognized: throw .conflict("job \(number) is not closed")
    }
  }

  // MARK: - A job

  /// Appends a job's corrections and what closes it.
  /// - Returns: its number, once all of it is durable.
  private func carryOut(
    _ events: [ChargeCorrected], _ state: RepricingState,
    closing: (RepricingState) -> some RecordPayload
  ) throws(AdministrationError) -> UInt32 {
    var state = state
    for event in events {
      let list = state.listDelta.value.addingReportingOverflow(event.listDelta.value)
      let charged = state.chargedDelta.value.addingReportingOverflow(event.chargedDelta.value)
      guard !list.overflow, !charged.overflow else {
        throw .failed("the corrections add up to more than the ledger's range")
      }
      state.listDelta = NanoUSD(list.partialValue)
      state.chargedDelta = NanoUSD(charged.partialValue)
    }
    state.count = UInt64(events.count)
    do throws(AdministrationError) {
      for start in stride(from: 0, to: events.count, by: Self.repricingSlice) {
        let slice = events[start..<min(start + Self.repricingSlice, events.count)]
        state.job = try append(slice, to: state.job)
      }
      let last = try appendWhenRoom(closing(state))
      try wait(for: last)
    } catch {
      if state.job != 0 { abandon(state) }
      throw error
    }
    return state.job
  }

  /// - Parameter job: 0 = the next one.
  /// - Returns: the job's number.
  private func append(
    _ slice: ArraySlice<ChargeCorrected>, to job: UInt32
  ) throws(AdministrationError) -> UInt32 {
    var number = job
    for event in slice {
      var event = event
      if number == 0 { number = live.withBooks { books in books.corrections.nextJob } }
      event.job = number
      _ = try appendWhenRoom(event)
    }
    try wait(for: live.withBooks { books in books.lastSequence })
    return number
  }

  /// Appends an event; while the batch is full, what is in it becomes durable first.
  private func appendWhenRoom(
    _ payload: some RecordPayload
  ) throws(AdministrationError) -> SequenceNumber {
    while true {
      do throws(AdministrationError) {
        return try live.withBooks { books throws(AdministrationError) in
          do throws(BooksError) { return try books.append(payload, now: clock.now()) } catch {
            throw AdministrationError(error)
          }
        }
      } catch .busy {
        try wait(for: live.withBooks { books in SequenceNumber(books.batch.first.value) })
      } catch { throw error }
    }
  }

  /// Closes a job that could not be finished. When even that fails, the next open does it.
  private func abandon(_ state: RepricingState) {
    let job = live.withBooks { books in books.corrections.job(state.job) }
    guard let job, job.progress == .pending else { return }
    var event = RepricingAbandoned()
    event.state.job = job.job
    event.state.count = UInt64(job.count)
    event.state.listDelta = job.listDelta
    event.state.chargedDelta = job.chargedDelta
    event.state.authorship = Authorship(
      actor: state.authorship.actor, reason: "the job could not be finished")
    if let last = try? appendWhenRoom(event) { try? wait(for: last) }
  }
}

/// The jobs there were.
public enum RepricingJobs {
  public static func json(_ books: borrowing Books) -> [UInt8] {
    let names = EventNames(copy books)
    let jobs = books.corrections.allJobs
    return JSONWriter.text { json in
      json.array { json in
        for job in jobs {
          json.object {
            $0.member("job", job.job)
            $0.member("progress", job.progress.name)
            $0.member("book", optional: names.priceBook(job.book))
            $0.member("base_sequence", job.base.value)
            $0.member("corrections", job.count)
            $0.member("difference_usd", money: job.chargedDelta)
            RepricingAnswer.number("reverts", job.reverts == 0 ? nil : UInt64(job.reverts), &$0)
          }
        }
      }
    }
  }
}
