// Commands that are more than a verb on the books: questions to the ledger itself, and long jobs.
public import Base
public import Ledger
public import Projections

extension AdministrationService {
  /// What GET /v1/usage says of a key.
  func usage(_ arguments: JSONObject) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: ["key"])
    let name = try given.required("key")
    let now = clock.now()
    let report = try live.withBooks { books throws(AdministrationError) in
      try UsageReport(ofKey: name, books, at: now)
    }
    try wait(for: report.basis)
    return report.json
  }

  func events(_ arguments: JSONObject) throws(AdministrationError) -> AdministrationAnswer {
    let (query, names) = try live.withBooks { books throws(AdministrationError) in
      (try EventQuery(arguments, books), EventNames(books))
    }
    do throws(LedgerError) {
      let page = try query.page(live.files, names)
      var answer = AdministrationAnswer(body: page.lines)
      answer.nextSequence = page.next
      return answer
    } catch {
      throw AdministrationError(error)
    }
  }

  func rebuild(_ report: @escaping Report) throws(AdministrationError) -> [UInt8] {
    do throws(LiveLedgerError) {
      let result = try live.rebuild { report($0.sequence.value, $0.last.value) }
      return RebuildAnswer.json(result)
    } catch {
      throw AdministrationError(error)
    }
  }

  /// {"published": a signed head that was kept elsewhere, "vkey": the key to check it with}
  func verify(
    _ arguments: JSONObject, _ report: @escaping Report
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: ["published", "vkey"])
    let published = try LedgerCheck.published(
      try given.text("published"), vkey: try given.text("vkey"), own: live.treeKey)
    do throws(LedgerError) {
      return try LedgerCheck.run(
        at: live.files.directory, until: live.durable, published: published, report)
    } catch {
      throw AdministrationError(error)
    }
  }
}

/// The answer of `rebuild`.
public enum RebuildAnswer {
  public static func json(_ report: RebuildReport) -> [UInt8] {
    JSONWriter.text {
      $0.object {
        $0.member("events", report.events)
        $0.member("equal", report.differences.isEmpty)
        $0.member("differences", texts: report.differences)
      }
    }
  }
}

extension UsageReport {
  /// What GET /v1/usage says of a key called by id, name or its text.
  public init(
    ofKey name: String, _ books: borrowing Books, at now: Timestamp
  ) throws(AdministrationError) {
    let key = try books.key(called: name)
    guard let user = books.catalog.user(key.user), let group = books.catalog.group(key.group)
    else { throw .failed("the key's user or group is missing from the books") }
    let settings = try? Configuration(parsing: Array(books.settings.utf8), folder: "/")
    let planName = (settings ?? Configuration()).gateway.planName
    self.init(key: key, user: user, group: group, planName: planName, books: books, at: now)
  }
}

extension AdministrationError {
  public init(_ error: LedgerError) {
    if case .damaged = error { self = .damaged("\(error)") } else { self = .failed("\(error)") }
  }
  public init(_ error: LiveLedgerError) {
    self = error.isDamage ? .damaged("\(error)") : .failed("\(error)")
  }
}
