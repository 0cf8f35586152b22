// GET /v1/usage?days=N and ?as_of=MOMENT: what the calling key used on each of the last days, and
// what its usage was at another moment. Both read files: answered off the reactor, two at a time.
//
//   days     1 ... 90: adds daily_usage (a row for each local day, today last) and model_stats
//   as_of    RFC 3339, or a sequence number: the answer as it stood after that event
import Base
import HTTP
import Ledger
import Projections
import Synchronization

/// Bounds the questions that fold or read files. A fold costs up to half a second of a core: two at
/// a time, one of each user. Days cost under a millisecond: eight.
final class HistoryDesk: Sendable {
  private struct Taken {
    var folds: Set<UserID> = []
    var days = 0
  }
  private static let folds = 2
  private static let days = 8
  private let taken = Mutex(Taken())

  /// A place, given back when nobody holds it any more.
  final class Place: Sendable {
    private let desk: HistoryDesk
    /// Whose fold it is; nil = days.
    private let user: UserID?
    init(_ desk: HistoryDesk, _ user: UserID?) {
      self.desk = desk
      self.user = user
    }
    deinit {
      desk.taken.withLock { taken in
        if let user { taken.folds.remove(user) } else { taken.days -= 1 }
      }
    }
  }

  /// - Parameter user: of a fold; nil for days.
  /// - Returns: nil when all places are taken.
  func place(foldingFor user: UserID?) -> Place? {
    let isFree = taken.withLock { taken in
      guard let user else {
        guard taken.days < Self.days else { return false }
        taken.days += 1
        return true
      }
      return taken.folds.count < Self.folds && taken.folds.insert(user).inserted
    }
    return isFree ? Place(self, user) : nil
  }
}

/// The last days of a key.
struct UsageDays: Sendable {
  static let range = 1...90
  let cells: [DailyCell]
  let names: EventNames
  let from: DayNumber
  let to: DayNumber

  /// Members of the answer's object.
  func write(to json: inout JSONWriter) {
    var days: [DayNumber: UsageSum] = [:]
    var models: [ModelID: UsageSum] = [:]
    for cell in cells {
      days[cell.key.day, default: UsageSum()].merge(cell.net)
      models[cell.key.model, default: UsageSum()].merge(cell.net)
    }
    json.member(
      "daily_usage",
      array: { json in
        for value in from.value...to.value {
          json.object {
            $0.member("date", DayNumber(value).description)
            UsageReport.members(days[DayNumber(value)] ?? UsageSum(), to: &$0)
          }
        }
      })
    let sorted = models.sorted { ($1.value.charged, $0.key) < ($0.value.charged, $1.key) }
    json.member(
      "model_stats",
      array: { json in
        for (model, sum) in sorted {
          json.object {
            $0.member("model", names.model(model) ?? "")
            UsageReport.members(sum, to: &$0)
          }
        }
      })
  }
}

extension Gateway {
  /// - Parameter caller: authenticated.
  func usageHistory(
    _ request: Request, _ caller: Caller, _ client: Client, _ trace: RequestTrace
  ) async throws(Answer) {
    guard let service = administration.service else { throw .billingUnavailable }
    let (days, moment) = (request.queryValue("days"), request.queryValue("as_of"))
    if days != nil, moment != nil {
      throw Answer(400, "invalid_request_error", "days and as_of cannot be combined")
    }
    let planName = snapshot.configuration.gateway.planName
    let count = days.flatMap { Int($0) }
    if days != nil, count.map({ !UsageDays.range.contains($0) }) ?? true {
      throw Answer(400, "invalid_request_error", "days must be a whole number from 1 to 90")
    }
    let now = wallClock.now()
    // Before a thread is started for it.
    guard let place = historyDesk.place(foldingFor: count == nil ? caller.user.id : nil) else {
      throw Answer(
        503, "api_error", "too many questions to history at a time; try again in a second")
    }
    let made = await administration.readers.run(
      { _ in
        withExtendedLifetime(place) {
          do throws(AdministrationError) {
            if let count {
              return AdministrationAnswer(
                body: try service.usage(of: caller, days: count, planName: planName, at: now))
            }
            return AdministrationAnswer(
              body: try service.usage(of: caller, asOf: moment ?? "", planName: planName, at: now))
          } catch { return AdministrationAnswer(error) }
        }
      }, for: client)
    switch made.status {
    case 200: break
    case 503: throw Answer(503, "api_error", Self.message(made))
    case 400..<500: throw Answer(made.status, "invalid_request_error", Self.message(made))
    default: throw .billingUnavailable
    }
    var headers = ResponseHeaders.json(trace.id)
    headers.add("cache-control", "no-store")
    client.respond(status: 200, headers: headers, body: made.body)
  }

  private static func message(_ answer: AdministrationAnswer) -> String {
    (try? JSONParser().parse(answer.body))?["error"]?["message"]?.string ?? "try again"
  }
}

extension AdministrationService {
  func usage(
    of caller: Caller, days count: Int, planName: String, at now: Timestamp
  ) throws(AdministrationError) -> [UInt8] {
    let (report, names, today) = live.withBooks { books in
      (
        UsageReport(caller: caller, planName: planName, books: books, at: now),
        EventNames(copy books), books.zone.day(of: max(now, books.lastTime))
      )
    }
    let from = today.advanced(by: Int32(1 - count))
    let read: KeyCells
    do throws(LiveLedgerError) {
      read = try live.cells(of: caller.key.id, from: from, to: today)
    } catch { throw AdministrationError(error) }
    try wait(for: max(report.basis, read.basis))
    let days = UsageDays(cells: read.cells, names: names, from: from, to: today)
    return report.json(adding: { days.write(to: &$0) })
  }

  /// - Parameter moment: RFC 3339 or a sequence number.
  func usage(
    of caller: Caller, asOf moment: String, planName: String, at now: Timestamp
  ) throws(AdministrationError) -> [UInt8] {
    let isNumber = !moment.isEmpty && moment.utf8.allSatisfy { (0x30...0x39).contains($0) }
    let past = try PastMoment(
      sequence: isNumber ? moment : nil, time: isNumber ? nil : moment, in: live.files, now: now)
    let books: Books
    do throws(LiveLedgerError) { books = try live.snapshots.books(at: past.sequence) } catch {
      throw AdministrationError(error)
    }
    guard let key = books.catalog.key(caller.key.id), let user = books.catalog.user(key.user),
      let group = books.catalog.group(key.group)
    else { throw .unknown("the key did not exist at that moment") }
    return UsageReport(
      key: key, user: user, group: group, planName: planName, books: books,
      at: past.time ?? books.lastTime
    ).json
  }
}
